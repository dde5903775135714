"""A detached job as a step sees it: start it or find it, follow it, and say how it ended. One path for first start and resume.

The recovery rules are those of the design, section 2: a result is adopted, a running job reattached, an absent one started
under the same id; anything else is `unknown`, which is for the probe or a person, never for a guess.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import replace

from cockpit import crash
from cockpit.fleet.api import JobOutput, JobReport, JobSpec, Remote
from cockpit.steps.api import Outcome, StepContext

HOW = {
    "timeout": "it ran longer than its timeout and was ended",
    "cancelled": "cancelled",
    "stale-epoch": "another engine has taken over this session",
    "locked": "another job is writing the same target",
    "record": "its record could not be written on the server",
}

REFUSED = ("stale-epoch", "locked", "record")  # it was not started, or cannot be recorded: nothing is left to be read

TAIL = 16 * 1024  # bytes of stderr in which its last line is looked for
QUOTED = 200  # characters of it that an error carries
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # colours and the like


async def run_job(ctx: StepContext, remote: Remote, spec: JobSpec) -> Outcome:
    """Start or find `spec`, journal its output, and return its end. Raises Lost when contact breaks: call again."""
    if ctx.resumed:
        report = await remote.inspect_job(spec.id, become=spec.become)
        if report.phase not in ("absent", "prepared"):
            crash.point("before job.adopt")
            found = await explained(ctx, await collect(ctx, remote, spec))
            crash.point("after job.adopt")
            return found
        if report.phase == "absent" and await rebooted(ctx, remote):
            return Outcome("unknown", error="the server was rebooted since, and has no record of it")
    crash.point("before job.start")
    report = await remote.start_job(spec)
    crash.point("after job.start")
    if report.phase == "ended" and report.how in REFUSED and report.exit is None:
        return ended(report)
    if report.phase not in ("running", "ended"):
        return unfinished(report)
    found = await explained(ctx, await collect(ctx, remote, spec))
    crash.point("after job.end")
    return found


async def rebooted(ctx: StepContext, remote: Remote) -> bool:
    """Whether the server is in another boot than when this attempt was begun: a power cut may take the youngest records with
    it, so that a job of which there is none may have run all the same."""
    before = ctx.detail.get("boot")
    return before is not None and before != await remote.boot_id()


async def collect(ctx: StepContext, remote: Remote, spec: JobSpec) -> JobReport:
    """Journal what the job prints until it ends; a cancel asked for meanwhile ends its whole process group."""
    canceller = asyncio.create_task(_cancel_when_asked(ctx, remote, spec))
    try:
        out, err = ctx.offsets()
        async for item in remote.follow_job(spec.id, become=spec.become, out=out, err=err):
            if isinstance(item, JobOutput):
                await ctx.output(item.stream, item.offset, item.data)
            else:
                return item
        raise AssertionError("follow_job ended without a report")
    finally:
        canceller.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await canceller


async def _cancel_when_asked(ctx: StepContext, remote: Remote, spec: JobSpec) -> None:
    await ctx.cancel_event()
    crash.point("before job.cancel")
    await remote.cancel_job(spec.id, become=spec.become)
    crash.point("after job.cancel")


async def explained(ctx: StepContext, report: JobReport) -> Outcome:
    """How it ended, with the last that it said itself: a bare "exit 3" sends whoever is asked into the log."""
    outcome = ended(report)
    if outcome.result != "failed" or report.how or report.error:
        return outcome
    said = last_line(await ctx.last_errors(TAIL))
    return replace(outcome, error=f"{outcome.error}: {said}") if said else outcome


def last_line(printed: bytes) -> str:
    """The last line with anything on it, as a person can read it; of one that was overwritten (a progress bar) its last state."""
    lines = map(_readable, reversed(printed.decode(errors="replace").splitlines()))
    found = next(filter(None, lines), "")
    return found if len(found) <= QUOTED else found[: QUOTED - 1] + "…"


def _readable(line: str) -> str:
    """A server's bytes must not act on the terminal of whoever reads `status`."""
    text = " ".join(_ESCAPE.sub("", line).split())
    return "".join(char if char.isprintable() else "?" for char in text).strip()


def ended(report: JobReport) -> Outcome:
    if report.phase != "ended":
        return unfinished(report)
    if report.how == "cancelled":
        return Outcome("cancelled", exit=report.exit, error="cancelled; its process group was ended")
    if report.how:
        return Outcome("failed", exit=report.exit, error=HOW.get(report.how, report.how), transient=report.how == "locked")
    if report.exit == 0:
        return Outcome("done", exit=0)
    return Outcome("failed", exit=report.exit, error=report.error or f"exit {report.exit}")


def unfinished(report: JobReport) -> Outcome:
    why = {
        "rebooted": "the server was rebooted while it ran, and left no result",
        "gone": "its process is gone and left no result (killed, or out of memory)",
        "prepared": "the server could not say whether it was started",
        "absent": "the server has no record of it",
    }
    return Outcome("unknown", error=report.error or why.get(report.phase, report.phase))


def environment(ctx: StepContext) -> dict[str, str]:
    """The step's `env`, its templates filled in."""
    return {name: ctx.render(value, into="text") for name, value in ctx.step.env.items()}


def spec_for(ctx: StepContext, command: str, *, program: bytes | None = None, args: tuple[str, ...] = ()) -> JobSpec:
    """The job of this attempt: what the plan's common keys (env, cwd, secrets, timeout, become) say of it."""
    step = ctx.step
    return JobSpec(
        id=ctx.attempt, session=ctx.session, epoch=ctx.epoch, command=command, program=program, args=args,
        become=ctx.become(), env=environment(ctx), secrets=dict(ctx.secrets),
        cwd=ctx.render(step.cwd, path=True) if step.cwd else None, timeout=step.timeout,
    )
