"""Runs the checks of a verify step and journals each verdict. A verdict that could not be had is `not-tested`, never a pass."""

from __future__ import annotations

import asyncio
import time

from cockpit.fleet.api import FleetError, Lost
from cockpit.plan.model import Check, Verify
from cockpit.plan.templates import TemplateProblem
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.verify.compare import compare
from cockpit.steps.verify.probes import PROBES
from cockpit.steps.verify.verdict import Finding

PAUSE = 2.0  # seconds between two tries of a check with `within`
AT_ONCE = 4  # checks of one step that run together


async def run(ctx: StepContext) -> Outcome:
    """Every check, also after one has failed: the operator wants to see all of them at once."""
    action = ctx.step.action
    assert isinstance(action, Verify)
    room = asyncio.Semaphore(AT_ONCE)
    work = asyncio.create_task(_all(ctx, action.checks, room))
    cancel = asyncio.create_task(ctx.cancel_event())
    try:
        await asyncio.wait([work, cancel], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return _outcome(action.checks, work.result())
        return Outcome("cancelled", error="cancelled; what was not yet checked is not tested")
    finally:
        work.cancel()
        cancel.cancel()


async def _all(ctx: StepContext, checks: tuple[Check, ...], room: asyncio.Semaphore) -> list[Finding]:
    return await asyncio.gather(*(_one(ctx, check, room) for check in checks))


def _outcome(checks: tuple[Check, ...], findings: list[Finding]) -> Outcome:
    bad = [(c, f) for c, f in zip(checks, findings, strict=True) if f.result != "pass"]
    if not bad:
        return Outcome("done")
    check, finding = bad[0]
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    word = "failed" if finding.result == "fail" else "could not be tested"
    return Outcome("failed", error=f"{check.name} {word}: {finding.evidence}{more}")


async def _one(ctx: StepContext, check: Check, room: asyncio.Semaphore) -> Finding:
    async with room:
        began, deadline = time.time(), time.monotonic() + (check.within or 0.0)
        while True:
            started = time.time()
            finding = await _try(ctx, check)
            if finding.result == "pass" or time.monotonic() >= deadline:
                break
            await asyncio.sleep(PAUSE)
        if check.within and finding.result != "pass":
            finding = Finding(finding.result, f"{finding.evidence} (tried for {time.time() - began:.0f} s)", finding.paths)
        await ctx.verdict(check.name, check.kind, finding.result, finding.evidence, started, list(finding.paths))
        return finding


async def _try(ctx: StepContext, check: Check) -> Finding:
    """Loss of contact is the engine's to wait out; any other refusal means that it was not tested."""
    try:
        return await (compare(ctx, check) if check.kind == "compare" else PROBES[check.kind](ctx, check))
    except Lost:
        raise
    except (FleetError, TemplateProblem, TimeoutError, OSError, ValueError) as error:
        return Finding("not-tested", str(error) or type(error).__name__)
