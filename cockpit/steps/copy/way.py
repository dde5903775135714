"""By which way a copy goes. One that has begun between the servers stays there: a network that is cut for a while must not send
it another way, to begin anew. Knows no rsync and no chunks."""

from __future__ import annotations

import asyncio
from typing import Any

from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.routes import Route, find_route
from cockpit.fleet.sides import HERE, Side
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext

PAUSES = (2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 60.0)  # seconds between two tries of the way by which it began: three minutes
DIRECT = ("pull", "push", "tunnel")


def begun_by(ctx: StepContext) -> str | None:
    """The way of the newest job of this attempt, or of an earlier one of the task; None where none was between two servers."""
    for detail in (ctx.detail, *reversed(ctx.earlier())):
        if noted := detail.get("copy"):
            return str(noted["way"]) if noted["way"] in DIRECT else None
    return None


async def find(ctx: StepContext, tag: str, ours: Side, theirs: Side) -> tuple[Route, OpenRoute | None]:
    """As `find_route`, but the way by which it began is waited for. Lost, WrongHostKey."""
    action, here, believe = ctx.step.action, ctx.remote(HERE), not ctx.step.once
    assert isinstance(action, Copy)
    before = begun_by(ctx)
    for pause in PAUSES if before else ():
        pin: Any = action.route or before
        route, opened = await find_route(tag, ours, theirs, here=here, pin=pin, believe=believe)
        if route.way != "relay":
            return route, opened
        ctx.say(f"{before}, by which this copy began, can't be gone now: {route.why}; it is tried again in {pause:.0f} s")
        await asyncio.sleep(pause)
    return await find_route(tag, ours, theirs, here=here, pin=action.route, believe=believe)


def pinned(ctx: StepContext, why: str) -> Outcome | None:
    """Why it does not go over SFTP: the plan says by which way."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    if action.route is None:
        return None
    return Outcome("failed", error=f"the plan pins the route {action.route}, which can't be gone: {why}")


def no_other(ctx: StepContext, why: str) -> Outcome | None:
    """Why it does not go over SFTP: what it has brought by another way would be brought again, and slowly."""
    if (before := begun_by(ctx)) is None:
        return None
    text = f"it began by {before} and there is no way between the servers now: {why}"
    text += "; method = \"sftp\" would send it through this machine, from its start"
    return Outcome("failed", error=text, transient=True)
