"""Follows the samples of running transfers, each read once while time goes forward.

It is given a way to read a series and knows no journal. What a moment looks like must not depend on how it was reached,
and a seek must not fold a whole night: so a fold begins at a mark of the clock ten to fifteen minutes ago (or at the
attempt's beginning), and further back where nothing has moved since. Of each whole second it has the newest sample alone:
with all that seven copies tell of themselves, eight times a second, a seek would take two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cockpit.forecast.rates import LONG, Reading, Transfer

SPAN = 300.0  # s between two marks
LATE = 2.0  # s after which the samples of a second are all in the journal, and its newest is known

Read = Callable[[str, float, float], Sequence[Reading]]
"""series, since, until (both included) -> the newest of each whole second, oldest first"""


@dataclass(slots=True)
class _Kept:
    fold: Transfer
    begun: float
    mark: float
    until: float = field(default=float("-inf"))


class Follower:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: dict[str, _Kept] = {}

    def of(self, series: str, task: str, begun: float, now: float) -> Transfer:
        """The fold of an attempt that began then, up to the newest sample at `now`. Costs what is new, but for one fold of at
        most fifteen minutes when `now` passes a mark or goes back."""
        mark = now // SPAN * SPAN
        kept = self._kept.get(series)
        if kept is None or (kept.begun, kept.mark) != (begun, mark) or now < kept.until:
            kept = self._kept[series] = self._from_mark(series, task, begun, mark, now)
        return self._fed(kept, series, now)

    def forget(self, series: str) -> None:
        """It runs no longer."""
        self._kept.pop(series, None)

    def _from_mark(self, series: str, task: str, begun: float, mark: float, now: float) -> _Kept:
        """How far back it goes depends on what was before the mark alone: later samples must not change the beginning."""
        back = LONG
        while True:
            since = max(begun, mark - back)
            kept = _Kept(Transfer(task), begun, mark, since)
            for sample in self._read(series, since, min(mark, now)):
                kept.fold.feed(sample)
                kept.until = sample.at
            newest = kept.fold.newest
            if since <= begun or (newest is not None and kept.fold.track.last_byte > kept.fold.track.times[0]):
                return kept
            back *= 2

    def _fed(self, kept: _Kept, series: str, now: float) -> Transfer:
        """Seconds whose newest sample may still come are fed to a copy: it will take the place of what is there now."""
        newest = kept.fold.newest
        fresh = [s for s in self._read(series, kept.until, now) if newest is None or s.at > newest.at]
        open_ = [s for s in fresh if s.at >= now // 1 - LATE]
        for sample in fresh[: len(fresh) - len(open_)]:
            kept.fold.feed(sample)
            kept.until = sample.at
        fold = kept.fold.copy() if open_ else kept.fold
        for sample in open_:
            fold.feed(sample)
        return fold
