"""A copy by rsync between the two servers (or on one), as a detached job: started, followed, found again, judged, tidied up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from cockpit import crash
from cockpit.fleet.api import JobOutput, JobReport, JobSpec
from cockpit.fleet.counting import Counter, Survey
from cockpit.fleet.routes import OpenRoute, Route
from cockpit.fleet.rsync import Options, choose, command, ended, job, server_line, show_command
from cockpit.fleet.sides import Side
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy.keys import cleanup
from cockpit.steps.copy.places import End, Refused, Source, Target, recount

STARTS = 5  # of one attempt, after losses of its job; then it is a failure that may be tried again
ERRORS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Work:
    """What was found out before a direct copy: its way, its sides, what is to be moved and what lies at the target."""

    route: Route
    opened: OpenRoute | None
    source: Side
    target: Side
    counted: Source
    place: Target
    without: frozenset[str] = frozenset()  # what stays behind, as a person agreed: words of `fits.Problem`


@dataclass(frozen=True, slots=True)
class Begun:
    """A job as the attempt's note keeps it (`copy`): enough to find it and to judge it after any crash."""

    job: str
    on: str
    become: bool
    way: str
    starts: int
    landing: str
    exactly: bool
    files: int
    size: int
    apparent: int
    kinds: Mapping[str, int]

    @property
    def survey(self) -> Survey:
        return Survey(self.files, self.size, self.apparent, self.kinds)


async def begin(ctx: StepContext, source: End, target: End, work: Work) -> Begun:
    """Let the route's key do its one thing, note the job, start it. Refused, FleetError: nothing runs; Lost: it may."""
    action = ctx.step.action
    assert isinstance(action, Copy) and work.source.rsync and work.target.rsync
    options = _options(ctx, action, work)
    text = await _command(options, source, target, work)
    run_at = source if work.route.way == "push" else target
    starts = _starts(ctx) + 1
    survey = work.counted.survey
    begun = Begun(
        f"{ctx.attempt}-{starts}", run_at.server, run_at.become, work.route.way, starts, work.place.landing,
        work.place.empty or action.delete, survey.files, survey.size, survey.apparent, dict(survey.kinds),
    )  # fmt: skip
    await ctx.note(copy=asdict(begun))
    crash.point("copy.job-noted")
    lock = work.place.landing.rstrip("/")
    spec = JobSpec(
        begun.job, ctx.session, ctx.epoch, job(text, final=action.pass_ == "final"), become=run_at.become,
        timeout=ctx.step.timeout, lock=lock if run_at is target else f"{target.server}:{lock}",
    )  # fmt: skip
    await run_at.remote.start_job(spec)
    crash.point("copy.job-started")
    return begun


def _starts(ctx: StepContext) -> int:
    return int((ctx.detail.get("copy") or {}).get("starts", 0))


def _options(ctx: StepContext, action: Copy, work: Work) -> Options:
    assert work.source.rsync and work.target.rsync
    rates = [rate for rate in (action.limit, ctx.bandwidth()) if rate]
    options = choose(
        work.source.rsync, work.target.rsync, empty=work.place.empty, retry=ctx.n > 1 or _starts(ctx) > 0,
        linked=work.place.linked, final=action.pass_ == "final", delete=action.delete, exclude=action.exclude,
        limit=min(rates, default=None), without=work.without,
    )  # fmt: skip
    lacking = [words for has, words in ((options.acls, "ACLs"), (options.xattrs, "extended attributes")) if not has]
    if lacking:
        ctx.say(f"{' and '.join(lacking)} stay behind: one of the two rsyncs can't carry them")
    if not options.inplace:
        ctx.say("files with several names lie at the target: files are written beside their places, interrupted ones start again")
    return options


async def _command(options: Options, source: End, target: End, work: Work) -> str:
    """The job's command; for a route, after its key may run exactly the other half."""
    if work.opened is None:
        return command(options, source.path, target.path)
    pull = work.route.way == "pull"
    theirs = source if pull else target
    shown = await work.opened.asked_by(show_command(options, f"{work.opened.directory}/show", pull=pull))
    try:
        half = server_line(shown, theirs.path)
    except ValueError as odd:
        raise Refused(f"{work.opened.job.name}: {odd}; method = \"sftp\" goes without rsync") from odd
    await work.opened.permit(f"sudo -n {half}" if theirs.become else half)
    crash.point("copy.permitted")
    return command(options, source.path, target.path, shell=work.opened.shell, pull=pull)


async def found(ctx: StepContext, source: End, target: End) -> Outcome | None:
    """What an earlier engine began: followed to its end where it runs or has ended. None: it must be begun again."""
    noted = ctx.detail.get("copy")
    if not noted:
        return None
    begun = Begun(**noted)
    report = await ctx.remote(begun.on).inspect_job(begun.job, become=begun.become)
    if report.phase in ("running", "ended"):
        return await to_the_end(ctx, source, target, begun, heard=report.out)
    ctx.say(f"the copy's job is {report.phase} on {begun.on}: it goes on with what has arrived")
    if begun.starts >= STARTS:
        await cleanup(ctx, ctx.detail)
        return Outcome("failed", transient=True, error=f"the copy's job was lost {begun.starts} times on {begun.on}")
    return None


async def to_the_end(ctx: StepContext, source: End, target: End, begun: Begun, *, heard: int = 0) -> Outcome:
    """Follow it while watching for a cancel, then judge. Stopping the engine leaves job and route as they are. heard: bytes
    of its stdout that an earlier engine may have counted: until they are read again there is no progress to tell."""
    counter, errors = Counter(), bytearray()
    follow = asyncio.create_task(_follow(ctx, begun, counter, errors, heard))
    cancel = asyncio.create_task(ctx.cancel_event())
    try:
        await asyncio.wait({follow, cancel}, return_when=asyncio.FIRST_COMPLETED)
        if not follow.done():
            await ctx.remote(begun.on).cancel_job(begun.job, become=begun.become)
        report = await follow
    finally:
        for task in (follow, cancel):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
    if report.phase != "ended":
        again = await found(ctx, source, target)
        return again or Outcome("failed", transient=True, error=f"the copy's job is gone from {begun.on} ({report.phase})")
    crash.point("copy.job-ended")
    await cleanup(ctx, ctx.detail)
    crash.point("copy.key-removed")
    return await _judge(ctx, source, target, begun, report, counter, errors.decode(errors="replace"))


async def _follow(ctx: StepContext, begun: Begun, counter: Counter, errors: bytearray, heard: int) -> JobReport:
    """rsync's stdout is numbers and read from its start each time; its stderr is journaled from where that ends."""
    survey = begun.survey
    _, journaled = ctx.offsets()
    async for seen in ctx.remote(begun.on).follow_job(begun.job, become=begun.become, out=0, err=journaled):
        if isinstance(seen, JobReport):
            return seen
        await _seen(ctx, seen, counter, errors)
        if counter.fed < heard:
            continue
        done, files = min(counter.bytes_done, survey.size), min(counter.files_done, survey.files)
        ctx.progress("copy", done, survey.size, files, survey.files)
    raise AssertionError("a followed job ends with its report")


async def _seen(ctx: StepContext, seen: JobOutput, counter: Counter, errors: bytearray) -> None:
    if seen.stream == "out":
        counter.feed(seen.data)
        return
    errors += seen.data
    del errors[:-ERRORS_KEPT]
    await ctx.output("err", seen.offset, seen.data)


async def _judge(
    ctx: StepContext, source: End, target: End, begun: Begun, report: JobReport, counter: Counter, errors: str,
) -> Outcome:  # fmt: skip
    action = ctx.step.action
    assert isinstance(action, Copy)
    detail: dict[str, Any] = {"way": begun.way, "bytes": begun.size, "files": begun.files, "moved": counter.moved_files}
    if early := _not_run(ctx, begun, report):
        return early
    end = ended(report.exit if report.exit is not None else -1, errors, initial=action.pass_ == "initial")
    if not end.done:
        words = [line for line in errors.strip().splitlines() if not line.startswith("rsync error:")]
        text = f"{end.text}: {words[-1]}" if words else end.text
        return Outcome("failed", report.exit, text, end.transient, detail)
    if action.pass_ == "final" and counter.changed:
        text = f"the final pass still found {counter.changed} changes: the source is not at rest"
        return Outcome("failed", report.exit, text, False, detail)
    return await _arrived(ctx, source, target, begun, report.exit, detail)


def _not_run(ctx: StepContext, begun: Begun, report: JobReport) -> Outcome | None:
    """Ends that are not rsync's own."""
    match report.how:
        case "":
            return Outcome("failed", report.exit, f"{begun.on}: {report.error}") if report.error else None
        case "cancelled":
            return Outcome("cancelled", report.exit, "cancelled; what has arrived stays and is not moved again")
        case "timeout":
            return Outcome("failed", report.exit, f"it ran longer than its timeout of {ctx.step.timeout or 0:.0f} s")
        case "locked":
            return Outcome("failed", report.exit, f"another job writes to {begun.landing}", transient=True)
    return Outcome("failed", report.exit, f"{begun.on} did not run it ({report.how}): {report.error}")


async def _arrived(
    ctx: StepContext, source: End, target: End, begun: Begun, exit: int | None, detail: dict[str, Any],
) -> Outcome:  # fmt: skip
    """On disk, and counted there: rsync's word alone does not make it done."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    survey = begun.survey
    ctx.progress("sync", survey.size, survey.size, survey.files, survey.files)
    await target.remote.run("sync", become=target.become)
    ctx.progress("verify", survey.size, survey.size, survey.files, survey.files)
    there = await recount(target, begun.landing, action.exclude)
    if there is None:
        return Outcome("failed", exit, f"{target.server}:{begun.landing} can't be counted", True, detail)
    if not there.covers(survey, exactly=begun.exactly):
        now = await recount(source, source.path, action.exclude)
        if now is None or not there.covers(now, exactly=begun.exactly):
            text = f"counted {_counted(there)} at the target, {_counted(now or survey)} at the source"
            if action.pass_ != "initial":
                return Outcome("failed", exit, text, True, detail)
            ctx.say(f"{text}: the source is in use, and the final pass settles it")
    return Outcome("done", exit, detail=detail)


def _counted(survey: Survey) -> str:
    return f"{sum(survey.kinds.values())} entries with {survey.apparent} bytes"
