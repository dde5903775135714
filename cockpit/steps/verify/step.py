"""Runs the checks of a verify step and journals each verdict. A verdict that could not be had is `not-tested`, never a pass."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from cockpit.fleet.api import FleetError
from cockpit.plan.model import Check, Verify
from cockpit.plan.templates import TemplateProblem
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.verify.compare import compare
from cockpit.steps.verify.network import NETWORK
from cockpit.steps.verify.places import spots
from cockpit.steps.verify.probes import PROBES
from cockpit.steps.verify.tally import Tally
from cockpit.steps.verify.together import together
from cockpit.steps.verify.verdict import Finding

PAUSE = 2.0  # seconds between two tries of a check with `within`
AT_ONCE = 4  # checks of one step that run together
WAITED_FOR = ("unreachable", "key-changed", "key-unknown", "auth")  # the engine waits for the server, then asks again


async def run(ctx: StepContext) -> Outcome:
    """Every check, also after one has failed: the operator wants to see all of them at once. Raises FleetError where contact
    with a server must be waited for; the checks then run again."""
    action = ctx.step.action
    assert isinstance(action, Verify)
    work = asyncio.create_task(_all(ctx, action.checks))
    cancel = asyncio.create_task(ctx.cancel_event())
    try:
        await asyncio.wait([work, cancel], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return _outcome(action.checks, work.result())
        return Outcome("cancelled", error="cancelled; what was not yet checked is not tested")
    finally:
        work.cancel()
        cancel.cancel()
        await asyncio.gather(work, cancel, return_exceptions=True)  # no verdict after the end


async def _all(ctx: StepContext, checks: Sequence[Check]) -> list[Finding]:
    room = asyncio.Semaphore(AT_ONCE)
    tally = Tally(ctx, [check.name for check in checks if check.kind == "compare"])
    findings = await together(*(_Checked(ctx, check, room, tally).run() for check in checks))
    tally.finish()
    return findings


def _outcome(checks: Sequence[Check], findings: Sequence[Finding]) -> Outcome:
    bad = [(c, f) for c, f in zip(checks, findings, strict=True) if f.result != "pass"]
    if not bad:
        return Outcome("done")
    check, finding = bad[0]
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    word = "" if finding.result == "fail" else " could not be tested"
    return Outcome("failed", error=f"{check.name}{word}: {finding.evidence}{more}")


class _Checked:
    """One check, tried until it passes or its time is over, and its verdict."""

    def __init__(self, ctx: StepContext, check: Check, room: asyncio.Semaphore, tally: Tally) -> None:
        self._ctx, self._check, self._room, self._tally = ctx, check, room, tally
        self._deadline: float | None = None

    async def run(self) -> Finding:
        check, tries = self._check, 0
        while True:
            async with self._room:
                started = time.time()
                self._deadline = self._deadline or time.monotonic() + (check.within or 0.0)
                finding = await self._try()
            tries += 1
            left = self._deadline - time.monotonic()
            if finding.result == "pass" or left <= 0:
                break
            if tries == 1:
                self._ctx.say(f"{check.name}: not yet, trying for {left:.0f} s more: {finding.evidence}")
            await asyncio.sleep(min(PAUSE, left))
        if tries > 1:
            told = f"{finding.evidence} ({tries} tries in {time.monotonic() - self._deadline + (check.within or 0.0):.0f} s)"
            finding = replace(finding, evidence=told)
        await self._ctx.verdict(check.name, check.kind, finding.result, finding.evidence, started, self._paths())
        return finding

    async def _try(self) -> Finding:
        """Waiting for a server is the engine's; any other refusal means that it was not tested."""
        try:
            return await self._ask()
        except FleetError as error:
            if error.problem in WAITED_FOR:
                raise
            return Finding("not-tested", str(error))
        except (TemplateProblem, OSError, ValueError, KeyError, re.error) as error:
            return Finding("not-tested", str(error) or type(error).__name__)

    async def _ask(self) -> Finding:
        if self._check.kind == "compare":
            return await compare(self._ctx, self._check, self._tally)
        return await {**PROBES, **NETWORK}[self._check.kind](self._ctx, self._check)

    def _paths(self) -> list[tuple[str, str]]:
        """What a copy must not write to if this verdict is to stay true; none where the places have no name."""
        try:
            return [(spot.server, spot.path) for spot in spots(self._ctx, self._check)]
        except (TemplateProblem, ValueError):
            return []
