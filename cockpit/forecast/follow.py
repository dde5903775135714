"""Follows the samples of running transfers, each read once while time goes forward.

It is given a way to read a series and knows no journal. What a moment looks like must not depend on how it was reached,
and a seek must not fold a whole night: so a fold begins at a mark of the clock ten to fifteen minutes ago (or at the
attempt's beginning), and further back where nothing has moved since. Of each whole second it has the newest sample alone,
and of what is minutes old one in five seconds: with all that seven copies tell of themselves a seek would take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cockpit.forecast.rates import LONG, Reading, Transfer

SPAN = 300.0  # s between two marks
NEAR, FAR_STEP = 130.0, 5  # s before a mark that are read second by second (the trend's bars are of them); s of the steps before
LATE = 2.0  # s after which the samples of a second are all in the journal, and its newest is known

Read = Callable[[str, float, float, int], Sequence[Reading]]
"""series, since, until (both included), step -> the newest of each so many whole seconds, oldest first"""


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
            kept = self._kept[series] = self._from_mark(series, task, begun, mark)
        return self._fed(kept, series, now)

    def forget(self, series: str) -> None:
        """It runs no longer."""
        self._kept.pop(series, None)

    def _from_mark(self, series: str, task: str, begun: float, mark: float) -> _Kept:
        """How far back it goes depends on what was before the mark alone: later samples must not change the beginning. One that
        stands still is read second by second, so that it does not seem to have stopped later than it did."""
        back, step = LONG, FAR_STEP
        while True:
            since, near = max(begun, mark - back), mark - NEAR
            kept = _Kept(Transfer(task), begun, mark, since)
            if since < near:
                self._feed(kept, series, near, step)
            self._feed(kept, series, mark, 1)
            if _moved(kept.fold, near if step > 1 else since) or (step == 1 and since <= begun):
                return kept
            back, step = back if step > 1 else 2 * back, 1

    def _feed(self, kept: _Kept, series: str, until: float, step: int) -> None:
        """What is minutes old tells its pace, and not again when it was to end."""
        newest = kept.fold.newest
        for sample in self._read(series, kept.until, until, step):
            if newest is None or sample.at > newest.at:
                kept.fold.feed(sample, asked=step == 1)
                kept.until = sample.at

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


def _moved(fold: Transfer, since: float) -> bool:
    """Whether it was seen to, after that."""
    return fold.newest is not None and fold.track.last_byte > max(since, fold.track.times[0])
