"""copy: moves trees and files between two servers, by the best way there is, and says done only of what has arrived.

Chooses the way (rsync between the servers, else SFTP through this machine), and finds again what an earlier engine began.
How rsync is driven is `direct`'s; how SFTP is, `relayed`'s; a stream between two commands is `pipe`'s.
"""

from __future__ import annotations

from dataclasses import replace

from cockpit import crash
from cockpit.fleet.api import FleetError, Lost
from cockpit.fleet.openroute import OpenRoute, WrongHostKey
from cockpit.fleet.routes import Route
from cockpit.fleet.sides import Side, look
from cockpit.fleet.survey.able import Able, able
from cockpit.fleet.survey.look import survey
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy import convert, direct, pipe, relayed, trees, way
from cockpit.steps.copy.beforehand import heard
from cockpit.steps.copy.begun import Ready
from cockpit.steps.copy.clock import within
from cockpit.steps.copy.images import Large
from cockpit.steps.copy.keys import cleanup, hold_route, note_route
from cockpit.steps.copy.losses import agreed
from cockpit.steps.copy.ondisk import refuse_lost
from cockpit.steps.copy.parts import Part
from cockpit.steps.copy.places import (
    End,
    Kind,
    Refused,
    Source,
    Target,
    among_devices,
    as_file,
    device_size,
    ends,
    kind_of,
    look_at_source,
    look_at_target,
)
from cockpit.steps.copy.together import both
from cockpit.steps.copy.told import scan

__all__ = ["cleanup", "run"]

async def run(ctx: StepContext) -> Outcome:
    """Start this copy, or go on with it: what its note says was begun is looked for first. Raises FleetError, Lost."""
    return await within(ctx, _run(ctx))


async def _run(ctx: StepContext) -> Outcome:
    action = ctx.step.action
    assert isinstance(action, Copy)
    try:
        await hold_route(ctx)
        if action.pipe is not None:
            return await pipe.run(ctx, action.pipe)
        source, target = ends(ctx)
        if action.convert is None:
            return await _copied(ctx, source, target)
        return await _converted(ctx, source, target)
    except Refused as refused:
        return Outcome("failed", error=str(refused))
    except WrongHostKey as wrong:
        return Outcome("failed", error=wrong.text)


async def _copied(ctx: StepContext, source: End, target: End) -> Outcome:
    while True:
        if (outcome := await direct.found(ctx, source, target) or await _anew(ctx, source, target)) is not None:
            return outcome


async def _converted(ctx: StepContext, source: End, target: End) -> Outcome:
    """The copy and then its conversion; what is noted of either is gone on with."""
    if (noted := convert.begun(ctx)) is not None:
        return await convert.run(ctx, source, target, noted.copied)
    if "copy" not in ctx.detail:
        await convert.check(ctx, source, target)
    copied = await _copied(ctx, source, target)
    return copied if copied.result != "done" else await convert.run(ctx, source, target, copied.detail)


async def _anew(ctx: StepContext, source: End, target: End) -> Outcome | None:
    """None: a job of it was lost on its server, which is to be asked what it did."""
    await cleanup(ctx, ctx.detail)
    scan(ctx)
    found = await heard(ctx, _prepared(ctx, source, target))
    if isinstance(found, str):
        return await _relay(ctx, source, target, found)
    return found if isinstance(found, Outcome) else await direct.go(ctx, source, target, found)


async def _prepared(ctx: StepContext, source: End, target: End) -> Ready | Outcome | str:
    """All that is to be known before its first job; why it goes over SFTP; or why it doesn't go. Refused; FleetError; Lost."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    ours, theirs = await both(look(source.remote, source.become), look(target.remote, target.become))
    if "sftp" in (action.method, action.route):
        return "the plan says sftp"
    if (why := ours.problem or theirs.problem) and action.route is None:
        return way.no_other(ctx, why) or why
    tag = await note_route(ctx, ours, theirs)
    crash.point("copy.route-noted")
    try:
        (route, opened), looked = await both(way.find(ctx, tag, ours, theirs), _looked_at(ctx, source, target))
        crash.point("copy.route-made")
        if route.way == "relay":
            return way.no_other(ctx, route.why) or way.pinned(ctx, route.why) or route.why
        ctx.say(f"{route.name}: {route.why}")
        return await _ready(ctx, source, target, route, opened, (ours, theirs), looked)
    except (Refused, FleetError) as problem:
        if not isinstance(problem, Lost):
            await cleanup(ctx, ctx.detail)
        raise


async def _looked_at(ctx: StepContext, source: End, target: End) -> tuple[Source, Target, Able]:
    """What is to be moved, where it comes to lie, and what can be kept there. Refused; FleetError; Lost."""
    kind, _ = await both(_kind(ctx, source), refuse_lost(ctx, target))  # nothing is tried where all is to be emptied
    counted, (place, there) = await both(_counted(ctx, source, kind), _place(ctx, source, target, kind))
    return counted, place, there


async def _kind(ctx: StepContext, source: End) -> Kind | int:
    """An int is the size of a block device."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    device = await device_size(source) if action.method != "rsync" else None
    return await kind_of(source) if device is None else device


async def _counted(ctx: StepContext, source: End, kind: Kind | int) -> Source:
    action = ctx.step.action
    assert isinstance(action, Copy)
    counted = as_file(kind) if isinstance(kind, int) else await look_at_source(source, kind, action.exclude)
    scan(ctx, counted.survey.size, counted.survey.files)
    return counted


async def _place(ctx: StepContext, source: End, target: End, kind: Kind | int) -> tuple[Target, Able]:
    action = ctx.step.action
    assert isinstance(action, Copy)
    image = action.method == "image" and action.convert is None
    place = await look_at_target(target, source.path, "file" if isinstance(kind, int) else kind, image=image)
    return place, Able() if place.device else await able(target.remote, place.landing, target.become)


async def _ready(
    ctx: StepContext, source: End, target: End, route: Route, opened: OpenRoute | None, sides: tuple[Side, Side],
    looked: tuple[Source, Target, Able],
) -> Ready:  # fmt: skip
    """What will not fit or not survive is said, refused or asked about; then the copy's parts. Refused."""
    action = ctx.step.action
    assert isinstance(action, Copy) and route.way != "relay"
    counted, place, there = looked
    without = frozenset[str]()
    if not place.device:
        without = await agreed(ctx, counted.seen, target, place.landing, there, empty=place.empty)
    counted = replace(counted, survey=counted.seen.less(without))
    scan(ctx, counted.survey.size, counted.survey.files)
    device = counted.device or place.device
    ground = trees.Ground(route, opened, *sides, counted, place, without, there)
    if device:
        large = [Large(source.path, place.landing, counted.survey.size)]
        parts: list[Part] = [await trees.images(ctx, source, target, ground, large)]
    else:
        parts = await trees.parts_of(ctx, source, target, ground)
    exactly = place.bare or action.delete
    boot = await target.remote.boot_id()
    return Ready(route, opened, counted.survey, place.landing, exactly, parts, device, without, boot)


async def _relay(ctx: StepContext, source: End, target: End, why: str) -> Outcome:
    action = ctx.step.action
    assert isinstance(action, Copy)
    if action.method == "rsync":
        return Outcome("failed", error=f"no way for rsync between the servers: {why}; method \"auto\" would go over SFTP")
    if among_devices(target.path):
        return Outcome("failed", error=f"no way for an image onto {target.server}:{target.path} between the servers: {why}")
    without = await heard(ctx, _relay_ready(ctx, source, target))
    if isinstance(without, Outcome):
        return without
    ctx.say(f"relay: over SFTP through this machine, because {why}")
    return await relayed.run(ctx, source, target, without)


async def _relay_ready(ctx: StepContext, source: End, target: End) -> frozenset[str]:
    """What stays behind, as a person agreed. Refused; FleetError; Lost."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    await refuse_lost(ctx, target)
    seen = await survey(source.remote, source.path, become=source.become, exclude=action.exclude)
    there = await able(target.remote, target.path, target.become)
    return await agreed(ctx, seen, target, target.path, there, relayed=True)
