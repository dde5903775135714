"""`reboot`: asks the server to reboot and waits for a new boot id behind a working login."""

from __future__ import annotations

import asyncio
import time

from cockpit import crash
from cockpit.fleet.api import FleetError
from cockpit.steps.api import Outcome, StepContext

# Only in the boot that was noted: asked twice, also by an engine that was replaced meanwhile, it reboots once.
COMMAND = """read -r b < /proc/sys/kernel/random/boot_id
[ "$b" = "$BOOT" ] && (sleep 1; systemctl reboot || reboot || shutdown -r now) >/dev/null 2>&1 </dev/null &"""
LIMIT = 1800.0  # seconds until we say that it did not come back
PAUSE = 2.0


async def run(ctx: StepContext) -> Outcome:
    """The boot id before is noted before the command is sent: an engine that comes later compares, and does not reboot again."""
    remote = ctx.remote()
    before = ctx.detail.get("boot_id")
    if before is None:
        before = await remote.boot_id()
        await ctx.note(boot_id=before)
    if await remote.boot_id() == before:
        crash.point("before reboot")
        try:
            await remote.run(COMMAND, become=ctx.become(), timeout=30, env={"BOOT": str(before)})
        except (FleetError, TimeoutError):
            pass  # a server that goes down at once does not answer: the boot id will tell
        crash.point("after reboot")
    return await _come_back(ctx, str(before))


async def _come_back(ctx: StepContext, before: str) -> Outcome:
    limit = ctx.step.timeout or LIMIT
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if ctx.cancelled():
            return Outcome("cancelled", error="no longer waited for; the server may still be rebooting")
        try:
            now = await asyncio.wait_for(ctx.remote().boot_id(), 20)
        except (FleetError, TimeoutError):
            now = None
        if now and now != before:
            return Outcome("done", detail={"boot_id_after": now})
        await asyncio.sleep(PAUSE)
    return Outcome("failed", error=f"no new boot id within {limit:.0f} s")
