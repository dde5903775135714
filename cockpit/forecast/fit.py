"""How long the rest of a transfer takes, from how long its last pieces took: time = setup x files + bytes / speed.

Pure arithmetic over pieces of work in order. Refuses to know clocks, phases and stalls: who feeds it leaves those out.

The plane of the model goes through what the recent pieces took in all (T seconds for F files and B bytes), so that it
is right on the average whatever it thinks of a single piece; which share of T the bytes account for is what makes the
pace of the pieces most even. Every share is tried and weighs as much as it explains: where the pieces can't tell (files
all of one size) the range is as wide as what is not known.

The spread of what is left is that of resampled blocks of pieces, in closed form: a block bootstrap's mean of k future
blocks out of n seen ones varies by s^2 (1/k + 1/n) (Efron & Tibshirani, An Introduction to the Bootstrap, ch. 5 and 8).
Without its dice a replay computes the same.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from operator import mul
from statistics import median

BEAT = 0.9  # s: samples come each second, but one may be a little late, and the next a little early
SHORTEST, LONGEST, GROWTH = BEAT, 15.0, 0.05  # s of a piece: a share of the work's age, within these bounds
KEPT = 64  # pieces
YOUNG = 16  # pieces: up to so many, what came of the next one counts too; a copy of half a minute is over before it is whole
MEMORY = (60.0, 600.0)  # s: a piece counts 1/e after the time that is left, within these bounds
SHARES = {0.0: 1.0, 0.25: 1.0, 0.5: 1.0, 0.75: 1.0, 1.0: 6.0}  # of the time that bytes may account for -> how likely before
# anything is seen: where the pieces can't tell, bytes are believed, since an end that is told too early is the worse mistake
SPIKE = 4.0  # times the usual pace: what lay there already is counted in no time, and says nothing of the rest
USUAL = 8  # pieces until anything is usual: of three, one that is faster may as well be the rule
BLOCK = 3  # pieces that are resampled together, since neighbours are alike
DOUBT, TRUST = 0.3, 2.0  # spread (of logarithms) of a pace before it is seen, and how many blocks that is worth
EVEN = 0.05  # a difference of pace that is noise in any case
NEW_LEVEL = (8, 30.0, 0.15)  # pieces, seconds, departure: a run on one side of the mean is another pace, not noise
QUANTILES = (-1.2816, -0.5244, 0.0, 0.5244, 1.2816)  # of the normal law, at 10, 30, 50, 70 and 90 %


@dataclass(frozen=True, slots=True)
class Piece:
    seconds: float
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds: one in ten ends before `soon`, one in two before `p50`, nine in ten before `p90`."""

    soon: float
    p50: float
    p90: float


class Fit:
    """Fed what was done since the last time; knows the newest `KEPT` pieces."""

    def __init__(self) -> None:
        self.pieces: deque[Piece] = deque(maxlen=KEPT)
        self._seconds, self._files, self._bytes = 0.0, 0, 0  # of the piece that is open
        self._age = 0.0

    def feed(self, seconds: float, files: int, size: int) -> bool:
        """Whether there is more to tell the time left from: a piece was completed, or it is young."""
        self._seconds, self._files, self._bytes = self._seconds + seconds, self._files + files, self._bytes + size
        self._age += seconds
        if self._seconds < min(LONGEST, max(SHORTEST, GROWTH * self._age)):
            return len(self.pieces) < YOUNG
        self.pieces.append(self._open())
        self._seconds, self._files, self._bytes = 0.0, 0, 0
        return True

    def _open(self) -> Piece:
        return Piece(self._seconds, self._files, self._bytes)

    def copy(self) -> Fit:
        twin = copy(self)
        twin.pieces = self.pieces.copy()
        return twin

    def left(self, files: int | None, size: int, horizon: float) -> Left | None:
        """For what is left of files (None: not counted) and bytes. `horizon`: seconds that were left by the last answer,
        which decides how far back it looks. None before one piece is known."""
        pieces = list(self.pieces)
        if 0 < len(pieces) < YOUNG and self._seconds:
            pieces.append(self._open())
        if not pieces:
            return None
        memory = min(MEMORY[1], max(MEMORY[0], horizon))
        plane = _Plane(pieces, memory, files is not None)
        run = _newest_run(pieces, plane.best.residuals)
        if run:
            plane = _Plane(pieces[-run:], memory, files is not None)
        return plane.left(files or 0, size)


@dataclass(slots=True)
class _Share:
    """One share of the bytes: how uneven the pace of the pieces is under it, and their residuals (logarithms)."""

    share: float
    residuals: list[float]
    loss: float


class _Plane:
    def __init__(self, pieces: list[Piece], memory: float, counted: bool) -> None:
        self.pieces, self.weights = pieces, _weights(pieces, memory)
        self.weight = sum(self.weights)
        self.seconds, self.files, self.bytes = _sums(_calmed(pieces), self.weights)
        shares = tuple(SHARES) if counted and self.files and self.bytes else (1.0,) if self.bytes else (0.0,)
        self.shares = [self._try(share) for share in shares]
        self.best = min(self.shares, key=lambda s: s.loss)

    def _try(self, share: float) -> _Share:
        of_file, of_byte = self._worth(share)
        found = [log(p.seconds / self.seconds / max(of_file * p.files + of_byte * p.bytes, 0.05 * p.seconds / self.seconds))
                 for p in self.pieces]
        mean = sum(map(mul, self.weights, found)) / self.weight
        loss = sum(w * (r - mean) ** 2 for w, r in zip(self.weights, found, strict=True)) / self.weight
        return _Share(share, found, loss + EVEN**2)

    def _worth(self, share: float) -> tuple[float, float]:
        """Of a file and of a byte, as shares of what the pieces were in all."""
        return (1 - share) / self.files if self.files else 0.0, share / self.bytes if self.bytes else 0.0

    def left(self, files: int, size: int) -> Left:
        """A mixture over the shares, each as likely as it is even, and within each over the pace to come."""
        seen = self.weight**2 / sum(w * w for w in self.weights) / BLOCK
        points: list[tuple[float, float]] = []
        for share in self.shares:
            of_file, of_byte = self._worth(share.share)
            rest = self.seconds * (of_file * files + of_byte * size)
            likely = SHARES[share.share] * (self.best.loss / share.loss) ** (seen / 2)
            spread = _spread(share.residuals) * sqrt(1 / max(1.0, rest / self._block()) + 1 / max(1.0, seen))
            points += [(rest * exp(q * spread), likely) for q in QUANTILES]
        points.sort()
        return Left(_quantile(points, 0.1), _quantile(points, 0.5), _quantile(points, 0.9))

    def _block(self) -> float:
        return BLOCK * sum(p.seconds for p in self.pieces) / len(self.pieces)


def _weights(pieces: list[Piece], memory: float) -> list[float]:
    found, age = [0.0] * len(pieces), 0.0
    for i in range(len(pieces) - 1, -1, -1):
        age += pieces[i].seconds / 2
        found[i] = exp(-age / memory)
        age += pieces[i].seconds / 2
    return found


def _calmed(pieces: list[Piece]) -> list[Piece]:
    """Without the spikes: a piece that was many times faster than is usual counts as a usual one."""
    if len(pieces) < USUAL:
        return pieces
    kinds = ([p.bytes / p.seconds for p in pieces], [p.files / p.seconds for p in pieces])
    times = [[pace / usual for pace in paces] for paces in kinds if (usual := median(paces))]
    over = map(min, zip(*times, strict=True)) if times else [0.0] * len(pieces)
    return [p if x <= SPIKE else Piece(p.seconds, int(p.files / x), int(p.bytes / x)) for p, x in zip(pieces, over, strict=True)]


def _sums(pieces: list[Piece], weights: list[float]) -> tuple[float, float, float]:
    seconds, files, sizes = zip(*((p.seconds, p.files, p.bytes) for p in pieces), strict=True)
    return sum(map(mul, weights, seconds)), sum(map(mul, weights, files)), sum(map(mul, weights, sizes))


def _newest_run(pieces: list[Piece], residuals: list[float]) -> int:
    """How many of the newest pieces are all on one side of the mean, for long enough to be another pace; else 0."""
    count, seconds, departure = NEW_LEVEL
    n, span = 0, 0.0
    side = residuals[-1] > 0
    while n < len(pieces) and (residuals[-1 - n] > 0) == side:
        n, span = n + 1, span + pieces[-1 - n].seconds
    away = abs(sum(residuals[-n:]) / n)
    return n if n < len(pieces) and n >= count and span >= seconds and away >= departure else 0


def _spread(residuals: list[float]) -> float:
    """Of the means of neighbouring pieces; what is not seen yet is doubted."""
    blocks = [sum(residuals[i : i + BLOCK]) / BLOCK for i in range(0, len(residuals) - BLOCK + 1, BLOCK)]
    if not blocks:
        return DOUBT
    mean = sum(blocks) / len(blocks)
    return sqrt((sum((b - mean) ** 2 for b in blocks) + TRUST * DOUBT**2) / (len(blocks) - 1 + TRUST))


def _quantile(points: list[tuple[float, float]], share: float) -> float:
    """Of weighted points in order, between neighbours as if evenly."""
    total = sum(w for _, w in points)
    below, last = 0.0, (-inf, 0.0)
    for value, weight in points:
        middle = below + weight / 2
        if middle >= share * total:
            if last[0] == -inf:
                return value
            return last[0] + (value - last[0]) * (share * total - last[1]) / (middle - last[1])
        last, below = (value, middle), below + weight
    return points[-1][0]
