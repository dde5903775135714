"""One short question to a step's server by a command, with all around it that the step's own command has. No job, no record."""

from __future__ import annotations

from cockpit.fleet.api import Completed
from cockpit.steps.api import StepContext


async def ask(ctx: StepContext, command: str, limit: float) -> Completed:
    """Its end, `limit` seconds from its beginning at most (TimeoutError). The step's env, cwd, secrets and become hold for it;
    templates in `command` are the caller's. Raises FleetError, Lost, TemplateProblem."""
    step = ctx.step
    env = {name: ctx.render(value, into="text") for name, value in step.env.items()} | dict(ctx.secrets)
    cwd = ctx.render(step.cwd, path=True) if step.cwd else None
    return await ctx.remote().run(command, become=ctx.become(), timeout=limit, env=env, cwd=cwd)
