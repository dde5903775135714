"""A time of the end that is held like a clock, and corrected when the drift is real. Pure; knows no transfer."""

from __future__ import annotations

BAND, LEAST_BAND = 0.03, 0.5  # share of what is left, and seconds: a difference not worth a word
WAIT, MOST_WAIT = 0.03, 60.0  # share of what is left, and seconds, for which a drift has to last …
AT_ONCE = 1.0  # s: … but for as short a time as lies between two answers: half a minute before its end it is just right


class Held:
    """`end`: UTC epoch seconds, None until it was first told. A newer answer that differs takes its place once it has
    lain on the same side for long enough, or at once where what is held has become unlikely."""

    def __init__(self) -> None:
        self.end: float | None = None
        self._side = 0
        self._since = 0.0

    def delay(self, seconds: float) -> None:
        """Nothing was done for so long: all that is left ends later by that."""
        if self.end is not None:
            self.end += seconds

    def tell(self, at: float, soonest: float, likely: float, latest: float) -> None:
        """Ends as they are computed at `at`: the likely one, and between which two it will hardly not be."""
        if self.end is None:
            self.end = likely
        drift, left = likely - self.end, max(0.0, likely - at)
        side = 0 if abs(drift) <= max(LEAST_BAND, BAND * left) else 1 if drift > 0 else -1
        if side != self._side:
            self._side, self._since = side, at
        lasted = at - self._since >= min(MOST_WAIT, WAIT * left - AT_ONCE)
        if side and (lasted or not soonest <= self.end <= latest):
            self.end, self._side = likely, 0
