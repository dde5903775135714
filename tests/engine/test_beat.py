"""What looks on the beat, and how late the loop is found to be where all work falls on it.

Hours pass at once: a loop with a clock that is put forward instead of being waited for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from cockpit.beat import after, beat
from cockpit.engine.health import LoopLag

T = TypeVar("T")


class Forward(asyncio.SelectorEventLoop):
    """`now` is its clock: who adds to it has blocked the loop for as long."""

    def __init__(self, now: float) -> None:
        self.now = now
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


class _Selector(selectors.EpollSelector):
    def __init__(self, loop: Forward) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nobody waits for anything"
        self._loop.now += timeout
        return super().select(0)


def through(loop: Forward, work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)


@pytest.mark.parametrize(
    ("now", "period", "next_"),
    [(0.0, 1.0, 1.0), (0.985, 1.0, 1.0), (0.995, 1.0, 2.0), (1.0, 1.0, 2.0), (7.3, 0.5, 7.5), (7.3, 2.0, 8.0)],
)
def test_the_next_beat(now: float, period: float, next_: float) -> None:
    assert after(now, period) == next_


def test_who_looks_at_different_times_looks_together_and_makes_up_for_nothing() -> None:
    loop, seen = Forward(100.4), []

    async def looks(period: float) -> None:
        while True:
            await beat(period)
            seen.append((loop.now, period))

    async def night() -> None:
        others = [asyncio.create_task(looks(period)) for period in (1.0, 2.0)]
        await asyncio.sleep(3)
        loop.now += 3600.2  # it stood still for an hour
        await asyncio.sleep(1)
        for other in others:
            other.cancel()

    through(loop, night())
    assert sorted((round(at, 3), period) for at, period in seen) == [
        (101, 1), (102, 1), (102, 2), (103, 1), (3703.6, 1), (3703.6, 2), (3704, 1), (3704, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(("blocked", "least", "most"), [(0.0, 0.0, 0.001), (0.1, 0.05, 0.101)])
def test_work_on_the_beat_is_seen_as_lag(blocked: float, least: float, most: float) -> None:
    """A tenth of the time, always on whole seconds: of ten looks one falls into it."""
    loop, lag = Forward(50.0), LoopLag()

    async def works() -> None:
        while True:
            await beat(1.0)
            loop.now += blocked

    async def night() -> None:
        others = [asyncio.create_task(works()), asyncio.create_task(lag.watch())]
        await asyncio.sleep(600)
        for other in others:
            other.cancel()

    through(loop, night())
    found = lag.p99()
    assert found is not None and least <= found <= most
