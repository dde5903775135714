"""One short question to a step's server by a command, with all around it that the step's own command has; and the words for
what is asked from here instead. No job, no record."""

from __future__ import annotations

from cockpit.fleet.api import Completed
from cockpit.steps.api import StepContext
from cockpit.steps.job import environment


def from_here(ctx: StepContext) -> str:
    """What a port that does not answer may mean: behind a jump host there may be no way from this machine to it."""
    known = ctx.plan.servers.get(ctx.server or "")
    return f" (asked from this machine; {known.name} is reached via {known.via})" if known is not None and known.via else ""


async def ask(ctx: StepContext, command: str, limit: float) -> Completed:
    """Its end, `limit` seconds from its beginning at most (TimeoutError). The step's env, cwd, secrets and become hold for it;
    templates in `command` are the caller's. Raises FleetError, Lost, TemplateProblem."""
    step = ctx.step
    env = environment(ctx) | dict(await ctx.known_secrets())
    cwd = ctx.render(step.cwd, path=True) if step.cwd else None
    return await ctx.remote().run(command, become=ctx.become(), timeout=limit, env=env, cwd=cwd)
