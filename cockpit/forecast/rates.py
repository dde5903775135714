"""From samples of one transfer to its rate, its trend and the time it has left. Pure arithmetic, apart from printing.

A rate is the bytes of a whole window up to *now*, or up to a sample that is hardly older: so without new bytes it can
only fall, and no time left ever shrinks because samples stopped. A phase or an attempt that begins again is measured
anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

from cockpit.forecast.model import TransferNow

RATE_WINDOW = 15.0  # s: the rate shown
PACE_WINDOW = 120.0  # s: the rate that time left is computed from; short ones make it jump
LONG_WINDOW = 600.0  # s: the 10-minute rate
STALL_AFTER = 10.0  # s without a byte
MEASURED_AFTER = 5.0  # s of moving bytes until a time left is worth saying
TREND_BUCKET = 10.0  # s
TREND_BUCKETS = 12
FRESH = 2.0  # s: samples come every second; counting the gap to the next as silence would show a rate too low
KEEP = LONG_WINDOW + 60.0  # s of samples that a caller has to keep

SETTLING = ("scan", "sync")  # phases in which no byte is expected to move


class Reading(Protocol):
    """A sample of the series `transfer/<task>`."""

    @property
    def at(self) -> float: ...

    @property
    def values(self) -> Mapping[str, Any]: ...


class Track:
    """Bytes over time within the newest phase of the newest attempt; times and bytes both never fall."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self.times: list[float] = []
        self.bytes: list[int] = []
        self.newest = readings[-1]
        self.phase = str(self.newest.values.get("phase") or "copy")
        for reading in reversed(readings):
            done = int(reading.values.get("bytes_done") or 0)
            if str(reading.values.get("phase") or "copy") != self.phase or (self.bytes and done > self.bytes[-1]):
                break
            self.times.append(reading.at)
            self.bytes.append(done)
        self.times.reverse()
        self.bytes.reverse()

    @property
    def last_byte(self) -> float:
        """When the count last rose; when the track began if it never did."""
        final = self.bytes[-1]
        i = len(self.bytes) - 1
        while i > 0 and self.bytes[i - 1] == final:
            i -= 1
        return self.times[i]

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
        """Bytes/s over the window before `now`, or over the track where it is younger; None for under a second."""
        end = self.times[-1] if now - self.times[-1] <= FRESH else now
        since = max(end - window, self.times[0])
        return (self.bytes[-1] - self.bytes_at(since)) / (end - since) if end - since >= 1 else None

    def trend(self, now: float) -> tuple[float, ...]:
        """Rates of whole 10-second buckets of the clock, so that a bar once drawn does not change."""
        last = now // TREND_BUCKET
        edges = [(last - i) * TREND_BUCKET for i in range(TREND_BUCKETS, -1, -1)]
        edges = [e for e in edges if e >= self.times[0]]
        return tuple((self.bytes_at(b) - self.bytes_at(a)) / TREND_BUCKET for a, b in pairwise(edges))


def transfer(task: str, samples: Sequence[Reading], now: float, *, running: bool = True) -> TransferNow | None:
    """What the samples (oldest first, at least the last `KEEP` seconds) say at `now`; None without any.

    Once it no longer runs there is no rate, no time left and no stall: only what was moved."""
    known = samples if not samples or samples[-1].at <= now else [s for s in samples if s.at <= now]
    if not known:
        return None
    track = Track(known)
    values = track.newest.values
    total = _count(values.get("bytes_total"))
    quiet_since = track.last_byte
    stalled = running and track.phase not in SETTLING and now - quiet_since > STALL_AFTER
    pace = _pace(track, total, now) if running else None
    return TransferNow(
        task=task, phase=track.phase, bytes_done=track.bytes[-1], bytes_total=total,
        files_done=_count(values.get("files_done")), files_total=_count(values.get("files_total")),
        rate=track.rate(now, RATE_WINDOW) if running and not stalled else None,
        rate_10m=track.rate(now, LONG_WINDOW) if running else None,
        trend=track.trend(now), eta=None if stalled or pace == float("inf") else pace,
        stalled_since=quiet_since if stalled else None, at=track.newest.at, pace=pace,
    )


def _pace(track: Track, total: int | None, now: float) -> float | None:
    if total is None or track.phase == "scan" or not track.measured:
        return None
    left = max(0, total - track.bytes[-1])
    if not left:
        return 0.0
    rate = track.rate(now, PACE_WINDOW)
    if rate is None:
        return None
    return left / rate if rate > 0 else float("inf")


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None
