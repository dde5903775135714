"""demo: seven embedded servers, a night of 17 steps on them, and the screen (or, headless, somebody who answers). Thin."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import click

from cockpit.cli.command import send
from cockpit.cli.errors import FAILED, GOOD, STUCK, plainly, run, stop
from cockpit.cli.follow import verdict
from cockpit.cli.numbers import Between
from cockpit.cli.screens import needs_terminal, person, show
from cockpit.engine.launch import start_engine
from cockpit.engine.options import Options, create_session
from cockpit.journal.clock import LiveClock
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.lab.drive import NAME, Driver, Stalled
from cockpit.lab.flip import flip_byte
from cockpit.lab.process import Lab, LabFailed, laboratory
from cockpit.plan.model import Plan
from cockpit.plan.reader import load
from cockpit.state.tail import Tail, state_of
from cockpit.units import format_duration, format_size
from cockpit.views.model import Engine
from cockpit.views.night import NightBuilder
from cockpit.views.status import status

STOP_LIMIT = 20.0  # seconds until a stopped engine must be gone


@click.command("demo", epilog="Example: cockpit demo --headless --scale 0.2")
@click.option("--headless", is_flag=True, help="No screen: the demo answers for itself. Exit 0 when the night is proven.")
@click.option("--scale", type=Between(0.01, 20), default=1.0, show_default=True, help="How much data, and how fast.")
@click.option("--flip-byte", "flip", is_flag=True, hidden=True)
@plainly
def demo(headless: bool, scale: float, flip: bool) -> None:
    """A whole night to look at: seven SSH servers on this machine, each its own way; no root, nothing to prepare.

    Exit 1 when its night has failed."""
    if not headless:
        needs_terminal("without one: cockpit demo --headless")
    click.echo("Laying out seven servers and their data …")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or nothing would be tidied up
    try:
        with laboratory(scale) as lab:
            plan = load(lab.plan)
            session = create_session(plan, Options(NAME if headless else person()))
            lab.keep_for(session.path)
            try:
                start_engine(session, {})
                code = _headless(lab, plan, session, flip=flip) if headless else _tour(session)
            finally:
                _stop_engine(session)
    except LabFailed as failed:
        stop(STUCK, str(failed))
    except KeyboardInterrupt:
        stop(128 + signal.SIGINT, "interrupted; the demo's servers are stopped and removed")
    raise SystemExit(code)


def _tour(session: SessionDir) -> int:
    """The screen, as often as it is left before the night is over. Leaving it must not be what ends the servers."""
    while True:
        code = show(session, who=person())
        outcome = state_of(session.journal_path).outcome
        if code or outcome is not None or not session.running() or _wants_an_end():
            break
    click.echo(f"The demo is over; its servers are stopped and removed. What happened stays:\n"
               f"cockpit replay {session.id}, cockpit report {session.id}")  # fmt: skip
    return code or verdict(outcome)


def _wants_an_end() -> bool:
    click.echo("The demo's servers and its night go on for as long as this command does.")
    try:
        return bool(input("Enter: back to the screen; e and Enter, or ctrl+c: end the demo. ").strip())
    except (EOFError, KeyboardInterrupt):
        click.echo()
        return True


def _headless(lab: Lab, plan: Plan, session: SessionDir, *, flip: bool) -> int:
    click.echo(f"session {session.id}, plan {lab.plan}")
    before: dict[str, Callable[[], None]] = {"start-tests@bkp01": lambda: _flip(lab)} if flip else {}
    begun = time.monotonic()
    try:
        run(Driver(session, plan, click.echo, before).run())
    except Stalled as stalled:
        click.echo(f"not proven: {stalled}", err=True)
        return FAILED
    seconds = time.monotonic() - begun
    problems = _unproven(session, plan)
    carried = lab.stop()
    for problem in problems:
        click.echo(f"not proven: {problem}", err=True)
    if not problems:
        click.echo(f"{format_size(lab.moved)} of data moved, {format_size(carried)} carried by SSH in all, "
                   f"in {format_duration(seconds)}. The servers are gone; what happened stays:\n"
                   f"cockpit replay {session.id}, cockpit report {session.id}")  # fmt: skip
    return FAILED if problems else GOOD


def _flip(lab: Lab) -> None:
    click.echo(f"one byte flipped in {flip_byte(lab.folder)}")


def _unproven(session: SessionDir, plan: Plan) -> list[str]:
    """Why the night is not proven; none when it is, and then that is said with its figures."""
    found = status_of(session)
    tasks = [task for task in found["tasks"] if task["phase"] == "night"]
    by_plan = [task for task in tasks if task["state"] == "skipped" and task["who"] is None]
    done = [task for task in tasks if task["state"] == "done"]
    problems = [f"{_where(p)}: {p['check']}: {p['evidence']}" for p in found["proofs"] if p["result"] != "pass"]
    problems += [f"{_where(p)}: {p['check']} is stale" for p in found["proofs"] if not p["fresh"]]
    rest = [task for task in tasks if task not in done and task not in by_plan]
    if rest:
        problems.append(f"{len(rest)} of {len(tasks)} tasks are not done; the first is {_where(rest[0])}, {rest[0]['state']}")
    if found["outcome"] != "done":
        problems.append(f"the night's outcome is {found['outcome'] or 'open'}")
    if len({task["step"] for task in tasks}) != len(plan.steps) or not found["proofs"]:
        problems.append("steps or proofs are missing")
    if not problems:
        click.echo(f"proven: {len(plan.steps)} steps, {len(done)} tasks done, {len(by_plan)} skipped by plan, "
                   f"{len(found['proofs'])} proofs pass and are fresh.")  # fmt: skip
    return problems


def _where(row: dict[str, Any]) -> str:
    return f"{row['step']}@{row['server']}" if row["server"] else str(row["step"])


def status_of(session: SessionDir) -> dict[str, Any]:
    """What `cockpit status --json` says of it."""
    with closing(Reader.open(session.journal_path)) as reader:
        tail = Tail(reader)
        tail.seek()
        return status(NightBuilder(tail, reader, LiveClock(since=reader.newest())).night(Engine(False)))


def _stop_engine(session: SessionDir) -> None:
    """So that it is not left asking for servers that are gone. A night that has ended has no engine any longer."""
    if session.running():
        with suppress(SystemExit):
            send(session, {"verb": "stop", "as": NAME})
    deadline = time.monotonic() + STOP_LIMIT
    while session.running() and time.monotonic() < deadline:
        time.sleep(0.05)
