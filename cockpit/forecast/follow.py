"""Follows the samples of running transfers, each read once while time goes forward.

It is given a way to read a series and knows no journal. What a moment looks like must not depend on how it was reached,
and a seek must not fold a whole night: so a fold begins ten minutes before a mark of the clock that is at most 200 s
old (or at the attempt's beginning), and further back where nothing has moved since. Each series has marks of its own, lest a
screen that follows seven fold them all anew in the same moment, and a seek have the longest way for all. Of each whole second
it has the newest sample alone, and of what is minutes old one in three: with all that seven copies tell of themselves a seek
would take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from cockpit.forecast.model import TransferNow
from cockpit.forecast.rates import LONG, Reading, Transfer
from cockpit.state.model import RUNNING, UNKNOWN, Task

SPAN = 200.0  # s between two marks
NEAR = 130.0  # s before a mark that are read second by second: the trend's bars are of them
ASKED = 70.0  # s before a mark from which on its end is worked out: longer than a drift has to last (`held`)
FAR_STEP = 3  # s between those before; of much wider steps (USUAL_GAPS of them) a stall would pass for a slow pace
LATE = 2.0  # s after which the samples of a second are all in the journal, and its newest is known

Read = Callable[[str, float, float, int], Sequence[Reading]]
"""series, since, until (both included), step -> the newest of each so many whole seconds, oldest first"""


@dataclass(slots=True)
class _Kept:
    fold: Transfer
    begun: float
    mark: float
    until: float = field(default=float("-inf"))


def mark_before(series: str, now: float) -> float:
    """The newest mark of this series; where its marks lie follows from its name alone."""
    shift = crc32(series.encode(errors="surrogateescape")) % SPAN
    return (now - shift) // SPAN * SPAN + shift


class Follower:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: dict[str, _Kept] = {}

    def of(self, series: str, task: str, begun: float, now: float) -> Transfer:
        """The fold of an attempt that began then, up to the newest sample at `now`. Costs what is new, but for one fold of at
        most thirteen minutes when `now` passes a mark or goes back."""
        mark = mark_before(series, now // 1 - LATE)  # up to there each second's newest is known, whoever asks
        kept = self._kept.get(series)
        if kept is None or (kept.begun, kept.mark) != (begun, mark) or now < kept.until:
            kept = self._kept[series] = self._from_mark(series, task, begun, mark)
        return self._fed(kept, series, now)

    def forget(self, series: str) -> None:
        """It runs no longer."""
        self._kept.pop(series, None)

    def _from_mark(self, series: str, task: str, begun: float, mark: float) -> _Kept:
        """How far back it goes depends on what was before the mark alone: later samples must not change the beginning. Second by
        second, and with all that was told of its end, where the last minutes alone do not tell: one that stands still must not
        seem to have stopped later than it did, and one that passes over what lay there has its end from before."""
        near = mark - NEAR
        if begun < near:
            kept = self._fold(series, task, begun, mark, LONG, FAR_STEP)
            if _moved(kept.fold, near) and _told(kept.fold):
                return kept
        back = LONG
        while True:
            kept = self._fold(series, task, begun, mark, back, 1)
            if _moved(kept.fold, begun) or mark - back <= begun:
                return kept
            back *= 2

    def _fold(self, series: str, task: str, begun: float, mark: float, back: float, step: int) -> _Kept:
        """Of so many seconds before the mark. step: of those up to `NEAR` before it; wide ones tell no end."""
        since = max(begun, mark - back)
        kept = _Kept(Transfer(task), begun, mark, since)
        for until, every in ((mark - NEAR, step), (mark, 1)):
            for sample in self._read(series, kept.until, until, every):
                if kept.fold.newest is None or sample.at > kept.fold.newest.at:
                    kept.fold.feed(sample, asked=step == 1 or sample.at >= mark - ASKED)
                    kept.until = sample.at
        return kept

    def _fed(self, kept: _Kept, series: str, now: float) -> Transfer:
        """Seconds whose newest sample may still come are fed to a copy: it will take the place of what is there now."""
        newest = kept.fold.newest
        fresh = [s for s in self._read(series, kept.until, now, 1) if newest is None or s.at > newest.at]
        open_ = [s for s in fresh if s.at >= now // 1 - LATE]
        for sample in fresh[: len(fresh) - len(open_)]:
            kept.fold.feed(sample)
            kept.until = sample.at
        fold = kept.fold.copy() if open_ else kept.fold
        for sample in open_:
            fold.feed(sample)
        return fold


def told(fold: Transfer, task: Task, now: float) -> TransferNow | None:
    """What the samples of this task say of it. Of one whose outcome is not known nobody hears whether it moves."""
    moving = fold.at(now, running=task.state in (RUNNING, UNKNOWN), expected=task.expected)
    return moving.unheard() if moving and task.state == UNKNOWN else moving


def _moved(fold: Transfer, since: float) -> bool:
    """Whether it was seen to, after that."""
    return fold.newest is not None and fold.track.last_byte > max(since, fold.track.times[0])


def _told(fold: Transfer) -> bool:
    """Whether it has an end, where it could have one."""
    return fold.ends.p50.end is not None or not fold.track.measured
