"""One server before the night: login, sudo, shell, tools, clock, room for its records. Asks; leaves nothing there."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.fleet.api import Contact, FleetError, Remote
from cockpit.fleet.fleet import Fleet
from cockpit.fleet.room import room
from cockpit.plan.model import Plan, Reboot, Script, Step, Verify
from cockpit.preflight.contact import Contacts, contact_findings
from cockpit.preflight.finding import Finding, bad, good, warn
from cockpit.units import format_size

SKEWED = 2.0  # seconds; logs of several servers no longer line up beyond it
LITTLE = 100_000_000  # bytes for job records: what the steps print is kept there until it was read
LIMIT = 60.0  # seconds for a command


@dataclass(slots=True)
class ServerLook:
    name: str
    up: bool
    facts: Mapping[str, Any]
    findings: list[Finding] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        facts = self.facts
        return {
            "name": self.name, "contact": self.up, "host_key": facts.get("host_key"), "user": facts.get("user"),
            "os": facts.get("os"), "shell": facts.get("shell"), "tools": dict(facts.get("tools", {})),
            "versions": dict(facts.get("versions", {})), "clock_skew_s": facts.get("clock_skew"),
            "findings": [f.json() for f in self.findings],
        }  # fmt: skip


async def look_at(plan: Plan, name: str, contact: Contact, remote: Remote) -> ServerLook:
    look = ServerLook(name, contact.up, contact.facts, contact_findings(contact, plan.path))
    if not contact.up or plan.servers[name].sftp_only:
        return look
    try:
        async for finding in _asked(plan, name, contact.facts, remote):
            look.findings.append(finding)
    except FleetError as problem:
        look.findings.append(bad("contact", f"it broke while it was looked at: {problem.text}", "run preflight again"))
    except TimeoutError:
        text = f"a simple command took longer than {LIMIT:.0f} s"
        look.findings.append(bad("contact", text, "log in and see what it is busy with"))
    return look


async def _asked(plan: Plan, name: str, facts: Mapping[str, Any], remote: Remote) -> AsyncIterator[Finding]:
    root = becomes(plan, name)
    if root:
        finding = await _sudo(plan, name, remote)
        yield finding
        root = finding.level == "good"  # the rest can still be seen without it
    yield good("shell", f"{facts.get('shell', 'not known')}; steps run in /bin/sh whatever it is")
    yield _tools(facts)
    for lacking in await _lacking(plan, name, facts, remote, root):
        yield lacking
    yield _clock(facts)
    yield await _records(remote, root)


def becomes(plan: Plan, name: str) -> bool:
    """Whether anything on this server runs as root through sudo."""
    steps = [s for s in (*plan.steps, *plan.backout) if name in s.servers]
    return plan.servers[name].become or any(s.become for s in steps)


async def _sudo(plan: Plan, name: str, remote: Remote) -> Finding:
    how = "with the password" if plan.servers[name].become_password else "without a password"
    try:
        done = await remote.run("id -u", become=True, timeout=LIMIT)
    except FleetError as problem:
        return bad("sudo", problem.text, "check sudoers and become_password; a password is asked for in a terminal")
    except TimeoutError:
        return bad("sudo", f"no answer within {LIMIT:.0f} s", "log in and try sudo by hand")
    if done.stdout.strip() == b"0":
        return good("sudo", f"works {how}")
    said = done.stderr.decode(errors="replace").strip()
    return bad("sudo", f"exit {done.exit}: {said}", "check sudoers and become_password")


def _tools(facts: Mapping[str, Any]) -> Finding:
    tools, versions = facts.get("tools", {}), facts.get("versions", {})
    named = [_versioned(str(versions[t])) if t in versions else t for t in tools if t != "sftp-server"]
    return good("tools", ", ".join(named) or "none of those that are looked for")


def _versioned(line: str) -> str:
    """ "rsync  version 3.2.7  protocol version 31" as "rsync 3.2.7"."""
    found = re.match(r"(\S+)\D*?v?(\d+(?:\.\d+)+)", line)
    return f"{found[1].lower().replace('python', 'python3')} {found[2]}" if found else line[:40]


async def _lacking(plan: Plan, name: str, facts: Mapping[str, Any], remote: Remote, root: bool) -> list[Finding]:
    """What steps on this server use and it has not."""
    steps = [s for s in (*plan.steps, *plan.backout) if name in s.servers]
    found = list(_without_tools(plan, name, facts.get("tools", {})))
    wanted = {interpreter: step.id for step in steps for interpreter in _interpreter(plan, step)}
    if wanted:
        script = "\n".join(f"command -v {shlex.quote(i)} >/dev/null 2>&1 || echo {shlex.quote(i)}" for i in wanted)
        done = await remote.run(script, become=root, timeout=LIMIT)
        found += [
            bad("script", f"step {wanted[missing]} wants {missing}, which is not there", "install it, or change its first line")
            for missing in done.stdout.decode(errors="replace").splitlines() if missing in wanted
        ]  # fmt: skip
    return found


def _without_tools(plan: Plan, name: str, tools: Mapping[str, str]) -> Iterator[Finding]:
    for step in (*plan.steps, *plan.backout):
        if name in _compared(step) and not {"python3", "sha256sum"} & tools.keys():
            yield bad("compare", f"step {step.id} needs python3 or sha256sum here", "install one of them")
        if isinstance(step.action, Reboot) and name in step.servers and "systemctl" not in tools:
            yield warn("reboot", f"step {step.id} will use reboot or shutdown: there is no systemctl", "try it by hand once")


def _compared(step: Step) -> set[str]:
    """The servers on which a verify step reads content, wherever it runs itself."""
    checks = step.action.checks if isinstance(step.action, Verify) else ()
    places = [place.server for check in checks if check.kind == "compare" and check.by == "content" for place in check.places]
    return {server for server in places if server} | (set(step.servers) if None in places else set())


def _interpreter(plan: Plan, step: Step) -> list[str]:
    """Of a script step: what its first line names (execve(2); past `/usr/bin/env`)."""
    if not isinstance(step.action, Script):
        return []
    with (Path(plan.path).parent / step.action.path).open("rb") as file:
        first = file.readline(256).decode(errors="replace")
    words = first[2:].split() if first.startswith("#!") else []
    if words and words[0].endswith("/env"):
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[:1]


def _clock(facts: Mapping[str, Any]) -> Finding:
    skew = facts.get("clock_skew")
    if skew is None:
        return warn("clock", "it did not tell its time", "try date there")
    if abs(skew) <= SKEWED:
        return good("clock", "as here, to two seconds")
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine"
    return warn("clock", text, "set it (chrony, systemd-timesyncd)")


async def _records(remote: Remote, root: bool) -> Finding:
    """Where jobs keep their records: the first of these that can be written by who runs them."""
    script = 'for d in "$HOME" /var/tmp /tmp; do [ -d "$d" ] && [ -w "$d" ] && printf %s "$d" && exit 0; done; exit 1'
    done = await remote.run(script, become=root, timeout=LIMIT)
    place = done.stdout.decode(errors="replace")
    if done.exit or not place:
        return bad("records", "neither the home nor /var/tmp nor /tmp can be written", "make one of them writable for this user")
    found = await room(remote, place, become=root)
    text = f"job records in {place}, {format_size(found.free)} free"
    return good("records", text) if found.free >= LITTLE else warn("records", text, "free some: what steps print is kept there")


async def look_at_all(plan: Plan, contacts: Contacts, fleet: Fleet) -> list[ServerLook]:
    """Every server at once; each as soon as it has answered."""

    async def one(name: str) -> ServerLook:
        contact = await contacts.settled(name)
        return await look_at(plan, name, contact, fleet.remote(name))

    return list(await asyncio.gather(*(one(name) for name in plan.servers)))
