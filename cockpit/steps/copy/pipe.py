"""A pipe: what a command on one server writes, read by a command on another, over the route between them, as a detached job.

The bytes are counted on their way, and it is done only when both commands ended with 0. A stream can't be gone on with: what
broke off is never begun again by itself, since nobody here knows what the consumer kept of it. How the job is put together is
`fleet.piping`'s.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any

from cockpit import crash
from cockpit.fleet.api import FleetError, JobReport, JobSpec, Lost
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.piping import CONSUMER, GIVEN, PRODUCER, Heard, given, guarded, here, job, plainly
from cockpit.fleet.routes import Route, find_route
from cockpit.fleet.rsync import REMOTE
from cockpit.fleet.sides import HERE, look
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy.clock import left_to_a_job
from cockpit.steps.copy.keys import cleanup, note_route
from cockpit.steps.copy.onejob import pace_of, to_its_end
from cockpit.steps.copy.places import End, servers
from cockpit.steps.job import HOW, environment, unfinished


@dataclass(frozen=True, slots=True)
class Begun:
    """The job as the attempt's note keeps it (`pipe`). boot: of the server that runs it, when it was begun."""

    job: str
    on: str
    become: bool
    way: str
    boot: str | None


async def run(ctx: StepContext, commands: tuple[str, str]) -> Outcome:
    """Start it, or go on with what its note says was begun. Raises FleetError, Lost, WrongHostKey."""
    if noted := ctx.detail.get("pipe"):
        begun = Begun(**noted)
        report = await ctx.remote(begun.on).inspect_job(begun.job, become=begun.become)
        if report.phase in ("running", "ended"):
            return await _to_the_end(ctx, begun, heard=report.out)
        rebooted = begun.boot != await ctx.remote(begun.on).boot_id()  # a power cut may take the youngest records with it
        if rebooted or report.phase not in ("absent", "prepared"):
            await cleanup(ctx, ctx.detail)
            return unfinished(report)
    begun_now = await _begin(ctx, commands)
    return begun_now if isinstance(begun_now, Outcome) else await _to_the_end(ctx, begun_now)


async def _begin(ctx: StepContext, commands: tuple[str, str]) -> Begun | Outcome:
    """Outcome: there is no way, and nothing was begun."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    await cleanup(ctx, ctx.detail)
    giver, taker = servers(ctx)
    ctx.progress("scan", 0)
    ours, theirs = await asyncio.gather(
        look(giver.remote, giver.become, rsync=False), look(taker.remote, taker.become, rsync=False)
    )
    tag = await note_route(ctx, ours, theirs)
    route, opened = await find_route(tag, ours, theirs, here=ctx.remote(HERE), pin=action.route)
    if route.way == "relay":
        return Outcome("failed", error=f"no way for a pipe between the servers: {route.why}")
    ctx.say(f"{route.name}: {route.why}")
    try:
        return await _start(ctx, route, opened, (giver, taker), commands)
    except FleetError as problem:
        if not isinstance(problem, Lost):
            await cleanup(ctx, ctx.detail)
        raise


async def _start(
    ctx: StepContext, route: Route, opened: OpenRoute | None, ends: tuple[End, End], commands: tuple[str, str],
) -> Begun:  # fmt: skip
    action = ctx.step.action
    assert isinstance(action, Copy)
    secrets = await ctx.known_secrets()
    gives = given(environment(ctx) | dict(secrets))
    to = "" if not gives or opened is None else PRODUCER if route.way == "pull" else CONSUMER
    text = job(*await _halves(ctx, route, opened, commands, takes=bool(to)), limit=action.limit, to=to)
    at = ends[0] if route.way == "push" else ends[1]
    begun = Begun(f"{ctx.attempt}-pipe", at.server, at.become, route.name, await at.remote.boot_id())
    await ctx.note(pipe=asdict(begun))
    crash.point("copy.job-noted")
    await at.remote.start_job(JobSpec(
        begun.job, ctx.session, ctx.epoch, text, become=at.become, env={GIVEN: gives}, secrets=secrets,
        timeout=left_to_a_job(ctx), told=pace_of(ctx).told,
    ))  # fmt: skip
    crash.point("copy.job-started")
    return begun


async def _halves(
    ctx: StepContext, route: Route, opened: OpenRoute | None, commands: tuple[str, str], *, takes: bool,
) -> tuple[str, str]:  # fmt: skip
    """The two commands as the job runs them; the one of the other server is all that the route's key may run there."""
    producer, consumer = (ctx.render(command) for command in commands)
    if opened is None:
        return f"{here(producer)} </dev/null", here(consumer)
    pull = route.way == "pull"
    theirs = guarded(producer, takes=takes) if pull else plainly(consumer, takes=takes)
    await opened.permit(f"sudo -n {theirs}" if opened.other.become else theirs)
    crash.point("copy.permitted")
    reach = f"sh {quote(opened.shell)} {REMOTE} x"
    return (reach, here(consumer)) if pull else (f"{here(producer)} </dev/null", reach)


async def _to_the_end(ctx: StepContext, begun: Begun, *, heard: int = 0) -> Outcome:
    """Stopping the engine leaves job and route as they are."""
    count = Heard()

    def fed(data: bytes) -> None:
        count.feed(data)
        ctx.progress("copy", count.done, _total(ctx, count.done))

    report = await to_its_end(ctx, begun.on, begun.job, begun.become, fed, heard=heard)
    crash.point("copy.job-ended")
    await cleanup(ctx, ctx.detail)
    return _judge(ctx, begun, report, count)


def _total(ctx: StepContext, done: int) -> int | None:
    """What the plan's estimate says; a stream that turns out longer is all there is to know."""
    said = ctx.step.estimate.bytes if ctx.step.estimate else None
    return None if said is None else max(said, done)


def _judge(ctx: StepContext, begun: Begun, report: JobReport, count: Heard) -> Outcome:
    if report.phase != "ended":
        return unfinished(report)
    detail: dict[str, Any] = {"way": begun.way, "bytes": count.done, "exits": dict(count.codes)}
    if report.how == "cancelled":
        return Outcome("cancelled", report.exit, "cancelled; both commands were ended", detail=detail)
    if report.how:
        return Outcome("failed", report.exit, HOW.get(report.how, report.how), detail=detail)
    if report.error:
        return Outcome("failed", report.exit, f"{begun.on}: {report.error}", detail=detail)
    if wrong := count.wrong():
        return Outcome("failed", *wrong, detail=detail)
    ctx.progress("copy", count.done, count.done)
    return Outcome("done", 0, detail=detail)
