"""What a copy leaves on two servers while it runs, found by its note and taken away. Knows no rsync."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cockpit.fleet.api import FleetError
from cockpit.fleet.openroute import remove, renew
from cockpit.fleet.routes import route_tag
from cockpit.fleet.sides import HERE, Side
from cockpit.fleet.tunnel import revive
from cockpit.steps.api import StepContext

RENEW = 3600.0  # seconds


async def note_route(ctx: StepContext, source: Side, target: Side) -> str:
    """The tag of a route that is about to be made, noted before it is: what a killed engine leaves is found by it."""
    tag = route_tag(ctx.attempt)
    await ctx.note(route={"tag": tag, "source": [source.name, source.become], "target": [target.name, target.become]})
    return tag


async def hold_route(ctx: StepContext) -> None:
    """A route through a tunnel of this machine, made by an earlier engine, is held again where it broke off with that."""
    if noted := ctx.detail.get("route"):
        await revive(ctx.remote(HERE), noted["tag"])


async def keep_valid(ctx: StepContext, on: str, *, at_once: bool = False) -> None:
    """While a job runs on that server, the other one goes on to let its key in: a connection that breaks on the third day is made
    anew. For as long as it is not cancelled. at_once: an engine that comes late may find it about to expire. Where the engine
    was away too long, the job fails and the next try has a new key."""
    noted: Mapping[str, Any] = ctx.detail.get("route") or {}
    others = [noted[side][0] for side in ("source", "target") if noted and noted[side][0] != on]
    said = False
    if others and not at_once:
        await asyncio.sleep(RENEW)
    while others:
        try:
            await renew(noted["tag"], ctx.remote(others[0]))
        except (FleetError, TimeoutError) as problem:  # valid for many times as long as until the next time
            if not said:
                why = str(problem) or "no answer in time"
                ctx.say(f"the key {noted['tag']} could not be renewed on {others[0]}, and it is tried again: {why}")
            said = True
        await asyncio.sleep(RENEW)


async def cleanup(ctx: StepContext, detail: Mapping[str, Any]) -> None:
    """Remove the key, its line and its directory that the attempt with this detail may have left. Harmless where nothing is
    left. Raises Lost; what a server refuses is said, and the key's line expires by itself."""
    noted = detail.get("route")
    if not noted:
        return
    sides = [Side(ctx.remote(name), become) for name, become in (noted["source"], noted["target"])]
    for problem in await remove(noted["tag"], *sides, here=ctx.remote(HERE)):
        ctx.say(f"the key {noted['tag']} could not be removed: {problem}")
