"""`wait`: some time, or a condition that is tried until it holds. Time is counted from the attempt's start, across restarts."""

from __future__ import annotations

import asyncio

from cockpit.plan.model import Wait
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.asking import ask
from cockpit.steps.elapsed import since

PAUSE = 2.0  # seconds between two tries of a condition
LOOK = 10.0  # seconds after which the time that has passed is looked at again
PORTS = range(1, 65536)
TRY = 30.0  # seconds that one try may take


async def run(ctx: StepContext) -> Outcome:
    action = ctx.step.action
    assert isinstance(action, Wait)
    if action.condition is None:
        return await _time(ctx, action.seconds or 0.0)
    return await _condition(ctx, ctx.render(action.condition), action.timeout)


async def _time(ctx: StepContext, seconds: float) -> Outcome:
    """In short sleeps: one that this machine slept through is over at its waking."""
    while (left := seconds - since(ctx.detail["begun"], "passed")) > 0:
        cancelled = await _cancelled_within(ctx, min(left, LOOK))
        if cancelled:
            return cancelled
    return Outcome("done")


async def _cancelled_within(ctx: StepContext, seconds: float) -> Outcome | None:
    try:
        await asyncio.wait_for(ctx.cancel_event(), max(seconds, 0.0))
    except TimeoutError:
        return None
    return Outcome("cancelled", error="cancelled")


async def _condition(ctx: StepContext, condition: str, timeout: float | None) -> Outcome:
    while True:
        problem = await holds(ctx, condition)
        if problem is None:
            return Outcome("done")
        if timeout is not None and since(ctx.detail["begun"], "awake") >= timeout:
            return Outcome("failed", error=f"not so after {timeout:.0f} s: {problem}")
        cancelled = await _cancelled_within(ctx, PAUSE)
        if cancelled:
            return cancelled


async def holds(ctx: StepContext, condition: str) -> str | None:
    """None when it holds, else why not. `tcp host:port` is tried from the cockpit; anything else is a command."""
    kind, _, rest = condition.partition(" ")
    if kind == "tcp":
        return await _tcp(rest.strip())
    try:
        done = await ask(ctx, condition, TRY)
    except TimeoutError:
        return f"the command took longer than {TRY:.0f} s"
    return None if done.exit == 0 else f"exit {done.exit}"


async def _tcp(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    try:
        number = int(port)
        if number not in PORTS:
            return f"{address}: {port} is no port"  # the system would take it modulo 65536, or not at all
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), number), 5.0)
    except (OSError, TimeoutError, ValueError) as error:
        return f"{address}: {error or 'no answer'}"
    writer.close()
    return None
