"""A copy between two servers (or on one) as a row of parts, each a detached job: permitted, noted, started, followed, found
again after any crash, judged. Knows no part's inside: what rsync or chunks are is the parts' own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from cockpit import crash
from cockpit.fleet.api import JobReport, JobSpec
from cockpit.fleet.counting import Survey
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy import doubt, leftovers
from cockpit.steps.copy.beforehand import CANCELLED
from cockpit.steps.copy.begun import Begun, Ready, begun_with, detail_of, done_before, noted
from cockpit.steps.copy.clock import left_to_a_job, too_long
from cockpit.steps.copy.files import Files
from cockpit.steps.copy.images import Images
from cockpit.steps.copy.keys import cleanup, keep_valid
from cockpit.steps.copy.ondisk import not_all, synced
from cockpit.steps.copy.onejob import pace_of, pacing, started
from cockpit.steps.copy.parts import Part, added
from cockpit.steps.copy.places import End, recount
from cockpit.steps.copy.settle import Settle
from cockpit.steps.copy.together import both, timed
from cockpit.steps.copy.told import tell
from cockpit.steps.copy.trees import forget

STARTS = 5  # of one attempt, after losses of its jobs; then it is a failure that may be tried again
ERRORS_KEPT = 4096

REVIVED: dict[str, Callable[[Mapping[str, Any]], Part]] = {
    "files": Files.revived, "images": Images.revived, "settle": Settle.revived,
}  # fmt: skip
"""By a part's name: the part again, from its `memory`, to follow and judge a job that an earlier engine started."""


async def go(ctx: StepContext, source: End, target: End, ready: Ready) -> Outcome | None:
    """The parts that are not done yet, one after another, to the end of the copy. None: a job or what it wrote was lost: look
    and begin again. FleetError: nothing runs; Lost: something may."""
    begun: Begun | None = None
    for part in ready.parts:
        if part.name in done_before(ctx) and part is not ready.parts[-1]:
            continue  # the last one is noted as done only where more came after it then: what it says now ends the copy
        begun = begun_with(ctx, source, target, ready, part)
        if refused := await _start(ctx, begun, part, ready):
            await cleanup(ctx, ctx.detail)
            return refused
        ended = await _to_its_end(ctx, begun, part)
        if isinstance(ended, Outcome) or ended is None:
            return ended
        begun = ended
    assert begun is not None and begun.last
    return await _finish(ctx, source, target, begun)


async def found(ctx: StepContext, source: End, target: End) -> Outcome | None:
    """What an earlier engine began: followed to its end where it runs or has ended. None: what is left is to be begun."""
    begun = noted(ctx)
    if begun is None or begun.part in begun.done:
        return None
    remote = ctx.remote(begun.on)
    report = await remote.inspect_job(begun.job, become=begun.become)
    if report.phase in ("running", "ended"):
        ended = await _to_its_end(ctx, begun, REVIVED[begun.part](begun.memory), heard=report.out)
        if isinstance(ended, Begun):
            return await _finish(ctx, source, target, ended) if begun.last else None
        return ended if ended else await found(ctx, source, target)
    if report.phase == "gone":  # its leader was killed; what that left behind still writes
        await remote.cancel_job(begun.job, become=begun.become)
    ctx.say(f"the copy's job is {report.phase} on {begun.on}: it goes on with what has arrived")
    if begun.starts >= STARTS:
        await cleanup(ctx, ctx.detail)
        return Outcome("failed", transient=True, error=f"the copy's job was lost {begun.starts} times on {begun.on}")
    return None


async def _start(ctx: StepContext, begun: Begun, part: Part, ready: Ready) -> Outcome | None:
    """Let the route's key do this part's one thing, note the job, start it. An Outcome says why it does not run."""
    if ready.opened is not None and (forced := part.forced()) is not None:
        await ready.opened.permit(forced)
        crash.point("copy.permitted")
    await ctx.note(copy=asdict(begun))
    crash.point("copy.job-noted")
    lock = begun.landing.rstrip("/")
    work = part.command(ready.opened.shell if ready.opened else None)
    spec = JobSpec(
        begun.job, ctx.session, ctx.epoch, work.command, work.program, work.args, become=begun.become,
        timeout=left_to_a_job(ctx), lock=f"{ready.route.target}:{lock}" if ready.route.way == "push" else lock,
        told=pace_of(ctx).told,
    )  # fmt: skip
    report = await started(ctx, begun.on, spec)
    crash.point("copy.job-started")
    return _not_run(ctx, begun, report) if report.phase == "ended" and report.how and report.exit is None else None


async def _to_its_end(ctx: StepContext, begun: Begun, part: Part, *, heard: int | None = None) -> Begun | Outcome | None:
    """Follow it while watching for a cancel, then judge. The note with this part in it; or why the copy ends here; or None: the
    job is lost. Stopping the engine leaves job and route as they are. heard: of a job that was found, bytes of its stdout that
    an earlier engine may have counted: until they are read again there is no progress to tell."""
    errors = bytearray()
    follow = asyncio.create_task(_follow(ctx, begun, part, errors, heard or 0))
    cancel = asyncio.create_task(ctx.cancel_event())
    valid = keep_valid(ctx, begun.on, at_once=heard is not None)
    beside = [asyncio.create_task(pacing(ctx, begun.on, begun.job, begun.become)), asyncio.create_task(valid)]
    try:
        await asyncio.wait({follow, cancel}, return_when=asyncio.FIRST_COMPLETED)
        if not follow.done():
            await ctx.remote(begun.on).cancel_job(begun.job, become=begun.become)
        report = await follow
    finally:
        for task in (follow, cancel, *beside):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
    if report.phase != "ended":
        return None
    crash.point("copy.job-ended")
    cut = "… " * (len(errors) == ERRORS_KEPT)  # so that a judge of all of them sees that these are not all
    return await _judged(ctx, begun, part, report, cut + errors.decode(errors="replace"))


async def _follow(ctx: StepContext, begun: Begun, part: Part, errors: bytearray, heard: int) -> JobReport:
    """Its stdout is the part's, read from its start each time; its stderr is journaled from where that ends."""
    fed = 0
    journaled = ctx.offsets()[1] - begun.err
    async for seen in ctx.remote(begun.on).follow_job(begun.job, become=begun.become, out=0, err=journaled):
        if isinstance(seen, JobReport):
            return seen
        if seen.stream == "err":
            errors += seen.data
            del errors[:-ERRORS_KEPT]
            await ctx.output("err", begun.err + seen.offset, seen.data)
            continue
        part.feed(seen.data)
        fed += len(seen.data)
        if fed >= heard:
            _told(ctx, begun, part)
    raise AssertionError("a followed job ends with its report")


def _told(ctx: StepContext, begun: Begun, part: Part) -> None:
    (bytes_before, files_before), (size, files) = begun.before, begun.total
    left = [count for count in (part.largest, begun.largest) if count]
    tell(
        ctx, part.phase, bytes_before + part.bytes_done, size, files_before + part.files_done, files,
        largest=max(left, default=None), moved=begun.moved_before + part.moved, proof=part.proof,
    )  # fmt: skip


async def _judged(ctx: StepContext, begun: Begun, part: Part, report: JobReport, errors: str) -> Begun | Outcome:
    detail = added(detail_of(begun), part.detail())
    if words := doubt.disk_of(begun, errors):
        detail["disk"] = words
    ended = _not_run(ctx, begun, report) or part.judge(report.exit if report.exit is not None else -1, errors)
    if ended:
        await cleanup(ctx, ctx.detail)
        crash.point("copy.key-removed")
        return replace(ended, detail=added(detail, ended.detail))
    done = {"size": part.size, "files": part.files, "detail": dict(part.detail())}
    begun = replace(begun, done={**begun.done, part.name: done})
    if not begun.last:  # of the last one its job is the record: what it left is judged again as long as nobody has heard of it
        await ctx.note(copy=asdict(begun))
        crash.point("copy.part-done")
    return begun


def _not_run(ctx: StepContext, begun: Begun, report: JobReport) -> Outcome | None:
    """Ends that are not the part's own."""
    match report.how:
        case "":
            return Outcome("failed", report.exit, f"{begun.on}: {report.error}") if report.error else None
        case "cancelled":
            return Outcome("cancelled", report.exit, CANCELLED)
        case "timeout":
            return replace(too_long(ctx), exit=report.exit)
        case "locked":
            return Outcome("failed", report.exit, f"another job writes to {begun.landing}", transient=True)
    return Outcome("failed", report.exit, f"{begun.on} did not run it ({report.how}): {report.error}")


async def _finish(ctx: StepContext, source: End, target: End, begun: Begun) -> Outcome | None:
    """On disk, and counted there: no part's word alone makes it done. None: the target went down before it was on disk."""
    action, (size, files), detail = ctx.step.action, begun.total, detail_of(begun)
    assert isinstance(action, Copy)
    ctx.progress("sync", size, size, files, files)
    _, (refused, detail["sync_s"]) = await both(cleanup(ctx, ctx.detail), timed(synced(ctx, target, begun.landing)))
    crash.point("copy.key-removed")
    if refused:
        return Outcome("failed", error=not_all(target, refused), detail=detail)
    if await doubt.started_anew(target, begun):
        return None
    ctx.progress("verify", size, size, files, files)
    await leftovers.remove(ctx, source, target, begun.landing)
    if begun.proven:
        return Outcome("done", 0, detail=detail)
    await forget(ctx, begun)
    there = await recount(target, begun.landing, action.exclude)
    if there is None:
        return Outcome("failed", 0, f"{target.server}:{begun.landing} can't be counted", True, detail)
    if not there.covers(begun.survey, exactly=begun.exactly):
        now = await recount(source, source.path, action.exclude, frozenset(begun.without))
        if now is None or not there.covers(now, exactly=begun.exactly):
            text = f"counted {_counted(there)} at the target, {_counted(now or begun.survey)} at the source"
            if action.pass_ != "initial":
                return Outcome("failed", 0, text, True, detail)
            ctx.say(f"{text}: the source is in use, and the final pass settles it")
    return Outcome("done", 0, detail=detail)


def _counted(survey: Survey) -> str:
    return f"{sum(survey.kinds.values())} entries with {survey.apparent} bytes"
