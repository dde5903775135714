"""The checks that ask one question: run, tcp, http, lag, service, mount, space. tcp and http are asked from the cockpit."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from shlex import quote

from cockpit.plan.model import Check
from cockpit.steps.api import StepContext
from cockpit.steps.verify.verdict import Finding, judged

LIMIT = 300.0  # seconds that one command of a check may take
CONNECT = 10.0
BODY = 4 << 20  # bytes of a page that are searched
EVIDENCE = 200  # characters of output that are quoted

# A service, by whatever the server knows: systemd, then an init script, then a process of that name.
SERVICE = """
if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then systemctl is-active -- {name}
elif [ -x /etc/init.d/{name} ]; then /etc/init.d/{name} status
else pid=$(pgrep -x -- {name}) && echo "running, pid $pid" || {{ echo "no process {name}"; exit 3; }}; fi
"""


async def run(ctx: StepContext, check: Check) -> Finding:
    done = await ctx.remote().run(ctx.render(check.value), become=ctx.become(), timeout=LIMIT)
    text = done.stdout.decode(errors="replace")
    if done.exit != check.exit:
        return judged(False, f"exit {done.exit}, not {check.exit}: {short(text + done.stderr.decode(errors='replace'))}")
    expect = ctx.render(check.expect) if check.expect is not None else ""
    if not re.search(expect, text):
        return judged(False, f"it printed {short(text)!r}, which does not match {expect!r}")
    return judged(True, f"exit {done.exit}: {short(text)}" if text.strip() else f"exit {done.exit}")


def short(text: str) -> str:
    """One line of it, for evidence."""
    line = " ".join(text.split())
    return line if len(line) <= EVIDENCE else line[:EVIDENCE] + " …"


async def tcp(ctx: StepContext, check: Check) -> Finding:
    address = ctx.render(check.value)
    host, _, port = address.rpartition(":")
    began = time.monotonic()
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), CONNECT)
    except TimeoutError:
        return judged(False, f"{address}: no answer within {CONNECT:.0f} s")
    except OSError as error:
        return judged(False, f"{address}: {error.strerror or error}")
    writer.close()
    return judged(True, f"{address} answered in {(time.monotonic() - began) * 1000:.0f} ms")


async def http(ctx: StepContext, check: Check) -> Finding:
    contains = ctx.render(check.contains) if check.contains is not None else ""
    return await asyncio.to_thread(_get, ctx.render(check.value), check.status, contains)


def _get(url: str, wanted: int, contains: str) -> Finding:
    if not url.startswith(("http://", "https://")):
        return Finding("not-tested", f"{url}: write http:// or https://")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy would answer for a dead server
    try:
        with opener.open(url, timeout=CONNECT) as response:
            status, body = response.status, response.read(BODY)
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read(BODY)
    except OSError as error:
        return judged(False, f"{url}: {error}")
    if status != wanted:
        return judged(False, f"{url}: status {status}, not {wanted}")
    if contains not in body.decode(errors="replace"):
        return judged(False, f"{url}: status {status}, but {contains!r} is not in its {len(body)} bytes")
    return judged(True, f"{url}: status {status}, {len(body)} bytes")


async def lag(ctx: StepContext, check: Check) -> Finding:
    """Below the limit, and held there for as long as the plan says."""
    below, hold = check.below or 0.0, check.for_ or 0.0
    command, began = ctx.render(check.value), time.monotonic()
    worst = 0.0
    while True:
        done = await ctx.remote().run(command, become=ctx.become(), timeout=LIMIT)
        text = done.stdout.decode(errors="replace").strip()
        if done.exit != 0:
            return Finding("not-tested", f"exit {done.exit}: {short(done.stderr.decode(errors='replace'))}")
        seconds = float(text)
        worst = max(worst, seconds)
        if not seconds < below:
            return judged(False, f"lag {seconds:g} s, not below {below:g} s")
        if time.monotonic() - began >= hold:
            return judged(True, f"lag at most {worst:g} s for {hold:.0f} s")
        await asyncio.sleep(min(2.0, hold))


async def service(ctx: StepContext, check: Check) -> Finding:
    name = ctx.render(check.value)
    done = await ctx.remote().run(SERVICE.format(name=quote(name)), become=ctx.become(), timeout=LIMIT)
    return judged(done.exit == 0, short((done.stdout + done.stderr).decode(errors="replace")) or f"exit {done.exit}")


async def mount(ctx: StepContext, check: Check) -> Finding:
    path = ctx.render(check.value, path=True).rstrip("/") or "/"
    done = await ctx.remote().run("cat /proc/mounts", timeout=LIMIT)
    for line in done.stdout.decode(errors="replace").splitlines():
        device, place, kind, *_ = [*line.split(), "", "", ""]
        if place.replace("\\040", " ") == path:
            return judged(True, f"{path} is {device} ({kind})")
    return judged(False, f"nothing is mounted at {path}")


async def space(ctx: StepContext, check: Check) -> Finding:
    path = ctx.render(check.value, path=True)
    done = await ctx.remote().run(f"df -Pk -- {quote(path)}", timeout=LIMIT)
    if done.exit != 0:
        return Finding("not-tested", short(done.stderr.decode(errors="replace")))
    free = int(done.stdout.decode(errors="replace").splitlines()[-1].split()[-3]) * 1024
    return judged(free >= (check.free or 0), f"{free / 1e9:.2f} GB free at {path}, {(check.free or 0) / 1e9:.2f} GB wanted")


PROBES: Mapping[str, Callable[[StepContext, Check], Awaitable[Finding]]] = {
    "run": run, "tcp": tcp, "http": http, "lag": lag, "service": service, "mount": mount, "space": space,
}
