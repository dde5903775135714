"""The transfers that run now and the pace of each: shared anew when one starts, ends, is paused or put first, can't go on for
want of a server or an answer, or the limit is changed.

Whoever moves data asks for its pace and waits for another; how a job on a server is told is the step's.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from cockpit.journal.events import Event, LimitChanged, TransferFronted, TransferPaused, TransferResumed
from cockpit.state.idle import idle
from cockpit.state.pace import paces
from cockpit.steps.api import Pace

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

TELLING = (LimitChanged, TransferFronted, TransferPaused, TransferResumed)


class Traffic:
    """One engine's transfers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._news = asyncio.Event()
        self._paces: dict[str, Pace] | None = None
        self._moving: list[str] = []  # when it was shared

    def seen(self, event: Event) -> None:
        """Of every fact, once it is folded."""
        if isinstance(event, TELLING):
            self.shifted()

    def shifted(self) -> None:
        """The shares are not what they were."""
        self._paces = None
        self._news.set()
        self._news = asyncio.Event()

    def look(self) -> None:
        """Contact and answers come and go, and time passes: asked at each turn of the engine."""
        if self._paces is not None and self._movers() != self._moving:
            self.shifted()

    def pace(self, task: str) -> Pace:
        """A transfer that is not among those that run, as a test's or one that has just ended, has no pace of its own."""
        if self._paces is None:
            self._paces = {name: Pace(rate, name in self.engine.state.paused) for name, rate in self._rates().items()}
        return self._paces.get(task, Pace())

    def _rates(self) -> dict[str, float | None]:
        """Those that move share the limit. One that stands still keeps what it would have were all of them to move: without a
        rate its job would be told, at the moment in which it goes on, that there is no limit."""
        plan, state, self._moving = self.engine.plan, self.engine.state, self._movers()
        return {**paces(plan, state, self._running()), **paces(plan, state, self._moving)}

    def _movers(self) -> list[str]:
        still = idle(self.engine.plan, self.engine.state, time.time())
        return [task for task in self._running() if task not in still]

    async def changed(self, task: str, last: Pace) -> Pace:
        while True:
            news = self._news
            if (pace := self.pace(task)) != last:
                return pace
            await news.wait()

    def count(self) -> int:
        return max(1, len(self._running()))

    def _running(self) -> list[str]:
        return [task for task, a in self.engine.attempts.items() if a.step.kind == "copy" and a.purpose == "do"]
