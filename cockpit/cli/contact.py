"""trust and preflight: the commands that contact the servers of a plan before any session. They start nothing there."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import click

from cockpit.cli.asking import TerminalAsk
from cockpit.cli.errors import FAILED, GOOD, INTERRUPTED, document, plainly, stop
from cockpit.cli.errors import run as wait_for
from cockpit.cli.night import secrets_for
from cockpit.cli.trusting import Trusting
from cockpit.engine.amend import targets
from cockpit.engine.options import trust_file
from cockpit.fleet.api import Contact
from cockpit.fleet.fleet import Fleet
from cockpit.plan.model import LOCAL, Plan
from cockpit.plan.reader import load
from cockpit.preflight.contact import Contacts
from cockpit.preflight.copies import look_at_copies, trips
from cockpit.preflight.document import Preflight
from cockpit.preflight.finding import Finding, good, warn
from cockpit.preflight.machine import forwarded_agent
from cockpit.preflight.servers import look_at_all

CLOSING = 10.0  # seconds in which connections may end politely


@asynccontextmanager
async def fleet_of(
    plan: Plan, ask: TerminalAsk, on_contact: Callable[[Contact], None] = lambda _: None,
) -> AsyncIterator[Fleet]:
    """The plan's servers, believed as a session would believe them. Nothing is accepted: there is no session's file."""
    known = (trust_file(Path(plan.path)), Path("~/.ssh/known_hosts").expanduser(), Path("/etc/ssh/ssh_known_hosts"))
    fleet = Fleet(targets(plan), known_hosts=known, session_known_hosts=None, ask=ask, on_contact=on_contact)
    try:
        yield fleet
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(fleet.close(), CLOSING)


@click.command("trust", epilog="Example: cockpit trust night.toml")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Accept what is unknown without asking; never what has changed.")
@plainly
def trust(plan_path: Path, yes: bool) -> None:
    """Fetch the host keys of PLAN's servers, show them, and keep the accepted ones in PLAN.known_hosts.

    Exit 1 when a server could not be asked or was not accepted, 2 when a known key has changed."""
    plan = load(plan_path)
    raise SystemExit(wait_for(_trust(plan, Trusting(trust_file(plan_path), yes=yes))))


async def _trust(plan: Plan, trusting: Trusting) -> int:
    async with fleet_of(plan, TerminalAsk(secrets_for(plan, None))) as fleet:
        return await trusting.all(plan, fleet)


@click.command("preflight", epilog="Example: cockpit preflight night.toml")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@plainly
def preflight(plan_path: Path, as_json: bool) -> None:
    """Contact every server of PLAN at once and try what the night will need: host key, login, sudo, shell, tools, clock, room,
    and every way that each copy could go, with its rate.

    Exit 1 when something would fail tonight; warnings alone are 0."""
    plan = load(plan_path)
    try:
        found: Preflight = wait_for(_told_to_end(_preflight(plan)))
    except asyncio.CancelledError:
        stop(INTERRUPTED, "interrupted; what it had made on the servers was taken away again")
    if as_json:
        document(found.json())
    else:
        click.echo("\n".join(found.lines()))
    raise SystemExit(GOOD if found.ok else FAILED)


async def _told_to_end(work: Coroutine[Any, Any, Preflight]) -> Preflight:
    """Ctrl+C, SIGTERM and SIGHUP (a terminal that was closed) end it, and said twice they end it no sooner: what it made on
    servers is taken away first."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(sign, task.cancel)
    return await work


async def _preflight(plan: Plan) -> Preflight:
    at, ask = time.time(), TerminalAsk(secrets_for(plan, None))
    contacts = Contacts(ask.busy)
    async with fleet_of(plan, ask, contacts.changed) as fleet:
        await fleet.start()
        servers = await look_at_all(plan, contacts, fleet)
        up = {look.name for look in servers if look.up} | {LOCAL}
        copies = trips(plan, at)
        room = await look_at_copies(plan, copies, fleet, up, _say)
    here = await _agent(plan, up - {LOCAL})
    return Preflight(plan, at, servers, copies, room, here)


def _say(text: str) -> None:
    """What takes a while is named where a person looks on; never in a pipe."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


async def _agent(plan: Plan, up: set[str]) -> list[Finding]:
    """Whether a login depends on an agent that goes at logout: found by logging in without it."""
    if not forwarded_agent(os.environ) or not up:
        return []
    contacts = Contacts()
    sock = os.environ.pop("SSH_AUTH_SOCK")
    try:
        async with fleet_of(plan, TerminalAsk(nobody=True), contacts.changed) as fleet:
            await fleet.start()
            depend = [name for name in sorted(up) if (await contacts.settled(name)).problem == "auth"]
    finally:
        os.environ["SSH_AUTH_SOCK"] = sock
    if not depend:
        return [good("agent", "it is forwarded, and no login depends on it")]
    text = f"the login to {', '.join(depend)} depends on a forwarded agent: after your logout nothing reconnects there"
    return [warn("agent", text, "put a key on this machine (key = …), or log in to this machine with an agent of its own")]
