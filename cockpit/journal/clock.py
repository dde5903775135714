"""Two clocks with one face: the living one and that of a replay. Times are UTC epoch seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

Ticks = Callable[[], float]


class Clock(Protocol):
    def now(self) -> float: ...

    def until(self) -> float | None:
        """Up to when the journal is to be read: None for all there is."""
        ...


def _boottime() -> float:
    """Seconds that go on through a suspend, which CLOCK_MONOTONIC sleeps through."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LiveClock:
    """The wall clock, which never runs backwards: set back, it runs at half speed until the wall has caught up.

    So order and durations stay true in the journal while the machine's clock is being mended. Set forward, it follows
    at once. `since`: how far the journal has come, if by the clock of another process.
    """

    def __init__(self, wall: Ticks = time.time, ticks: Ticks = _boottime, *, since: float = 0.0) -> None:
        self._wall, self._ticks = wall, ticks
        self._at, self._tick = max(since, wall()), ticks()

    def now(self) -> float:
        wall, tick = self._wall(), self._ticks()
        self._at = max(wall, self._at + max(0.0, tick - self._tick) / 2) if wall < self._at else wall
        self._tick = tick
        return self._at

    def until(self) -> float | None:
        return None


class ReplayClock:
    """A clock over a recorded night: `start` to `end`, at `speed`, playing or paused. It stops at its ends."""

    def __init__(self, start: float, end: float, *, speed: float = 1.0, ticks: Ticks = time.monotonic) -> None:
        self.start, self.end = start, max(start, end)
        self._ticks, self._speed = ticks, speed
        self._at, self._tick, self._playing = start, ticks(), False

    def now(self) -> float:
        if not self._playing:
            return self._at
        return min(self.end, self._at + (self._ticks() - self._tick) * self._speed)

    def until(self) -> float | None:
        return self.now()

    @property
    def playing(self) -> bool:
        return self._playing and self.now() < self.end

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        """ValueError unless it is above 0: a replay runs forward."""
        if value <= 0:
            raise ValueError("speed must be above 0")
        self._hold()
        self._speed = value

    def play(self) -> None:
        self._hold()
        self._playing = True

    def pause(self) -> None:
        self._hold()
        self._playing = False

    def seek(self, at: float) -> None:
        """To this time, or the nearer end of the night."""
        self._hold()
        self._at = min(self.end, max(self.start, at))

    def _hold(self) -> None:
        self._at, self._tick = self.now(), self._ticks()
