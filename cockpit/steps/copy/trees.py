"""Of which parts a copy by rsync is made: its files cut into shards or not, the options for these two rsyncs, the lines that the
other side may run."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

from cockpit.fleet.jobs_words import file_name
from cockpit.fleet.routes import OpenRoute, Route
from cockpit.fleet.rsync import Options, choose, paced_half, server_line, show_command
from cockpit.fleet.shards import Cut, cost, cut, keep_command, kept_command, packed_listing, unpacked
from cockpit.fleet.sides import Side
from cockpit.fleet.survey.command import listing_command
from cockpit.plan.model import Copy
from cockpit.steps.api import StepContext
from cockpit.steps.copy.begun import Begun, again
from cockpit.steps.copy.files import Files
from cockpit.steps.copy.parts import Part
from cockpit.steps.copy.places import End, Refused, Source, Target
from cockpit.steps.copy.settle import Settle

SMALL = 64 << 20  # of `shards.cost`: below it one rsync is through before several would have begun
STREAMS = 2
LISTING = 256 << 20  # bytes of a compressed listing that are read: some ten million files


@dataclass(frozen=True, slots=True)
class Ground:
    """What was found out before a direct copy: its way, its sides, what is to be moved and what lies at the target."""

    route: Route
    opened: OpenRoute | None
    source: Side
    target: Side
    counted: Source
    place: Target
    able: Able | None = None


class Able(Protocol):
    """What the destination can do, as it was tried."""

    acls: bool
    xattrs: bool
    links: bool


async def parts_of(ctx: StepContext, source: End, target: End, ground: Ground) -> list[Part]:
    """Refused: one of the two rsyncs words its half in a way that no key may be given."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    options, survey, way = _options(ctx, action, ground), ground.counted.survey, ground.route.way
    before = await _files(ctx, source, target, ground, options)
    half = await _half(options, source, target, ground)
    parts: list[Part] = [before] if before else []
    if before:
        options = replace(options, changes=True, whole=False)
    size, files = survey.size - sum(part.size for part in parts), survey.files - sum(part.files for part in parts)
    settle = Settle(max(0, size), max(0, files), action.pass_, options, source.path, target.path, way, half)
    return [*parts, settle]


async def _files(ctx: StepContext, source: End, target: End, ground: Ground, options: Options) -> Files | None:
    """None where one rsync does it as well: a small tree, a later pass with only a difference to carry, a source that can't be
    listed."""
    action, survey, run_at = ctx.step.action, ground.counted.survey, source if ground.route.way == "push" else target
    assert isinstance(action, Copy)
    if ground.counted.kind not in ("contents", "dir") or cost(survey.size, survey.files) < SMALL:
        return None
    if not ground.place.empty and not await _was_cut(ctx, run_at):
        return None
    streams = action.streams or STREAMS
    listing = await source.remote.run(
        packed_listing(listing_command(source.path, action.exclude)), become=source.become, limit=LISTING,
    )  # fmt: skip
    code = listing.stderr.decode(errors="replace").rstrip().rpartition("listed ")[2]
    if code not in ("0", "1") or listing.truncated:
        ctx.say(f"one rsync for all: {source.server} can't list its files ({code if code else listing.exit})")
        return None
    rates = [rate for rate in (action.limit, ctx.pace().rate) if rate]
    total = cost(survey.size, survey.files)
    shards = await asyncio.to_thread(
        lambda: cut(unpacked(listing.stdout), total=total, streams=streams, rate=min(rates, default=None), large=None)
    )
    directory = await _keep(ctx, run_at, shards)
    half_options = replace(options, part=True, delete=False, exclude=(), itemize=False)
    above, landing = _contents(source.path), _contents(ground.place.landing)
    half = await _half(half_options, replace(source, path=above), replace(target, path=landing), ground)
    ctx.say(f"{len(shards.shards)} shards over {streams} streams, then one pass over all")
    return Files(shards.size, shards.files, streams, half_options, above, landing, directory, ground.route.way, half)


def _contents(path: str) -> str:
    return path.rstrip("/") + "/"


def _place(ctx: StepContext) -> str:
    """Among the session's jobs, with which it is forgotten."""
    return f"{file_name(ctx.session)}/shards-{hashlib.sha256(ctx.task.encode()).hexdigest()[:16]}"


async def _was_cut(ctx: StepContext, run_at: End) -> bool:
    """Whether an unfinished try of this copy has left shards: what lies at the target is its own."""
    done = await run_at.remote.run(kept_command(_place(ctx), "echo kept"), become=run_at.become)
    return bool(done.stdout)


async def _keep(ctx: StepContext, run_at: End, shards: Cut) -> str:
    """Refused: nowhere to write it."""
    script, index = keep_command(_place(ctx), len(shards.index)), shards.index
    done = await run_at.remote.run(script, become=run_at.become, stdin=index + shards.names)
    directory = done.stdout.decode(errors="surrogateescape")
    if done.exit or not directory:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Refused(f"{run_at.server} can't keep the list of files: {said[-1] if said else f'exit {done.exit}'}")
    return directory


async def forget(ctx: StepContext, begun: Begun) -> None:
    """The shards of a copy that is whole."""
    if "files" in begun.done:
        await ctx.remote(begun.on).run(kept_command(_place(ctx), 'rm -rf "$dir"'), become=begun.become)


def _options(ctx: StepContext, action: Copy, ground: Ground) -> Options:
    assert ground.source.rsync and ground.target.rsync
    options = choose(
        ground.source.rsync, ground.target.rsync, empty=ground.place.empty, retry=ctx.n > 1 or again(ctx),
        linked=ground.place.linked, final=action.pass_ == "final", delete=action.delete, exclude=action.exclude,
    )  # fmt: skip
    able = ground.able
    if able is not None:
        options = replace(options, acls=options.acls and able.acls, xattrs=options.xattrs and able.xattrs, links=able.links)
    for has, words in ((options.acls, "ACLs"), (options.xattrs, "extended attributes"), (options.links, "hard links")):
        if not has:
            ctx.say(f"{words} stay behind: one of the two rsyncs, or the file system at the target, can't carry them")
    if not options.inplace:
        ctx.say("files with several names lie at the target: files are written beside their places, interrupted ones start again")
    return options


async def _half(options: Options, source: End, target: End, ground: Ground) -> str | None:
    """The exact line that the other side runs, as its own rsync's partner asks for it."""
    if ground.opened is None:
        return None
    pull = ground.route.way == "pull"
    theirs = source if pull else target
    shown = await ground.opened.asked_by(show_command(options, f"{ground.opened.directory}/show", pull=pull))
    try:
        half = server_line(shown, theirs.path)
    except ValueError as odd:
        raise Refused(f"{ground.opened.job.name}: {odd}; method = \"sftp\" goes without rsync") from odd
    if pull:
        half = paced_half(half, become=theirs.become)
    return half if pull or not theirs.become else f"sudo -n {half}"
