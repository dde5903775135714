"""From samples of one transfer to its rates, its trend and the time it has left. Pure arithmetic, apart from printing.

A fold: each sample is fed once, in order, and any number of questions may be asked between. So a replay that feeds the
same samples gives the same answers. A rate is of a whole window up to *now*, or up to a sample that is hardly older: so
without new bytes it can only fall, and no time left ever shrinks because samples stopped. A phase or an attempt that
begins again is measured anew; a phase that counts its own bytes (a proof) is measured by those.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from copy import copy
from itertools import pairwise
from math import exp, inf, log
from typing import Any, Protocol

from cockpit.forecast.fit import BEAT, Fit
from cockpit.forecast.held import Held
from cockpit.forecast.model import TransferNow

NOW = 15.0  # s after which nine tenths of the rate shown are new
MINUTE, LONG = 60.0, 600.0  # s: the windows of the other two rates
UNKNOWN_AFTER = 120.0  # s without a byte until nobody knows the end
STALL_AFTER = 10.0  # s without a byte
MEASURED_AFTER = 2 * BEAT  # s of moving bytes until a time left is worth saying: its range says how little is known
TREND_BUCKET = 10.0  # s
TREND_BUCKETS = 12
FRESH = 2.0  # s: samples come every second; counting the gap to the next as silence would show a rate too low
LAY_THERE = 0.1  # share of what was counted that was really sent: less of it lay at the target already
USUAL_GAPS = 4.0  # times the usual time between two changes of the count: longer ones are a stall, no part of the pace

SETTLING = ("scan", "sync")  # phases in which no byte is expected to move
_FADING = -log(10) / NOW


class Reading(Protocol):
    """A sample of the series `transfer/<task>`."""

    @property
    def at(self) -> float: ...

    @property
    def values(self) -> Mapping[str, Any]: ...


class Readout:
    """The rate now: a double exponential average over time, without the bias of its beginning (as indicatif's)."""

    def __init__(self) -> None:
        self._age = self._once = self._twice = 0.0

    def feed(self, seconds: float, size: int) -> None:
        if seconds <= 0:
            return
        self._age += seconds
        keep, bias = _kept(seconds), 1 - _kept(self._age)
        self._once += (size / seconds - self._once) * (1 - keep)
        self._twice += (self._once / bias - self._twice) * (1 - keep)

    def rate(self, silence: float) -> float | None:
        """Bytes/s after so many further seconds without a byte; None for less than a beat."""
        age = self._age + silence
        if age < BEAT:
            return None
        keep, unbiased = _kept(silence), 1 - _kept(age)
        return (self._twice + self._once / unbiased * (1 - keep)) * keep / unbiased


def _kept(seconds: float) -> float:
    """Share of an average that is still of before so many seconds."""
    return exp(seconds * _FADING)


class Track:
    """Bytes over time within one phase of one attempt; times and bytes both never fall."""

    def __init__(self, at: float, done: int, phase: str) -> None:
        self.phase = phase
        self.times: list[float] = [at]
        self.bytes: list[int] = [done]
        self.last_byte = at  # when the count last rose; when the track began if it never did

    def feed(self, at: float, done: int) -> None:
        if done > self.bytes[-1]:
            self.last_byte = at
        self.times.append(at)
        self.bytes.append(done)

    def copy(self) -> Track:
        twin = copy(self)
        twin.times, twin.bytes = self.times.copy(), self.bytes.copy()
        return twin

    @property
    def measured(self) -> bool:
        """Depends on samples alone: the passing of time must not turn "measuring" into a number."""
        return self.bytes[-1] > self.bytes[0] and self.last_byte - self.times[0] >= MEASURED_AFTER

    def bytes_at(self, when: float) -> float:
        """Between two samples: as if evenly. Before the first: the first; after the last: the last."""
        i = bisect_right(self.times, when)
        if i == 0:
            return self.bytes[0]
        if i == len(self.times):
            return self.bytes[-1]
        t0, t1, b0, b1 = self.times[i - 1], self.times[i], self.bytes[i - 1], self.bytes[i]
        return b0 + (b1 - b0) * (when - t0) / (t1 - t0)

    def rate(self, now: float, window: float) -> float | None:
        """Bytes/s over the window before `now`, or over the track where it is younger; None for less than a beat."""
        end = self.times[-1] if now - self.times[-1] <= FRESH else now
        since = max(end - window, self.times[0])
        return (self.bytes[-1] - self.bytes_at(since)) / (end - since) if end - since >= BEAT else None

    def trend(self, now: float) -> tuple[float, ...]:
        """Rates of whole 10-second buckets of the clock, so that a bar once drawn does not change."""
        last = now // TREND_BUCKET
        edges = [(last - i) * TREND_BUCKET for i in range(TREND_BUCKETS, -1, -1)]
        edges = [e for e in edges if e >= self.times[0]]
        return tuple((self.bytes_at(b) - self.bytes_at(a)) / TREND_BUCKET for a, b in pairwise(edges))


class Slowest:
    """The slowest single file that is left (`largest`, where samples say it): however quick the rest, it takes its time."""

    def __init__(self) -> None:
        self._began, self._size, self._last = 0.0, 0, 0
        self.seconds = 0.0  # that it needs at its own pace; 0 while that is not known

    def feed(self, at: float, left: int) -> None:
        if left > self._last or left == self._size:  # not begun: the files before it are no measure of its pace
            self._began, self._size, self.seconds = at, left, 0.0
        elif left < self._size:
            self.seconds = left * (at - self._began) / (self._size - left)
        self._last = left


class Ends:
    """When this phase will have moved all that is to be moved: p50 and p90, held like a clock."""

    def __init__(self) -> None:
        self.fit, self.p50, self.p90, self.slowest = Fit(), Held(), Held(), Slowest()
        self._last: tuple[float, int, int, int] | None = None  # when anything was done last; files, bytes, sent ones then
        self._gap: float | None = None
        self._begun = False

    def copy(self) -> Ends:
        twin = copy(self)
        twin.fit, twin.p50, twin.p90, twin.slowest = self.fit.copy(), copy(self.p50), copy(self.p90), copy(self.slowest)
        return twin

    def feed(self, reading: Reading, size: int, *, own: bool, measured: bool) -> None:
        """Only what was done moves it: the passing of time is no news. What lay there already took no time worth a fit. own: its
        phase counts its own bytes."""
        values, at = reading.values, reading.at
        files, sent = _count(values.get("files_done")) or 0, None if own else _count(values.get("moved"))
        self.slowest.feed(at, _count(values.get("largest")) or 0)
        if sent is None:
            sent = size
        if self._last is None:
            self._last = at, files, size, sent
            return
        since, files_before, before, sent_before = self._last
        more, more_files = size - before, files - files_before
        if more or more_files or sent != sent_before:
            self._last = at, files, size, sent
        if (more <= 0 and more_files <= 0) or sent - sent_before < LAY_THERE * more:
            return
        if not self._begun:  # up to here it was set up, or what lay there already was passed over
            self._begun = True
            return
        news = self.fit.feed(self._worked(at - since), max(0, more_files), max(0, more))
        if measured and (news or self.p50.end is None) and (total := _total(values, own)) is not None:
            self._answer(at, _left(values, files), max(0, total - size))

    def _worked(self, gap: float) -> float:
        """A stall is no part of the pace: what comes after it is expected without one, and later by it."""
        usual = self._gap if self._gap is not None else gap
        worked = gap if gap <= max(STALL_AFTER, USUAL_GAPS * usual) else usual
        self._gap = usual + (worked - usual) / 8
        if worked != gap:
            self.p50.delay(gap - worked)
            self.p90.delay(gap - worked)
        return max(worked, 1e-3)

    def _answer(self, at: float, files: int | None, size: int) -> None:
        horizon = max(0.0, self.p50.end - at) if self.p50.end is not None else 0.0
        found = self.fit.left(files, size, horizon)
        if found is None:
            return
        floor = self.slowest.seconds
        soon, p50, p90 = (at + max(x, floor) for x in (found.soon, found.p50, found.p90))
        self.p50.tell(at, soon, p50, p90)
        self.p90.tell(at, p50, p90, p90 + 2 * (p90 - p50))


class Transfer:
    """One transfer of a task, fed its samples (`transfer/<task>`, oldest first)."""

    track: Track
    ends: Ends
    readout: Readout

    def __init__(self, task: str) -> None:
        self.task = task
        self.newest: Reading | None = None
        self._key: tuple[Any, Any, bool] | None = None

    def feed(self, reading: Reading, *, asked: bool = True) -> None:
        """asked False: it tells its pace, but no end, which costs more than all else; what is held begins with the next asked."""
        values, own = reading.values, _own(reading.values)
        key, done = (values.get("phase"), values.get("n"), own), _done(values, own)
        if self.newest is None or key != self._key or done < self.track.bytes[-1]:
            self._key = key
            self.track, self.ends, self.readout = Track(reading.at, done, str(key[0] or "copy")), Ends(), Readout()
        else:
            self.readout.feed(reading.at - self.newest.at, done - self.track.bytes[-1])
            self.track.feed(reading.at, done)
        self.newest = reading
        self.ends.feed(reading, done, own=own, measured=asked and self.track.measured)

    def copy(self) -> Transfer:
        """One that goes its own way from here."""
        twin = copy(self)
        if self.newest is not None:
            twin.track, twin.ends, twin.readout = self.track.copy(), self.ends.copy(), copy(self.readout)
        return twin

    def at(self, now: float, *, running: bool = True, expected: float = 0.0) -> TransferNow | None:
        """What the samples say at `now`; None without any. Once it no longer runs there is no rate, no time left and no
        stall: only what was moved. expected: from when on bytes are; a pause before it was no stall."""
        if self.newest is None:
            return None
        track, values = self.track, self.newest.values
        still = max(track.last_byte, expected)
        stalled = running and not self._settling() and now - still > STALL_AFTER
        pace, late = self._left(now) if running else (None, None)
        told = not stalled and track.phase not in SETTLING
        return TransferNow(
            task=self.task, phase=track.phase, bytes_done=_count(values.get("bytes_done")) or 0,
            bytes_total=_count(values.get("bytes_total")),
            files_done=_count(values.get("files_done")), files_total=_count(values.get("files_total")),
            rate=self.readout.rate(self._silence(now)) if running and not stalled else None,
            rate_1m=track.rate(now, MINUTE) if running else None,
            rate_10m=track.rate(now, LONG) if running else None,
            trend=track.trend(now), eta=pace if told and pace != inf else None, eta_p90=late if told and late != inf else None,
            stalled_since=still if stalled else None, at=self.newest.at, moved_at=track.last_byte,
            pace=pace, pace_p90=late, phase_done=_count(values.get("phase_done")), phase_total=_count(values.get("phase_total")),
        )

    def _settling(self) -> bool:
        """Whether no byte is expected to come: also where all have, and what is left is to look at them."""
        assert self.newest is not None
        total = self._total()
        return self.track.phase in SETTLING or (total is not None and self.track.bytes[-1] >= total)

    def _total(self) -> int | None:
        assert self.newest is not None
        return _total(self.newest.values, _own(self.newest.values))

    def _silence(self, now: float) -> float:
        since = now - self.track.times[-1]
        return since if since > FRESH else 0.0

    def _left(self, now: float) -> tuple[float | None, float | None]:
        """Seconds left at p50 and p90. While nothing comes they stand still, so that the end moves with the clock."""
        assert self.newest is not None
        track, total = self.track, self._total()
        if track.phase == "sync" or (track.phase == "verify" and total is not None and track.bytes[-1] >= total):
            return 0.0, 0.0
        if total is None or track.phase == "scan" or not track.measured:
            return None, None
        if track.bytes[-1] >= total:
            return 0.0, 0.0
        if now - track.last_byte > UNKNOWN_AFTER:
            return inf, inf
        return self._until(self.ends.p50, now), self._until(self.ends.p90, now)

    def _until(self, held: Held, now: float) -> float | None:
        """A second at least: something is left."""
        return max(1.0, held.end - min(now, self.track.last_byte + FRESH)) if held.end is not None else None


def transfer(task: str, samples: Sequence[Reading], now: float, *, running: bool = True) -> TransferNow | None:
    """What these samples (oldest first) say at `now`: the whole fold in one call."""
    fold = Transfer(task)
    for sample in samples:
        if sample.at <= now:
            fold.feed(sample)
    return fold.at(now, running=running)


def _own(values: Mapping[str, Any]) -> bool:
    """Whether its phase counts its own bytes."""
    return values.get("phase_total") is not None


def _done(values: Mapping[str, Any], own: bool) -> int:
    return int(values.get("phase_done" if own else "bytes_done") or 0)


def _total(values: Mapping[str, Any], own: bool) -> int | None:
    return _count(values.get("phase_total" if own else "bytes_total"))


def _left(values: Mapping[str, Any], files: int) -> int | None:
    total = _count(values.get("files_total"))
    return max(0, total - files) if total is not None else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None
