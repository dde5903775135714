"""How much of a verify step's content has been read, over all its comparisons and their places, for the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cockpit.steps.api import StepContext

TELL_EVERY = 0.5  # seconds


class Share:
    """What of one place was read: settled for certain, and heard of since."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._settled = self._heard = 0

    @property
    def done(self) -> int:
        return self._settled + self._heard

    def hear(self, n: int) -> None:
        self._heard += n
        self._tell()

    def settle(self, n: int) -> None:
        """So many bytes have been read since this was called last, whatever was heard of them."""
        self._settled, self._heard = self._settled + n, 0
        self._tell()


@dataclass(slots=True)
class _Part:
    shares: list[Share] = field(default_factory=list)
    total: int | None = None  # None until the places have been listed


class Tally:
    """checks: the names of the comparisons. The total is told when each of them knows its own."""

    def __init__(self, ctx: StepContext, checks: list[str]) -> None:
        self._ctx = ctx
        self._parts = {name: _Part() for name in checks}
        self._told, self._most = 0.0, 0
        if checks:
            ctx.progress("scan", 0)

    def shares(self, check: str, places: int) -> list[Share]:
        """This check begins, or begins again: what an earlier try of it read counts no longer."""
        part = self._parts[check] = _Part([Share(self._tell) for _ in range(places)])
        self._most = 0
        return part.shares

    def expect(self, check: str, total: int) -> None:
        """So many bytes are to be read, at all places together."""
        self._parts[check].total = total
        self._tell(always=True)

    def _tell(self, *, always: bool = False) -> None:
        if not always and time.monotonic() - self._told < TELL_EVERY:
            return
        self._told = time.monotonic()
        totals = [part.total for part in self._parts.values()]
        total = None if None in totals else sum(t or 0 for t in totals)
        done = sum(min(sum(share.done for share in part.shares), part.total or 0) for part in self._parts.values())
        self._most = max(self._most, done)
        if self._most or total:
            self._ctx.progress("verify", self._most, total)

    def finish(self) -> None:
        self._tell(always=True)
