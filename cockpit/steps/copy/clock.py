"""A copy's own timeout. It runs from when the copy was begun, for all its jobs together, and stands still while a person is asked
or the transfer is paused. A job keeps what is left of it on its server, also while no engine is there; this is for what no job
does (a survey that never ends), and for a job that does not end.

Knows no way. What runs is found by the attempt's notes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy.keys import cleanup
from cockpit.steps.copy.places import ends
from cockpit.steps.elapsed import begin, since

GRACE = 60.0  # seconds beside the timeout that a job keeps for itself
TICK = 0.5  # seconds between two looks


def left(ctx: StepContext) -> float | None:
    """Seconds of the step's timeout, below 0 where it is over; None without one."""
    if ctx.step.timeout is None:
        return None
    clock = _clock(ctx)
    return ctx.step.timeout - float(clock["spent"]) - (since(clock["at"], "awake") if clock["at"] else 0.0)


def left_to_a_job(ctx: StepContext) -> float | None:
    found = left(ctx)
    return None if found is None else max(1.0, found)


def too_long(ctx: StepContext) -> Outcome:
    return Outcome("failed", error=f"it ran longer than its timeout of {ctx.step.timeout or 0:.0f} s")


async def over(ctx: StepContext, grace: float = 0.0) -> None:
    """Returns when its time is over, with so many seconds more; never where it has no timeout."""
    while (now := left(ctx)) is None or now + grace > 0:  # noqa: ASYNC110 - it is looked at anew: it may stand still
        await asyncio.sleep(TICK)


async def within(ctx: StepContext, work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The work's outcome; where its time is over first, its job is ended and its key taken away. Raises what the work does."""
    rest = left(ctx)
    if rest is None:
        return await work
    if "clock" not in ctx.detail and "begun" not in ctx.detail:
        await ctx.note(clock={"spent": 0.0, "at": begin()})
    running = asyncio.create_task(work)
    others = [asyncio.create_task(over(ctx, GRACE + max(0.0, -rest))), asyncio.create_task(_stands_still(ctx))]
    try:
        await asyncio.wait({running, others[0]}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
    finally:
        for task in (running, *others):
            task.cancel()
        await asyncio.gather(running, *others, return_exceptions=True)
    await _end(ctx)
    return too_long(ctx)


async def _stands_still(ctx: StepContext) -> None:
    """Notes when the clock stops and when it goes on, so that another engine knows."""
    while True:
        clock, still = _clock(ctx), ctx.asking() or ctx.pace().paused
        if still != (clock["at"] is None):
            spent = float(clock["spent"]) + (since(clock["at"], "awake") if clock["at"] else 0.0)
            await ctx.note(clock={"spent": spent, "at": None if still else begin()})
        await asyncio.sleep(TICK)


def _clock(ctx: StepContext) -> dict[str, Any]:
    """spent: seconds until `at` (`elapsed.begin`); at None: it stands still."""
    noted = ctx.detail.get("clock")
    return dict(noted) if noted else {"spent": 0.0, "at": ctx.detail.get("begun") or begin()}


async def _end(ctx: StepContext) -> None:
    """Raises Lost: then it is done when there is contact again."""
    for name in ("copy", "pipe"):
        if noted := ctx.detail.get(name):
            await ctx.remote(noted["on"]).cancel_job(noted["job"], become=noted["become"])
    if noted := ctx.detail.get("convert"):
        target = ends(ctx)[1]
        await target.remote.cancel_job(noted["job"], become=target.become)
    await cleanup(ctx, ctx.detail)
