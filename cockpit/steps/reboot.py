"""`reboot`: asks the server to reboot and waits for a new boot id behind a working login."""

from __future__ import annotations

import asyncio
import time
from math import inf

from cockpit import crash
from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.steps.api import Outcome, StepContext

# Only in the boot that was noted: asked twice, also by an engine that was replaced meanwhile, it reboots once.
COMMAND = """read -r b < /proc/sys/kernel/random/boot_id
[ "$b" != "$BOOT" ] || systemctl reboot || reboot || shutdown -r now"""
LIMIT = 1800.0  # seconds until we say that it did not come back
STILL_THERE = 60.0  # seconds of unbroken contact after which it is not going down, unless it says that it is
UNTOLD = 300.0  # the same where nothing says whether it is: other inits stop their services one after another, and tell nobody
STAYS = ("initializing", "starting", "running", "degraded", "maintenance")  # systemctl(1), is-system-running
PAUSE = 2.0
LOOK = 20.0  # seconds that one look may take


async def run(ctx: StepContext) -> Outcome:
    """The boot id before is noted before the command is sent: an engine that comes later compares, and does not reboot again.
    FleetError where the command could not even be begun (sudo refused)."""
    remote = ctx.remote()
    before = ctx.detail.get("boot_id")
    if before is None:
        before = await remote.boot_id()
        if before is None:
            return Outcome("failed", error="it has no boot id, so nobody could tell whether it was rebooted: reboot it by hand")
        await ctx.note(boot_id=before)
    said = ""
    if await remote.boot_id() == before:
        crash.point("before reboot")
        said = await _ask(ctx, remote, before)
        crash.point("after reboot")
    return await _come_back(ctx, before, said)


async def _ask(ctx: StepContext, remote: Remote, boot: str) -> str:
    """What it had to say to that, "" where it did not answer: one that goes down at once does not."""
    try:
        done = await remote.run(COMMAND, become=ctx.become(), timeout=30, env={"BOOT": boot})
    except (Lost, TimeoutError):
        return ""
    words = (done.stdout + done.stderr).decode(errors="replace").split("\n")
    return "; ".join([line.strip() for line in words if line.strip()][-3:]) or f"exit {done.exit}, and no word"


async def _come_back(ctx: StepContext, before: str, said: str) -> Outcome:
    limit = ctx.step.timeout or LIMIT
    begun = time.monotonic()
    here = True  # it has not yet been seen to go
    while (waited := time.monotonic() - begun) < limit:
        if ctx.cancelled():
            return Outcome("cancelled", error="no longer waited for; the server may still be rebooting")
        now = await _boot(ctx.remote())
        if now and now != before:
            return Outcome("done", detail={"boot_id_after": now})
        here = here and now == before
        if here and waited > STILL_THERE and waited > await _patience(ctx.remote()):
            why = f"it has not gone down in {waited:.0f} s; asked to reboot, it said: {said or 'nothing'}"
            return Outcome("failed", error=why)
        await asyncio.sleep(PAUSE)
    return Outcome("failed", error=f"no new boot id within {limit:.0f} s")


async def _boot(remote: Remote) -> str | None:
    """None while it does not answer, or does not let us in."""
    try:
        return await asyncio.wait_for(remote.boot_id(), LOOK)
    except (FleetError, TimeoutError):
        return None


async def _patience(remote: Remote) -> float:
    """Seconds of unbroken contact after which it is not going down, by what it says of itself now. A service that takes minutes
    to stop keeps the server up, and contact with it."""
    try:
        done = await remote.run("systemctl is-system-running 2>/dev/null", become=False, timeout=LOOK)
    except (FleetError, TimeoutError):
        return inf
    state = done.stdout.decode(errors="replace").strip()
    return inf if state == "stopping" else STILL_THERE if state in STAYS else UNTOLD
