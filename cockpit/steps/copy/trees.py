"""Of which parts a tree's copy by rsync is made: options for these two rsyncs, the line that the other side may run."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.fleet.routes import OpenRoute, Route
from cockpit.fleet.rsync import Options, choose, server_line, show_command
from cockpit.fleet.sides import Side
from cockpit.plan.model import Copy
from cockpit.steps.api import StepContext
from cockpit.steps.copy.begun import again
from cockpit.steps.copy.parts import Part
from cockpit.steps.copy.places import End, Refused, Source, Target
from cockpit.steps.copy.settle import Settle


@dataclass(frozen=True, slots=True)
class Ground:
    """What was found out before a direct copy: its way, its sides, what is to be moved and what lies at the target."""

    route: Route
    opened: OpenRoute | None
    source: Side
    target: Side
    counted: Source
    place: Target


async def parts_of(ctx: StepContext, source: End, target: End, ground: Ground) -> list[Part]:
    """Refused: one of the two rsyncs words its half in a way that no key may be given."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    options, survey = _options(ctx, action, ground), ground.counted.survey
    half = await _half(options, source, target, ground)
    return [Settle(survey.size, survey.files, action.pass_, options, source.path, target.path, ground.route.way, half)]


def _options(ctx: StepContext, action: Copy, ground: Ground) -> Options:
    assert ground.source.rsync and ground.target.rsync
    rates = [rate for rate in (action.limit, ctx.bandwidth()) if rate]
    options = choose(
        ground.source.rsync, ground.target.rsync, empty=ground.place.empty, retry=ctx.n > 1 or again(ctx),
        linked=ground.place.linked, final=action.pass_ == "final", delete=action.delete, exclude=action.exclude,
        limit=min(rates, default=None),
    )  # fmt: skip
    lacking = [words for has, words in ((options.acls, "ACLs"), (options.xattrs, "extended attributes")) if not has]
    if lacking:
        ctx.say(f"{' and '.join(lacking)} stay behind: one of the two rsyncs can't carry them")
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
    return f"sudo -n {half}" if theirs.become else half
