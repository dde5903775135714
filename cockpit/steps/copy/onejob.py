"""One detached job of a copy, followed to its end: its output read, a cancel heard, its pace told. Knows not what it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from cockpit.fleet.api import FleetError, JobReport, JobSpec, Lost
from cockpit.plan.model import Copy
from cockpit.steps.api import Pace, StepContext

TELL_AGAIN = 3.0  # seconds until a job that could not be told its pace is told again
LOCK_WAIT = 6.0  # seconds: what the last job's processes hold is free again when the last of them has gone


def pace_of(ctx: StepContext) -> Pace:
    """What the limits in force and the step's own leave it."""
    action, pace = ctx.step.action, ctx.pace()
    assert isinstance(action, Copy)
    return replace(pace, rate=min((rate for rate in (action.limit, pace.rate) if rate), default=None))


async def started(ctx: StepContext, on: str, spec: JobSpec) -> JobReport:
    """As `start_job`, once what the last job's processes hold is free. One with a `how` and no exit code says that it was not
    run."""
    report, until = await ctx.remote(on).start_job(spec), time.monotonic() + LOCK_WAIT
    while report.how == "locked" and time.monotonic() < until:
        await asyncio.sleep(0.5)
        report = await ctx.remote(on).start_job(spec)
    return report


async def to_its_end(
    ctx: StepContext, on: str, job: str, become: bool, fed: Callable[[bytes], None], *, heard: int = 0, err: int = 0,
) -> JobReport:  # fmt: skip
    """Its stdout goes to `fed` from its start each time; what it says on stderr is journaled from where that ends. Stopping the
    engine leaves the job as it is. heard: bytes of stdout that an earlier engine may have counted: they come in one piece, so
    that no progress is told twice. err: where its stderr begins in the attempt's."""
    follow = asyncio.create_task(_follow(ctx, on, job, become, fed, heard, err))
    others = [asyncio.create_task(ctx.cancel_event()), asyncio.create_task(pacing(ctx, on, job, become))]
    try:
        await asyncio.wait({follow, others[0]}, return_when=asyncio.FIRST_COMPLETED)
        if not follow.done():
            await ctx.remote(on).cancel_job(job, become=become)
        return await follow
    finally:
        for task in (follow, *others):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _follow(
    ctx: StepContext, on: str, job: str, become: bool, fed: Callable[[bytes], None], heard: int, err: int,
) -> JobReport:  # fmt: skip
    before, journaled = b"", ctx.offsets()[1] - err
    async for seen in ctx.remote(on).follow_job(job, become=become, out=0, err=journaled):
        if isinstance(seen, JobReport):
            fed(before)
            return seen
        if seen.stream == "err":
            await ctx.output("err", err + seen.offset, seen.data)
            continue
        before += seen.data
        if seen.offset + len(seen.data) >= heard:
            fed(before)
            before = b""
    raise AssertionError("a followed job ends with its report")


async def pacing(ctx: StepContext, on: str, job: str, become: bool) -> None:
    """Tells a job that runs each new pace until it is told; an engine that finds one tells it at once, for the pace may have
    changed meanwhile. For as long as it is not cancelled."""
    said = False
    while True:
        now = ctx.pace()
        try:
            await ctx.remote(on).tell_job(job, pace_of(ctx).told, become=become)
        except (FleetError, TimeoutError) as problem:
            if not said and not isinstance(problem, Lost):
                ctx.say(f"the job on {on} goes on at its old pace until it can be told: {problem}")
                said = True
            await asyncio.sleep(TELL_AGAIN)
        else:
            said = False
            await ctx.pace_changed(now)
