"""The checks that ask a server one question by a command: run, lag, service, mount, space."""

from __future__ import annotations

import asyncio
import math
import posixpath
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from shlex import quote

from cockpit.fleet.api import Completed
from cockpit.plan.model import Check
from cockpit.steps.api import StepContext
from cockpit.steps.asking import ask
from cockpit.steps.verify.verdict import Finding, judged, short

LIMIT = 300.0  # seconds that one command of a check may take, where the step has no timeout
PAUSE = 2.0  # seconds between two measurements of a lag
CANNOT = 69  # a script's exit code for: this server has no way to tell

# A service, by whatever the server knows: systemd, then an init script, then a process of exactly that name that is no zombie
# (pgrep would take the name for a pattern). The kernel keeps 15 bytes of a process's name.
SERVICE = """
name={name}
if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then systemctl is-active -- "$name"
elif [ -n "$name" ] && [ -f "/etc/init.d/$name" ] && [ -x "/etc/init.d/$name" ]; then "/etc/init.d/$name" status
elif [ -r /proc/self/comm ]; then
    short=$(printf %.15s "$name")
    for process in /proc/[0-9]*; do
        {{ IFS= read -r comm <"$process/comm"; }} 2>/dev/null && [ "$comm" = "$short" ] || continue
        case $(cat "$process/stat" 2>/dev/null) in *") Z "* | "") ;; *) echo "running, pid ${{process#/proc/}}"; exit 0 ;; esac
    done
    echo "no process $name"; exit 3
else echo "neither systemd nor /proc is there"; exit 69; fi
"""

# Entering the directory mounts it where an automounter stands before it.
MOUNTS = "cd {path} 2>/dev/null; cat /proc/mounts"
_OCTAL = re.compile(r"\\([0-7]{3})")
_DF = re.compile(r"\s\d+\s+\d+\s+(-?\d+)\s+(?:\d+%|-)\s+/")


async def _asked(ctx: StepContext, command: str) -> Completed:
    """Raises FleetError, Lost, TimeoutError (in words)."""
    limit = ctx.step.timeout or LIMIT
    try:
        return await ask(ctx, command, limit)
    except TimeoutError:
        raise TimeoutError(f"the command took longer than {limit:.0f} s") from None


async def run(ctx: StepContext, check: Check) -> Finding:
    done = await _asked(ctx, ctx.render(check.value))
    text = done.stdout.decode(errors="replace")
    if done.exit != check.exit:
        said = short(ctx, done.stdout + b" " + done.stderr)
        return judged(False, f"exit {done.exit}, not {check.exit}" + (f": {said}" if said else ""))
    if check.expect is not None:
        expect = ctx.render(check.expect, into="regex")
        if done.truncated:
            return Finding("not-tested", f"it printed more than can be searched for {expect!r}")
        if not re.search(expect, text):
            return judged(False, f"it printed {short(ctx, text)!r}, which does not match {expect!r}")
    return judged(True, f"exit {done.exit}: {short(ctx, text)}" if text.strip() else f"exit {done.exit}")


async def lag(ctx: StepContext, check: Check) -> Finding:
    """Below the limit, and held there for as long as the plan says. A negative lag is no lag: many tools say -1 for "unknown"."""
    below, hold = check.below or 0.0, check.for_ or 0.0
    command, began = ctx.render(check.value), time.monotonic()
    worst, times = 0.0, 0
    while True:
        done = await _asked(ctx, command)
        if done.exit != 0:
            return Finding("not-tested", f"exit {done.exit}: {short(ctx, done.stderr or done.stdout) or 'no word'}")
        seconds = _seconds(done.stdout)
        if seconds is None:
            return Finding("not-tested", f"it printed {short(ctx, done.stdout)!r}, which is no lag in seconds")
        worst, times = max(worst, seconds), times + 1
        if not seconds < below:
            return judged(False, f"lag {seconds:g} s, not below {below:g} s")
        left = began + hold - time.monotonic()
        if left <= 0:
            held = f" during {hold:.0f} s, measured {times} times" if hold else ""
            return judged(True, f"lag {'at most ' * bool(hold)}{worst:g} s{held}, below {below:g} s")
        await asyncio.sleep(min(PAUSE, left))


def _seconds(printed: bytes) -> float | None:
    try:
        found = float(printed.decode().strip())
    except ValueError:
        return None
    return None if math.isnan(found) or found < 0 else found


async def service(ctx: StepContext, check: Check) -> Finding:
    done = await _asked(ctx, SERVICE.format(name=quote(ctx.render(check.value, into="text"))))
    evidence = short(ctx, done.stdout + b" " + done.stderr) or f"exit {done.exit}"
    return Finding("not-tested", evidence) if done.exit == CANNOT else judged(done.exit == 0, evidence)


async def mount(ctx: StepContext, check: Check) -> Finding:
    path = "/" + posixpath.normpath(ctx.render(check.value, path=True)).lstrip("/")
    done = await _asked(ctx, MOUNTS.format(path=quote(path)))
    if done.exit != 0:
        return Finding("not-tested", short(ctx, done.stderr) or f"exit {done.exit}")
    found = ""
    for line in done.stdout.decode(errors="replace").splitlines():
        device, place, kind = [_OCTAL.sub(lambda m: chr(int(m[1], 8)), word) for word in [*line.split(" "), "", ""][:3]]
        if place == path and kind != "autofs":  # that only waits for somebody to come
            found = f"{path} is {device} ({kind})"  # the last one is what is seen
    return judged(bool(found), found or f"nothing is mounted at {path}")


async def space(ctx: StepContext, check: Check) -> Finding:
    path, wanted = ctx.render(check.value, path=True), check.free or 0
    done = await _asked(ctx, f"LC_ALL=C df -Pk -- {quote(path)}")
    told = _DF.search(done.stdout.decode(errors="replace"))
    if done.exit != 0 or told is None:
        return Finding("not-tested", short(ctx, done.stderr or done.stdout) or f"exit {done.exit}")
    free = int(told[1]) * 1024
    return judged(free >= wanted, f"{free / 1e9:,.2f} GB free at {path}, {wanted / 1e9:,.2f} GB wanted")


PROBES: Mapping[str, Callable[[StepContext, Check], Awaitable[Finding]]] = {
    "run": run, "lag": lag, "service": service, "mount": mount, "space": space,
}  # fmt: skip
