"""`run` and `script`: a command, or an uploaded program, as a detached job. Knows nothing of how a job is kept."""

from __future__ import annotations

from cockpit.plan.model import Run, Script
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.job import run_job, spec_for


async def run(ctx: StepContext) -> Outcome:
    """The step's command on its server."""
    action = ctx.step.action
    assert isinstance(action, Run)
    return await run_job(ctx, ctx.remote(), spec_for(ctx, ctx.render(action.command)))


async def script(ctx: StepContext) -> Outcome:
    """The session's own copy of the script, run by its first line; its arguments are templates."""
    action = ctx.step.action
    assert isinstance(action, Script)
    args = tuple(ctx.render(a, into="text") for a in action.args)
    return await run_job(ctx, ctx.remote(), spec_for(ctx, "", program=ctx.read_file(action.path), args=args))


async def undo(ctx: StepContext) -> Outcome:
    """The step's own rollback, run only when a person asks."""
    return await run_job(ctx, ctx.remote(), spec_for(ctx, ctx.render(ctx.step.undo or "")))
