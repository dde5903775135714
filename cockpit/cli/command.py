"""`do` and `amend`: what the keys give, from a shell. A client of the engine's control socket."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cockpit.cli.errors import MEND, STUCK, plainly, stop
from cockpit.cli.night import begun
from cockpit.cli.screens import person
from cockpit.engine.amend import all_differences
from cockpit.journal.lease import SessionDir
from cockpit.plan.reader import load, loads
from cockpit.state.model import PENDING
from cockpit.state.tail import state_of
from cockpit.views.logs import clean

VERBS = (
    "start", "done", "failed", "retry", "skip", "cancel", "undo", "go", "no-go", "hold", "release", "answer", "note", "drop",
    "ack", "backout", "keep", "limit", "pause", "unpause", "front",
)
ANSWER_LIMIT = 30.0  # seconds that an engine may take to answer


@dataclass(frozen=True, slots=True)
class Reply:
    ok: bool
    text: str
    data: dict[str, Any]


def send(session: SessionDir, request: dict[str, Any]) -> Reply:
    """One request to the session's engine. Leaves with 3 when none answers, and says what is known of the request then."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(ANSWER_LIMIT)
            sock.connect(os.fspath(session.socket_path))
            line = _answer_of(sock, session, {"tty": _tty(), **request})
    except TimeoutError:
        stop(STUCK, f"the engine of {session.id} took longer than {ANSWER_LIMIT:g} s to answer; {_unknown(session)}")
    except BlockingIOError:  # connect(2) on a full queue: an engine that takes nothing from it
        stop(STUCK, f"the engine of {session.id} takes no requests at present; it was not asked, try again")
    except OSError as error:
        outcome = begun(session).outcome
        if outcome is not None:
            stop(MEND, f"{session.id} has ended ({outcome}); cockpit report {session.id} tells of it")
        stop(STUCK, f"no engine answers for {session.id} ({error.strerror or error}); cockpit resume {session.id} starts one")
    said = json.loads(line)
    return Reply(bool(said["ok"]), str(said["text"]), dict(said.get("data") or {}))


def _answer_of(sock: socket.socket, session: SessionDir, request: dict[str, Any]) -> bytes:
    """The line that came back. Once the request is on its way, an engine that hangs up may have done it."""
    try:
        sock.sendall(json.dumps(request).encode() + b"\n")
        line = sock.makefile("rb").readline()
    except ConnectionError:
        line = b""
    if not line.endswith(b"\n"):
        stop(STUCK, f"the engine of {session.id} went away without an answer; {_unknown(session)}, "
                    f"then cockpit resume {session.id} if there is none")
    return line


def _unknown(session: SessionDir) -> str:
    return f"whether it did this is not known yet: look at `cockpit log {session.id}` before asking again"


def _tty() -> str:
    try:
        return os.ttyname(0)
    except OSError:
        return ""


@click.command("do", epilog="Example: cockpit do 2026 skip tests@web01 --why 'known flaky' --as maria")
@click.argument("session")
@click.argument("verb", metavar="VERB", type=click.Choice(VERBS))
@click.argument("target", required=False, default="")
@click.option("--why", help="The reason, for the journal.")
@click.option("--as", "who", help="Your name, for the journal.")
@click.option("--value", help="An answer or a note (a secret is asked for instead, or read from standard input).")
@plainly
def do(session: str, verb: str, target: str, why: str | None, who: str | None, value: str | None) -> None:
    """Ask the engine for what a key on the screen gives.

    \b
    VERB: start done failed retry skip cancel undo go no-go hold release
          answer note drop ack backout keep
          limit pause unpause front (transfers)
    TARGET: STEP[@SERVER], SERVER, or the id of a question (cockpit status);
    of limit: a rate for all transfers together (300Mbit/s), or none: the plan's"""
    found = SessionDir.find(session)
    if verb == "answer":
        value = _answer(found, target, value)
    reply = send(found, {"verb": verb, "target": target, "why": why, "as": who or person(), "value": value})
    if not reply.ok:
        stop(MEND, f"refused: {reply.text}")
    click.echo(reply.text)


def _answer(session: SessionDir, identity: str, value: str | None) -> str | None:
    """`value` as it was given, else from the keyboard (hidden where it is secret), or the first line of standard input."""
    prompt = state_of(session.journal_path).prompts.get(identity)
    if value is not None:
        if prompt is not None and prompt.secret:
            stop(MEND, f"{identity} is secret and must not stand on a command line: leave --value out and type it, or pipe it in")
        return value
    if prompt is None:
        return None  # the engine knows who came first
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            stop(MEND, f"no answer came on standard input: give --value, or pipe it in ({prompt.text})")
        return line.rstrip("\n")
    return str(click.prompt(prompt.text, hide_input=prompt.secret, type=click.Choice(prompt.choices) if prompt.choices else str))


@click.command("amend", epilog="Example: cockpit amend 2026 night.toml")
@click.argument("session")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Adopt without asking.")
@click.option("--why", help="The reason, for the journal.")
@click.option("--as", "who", help="Your name, for the journal.")
@plainly
def amend(session: str, plan_path: Path, yes: bool, why: str | None, who: str | None) -> None:
    """Show what PLAN changes, and adopt it for steps that have not started."""
    found = SessionDir.find(session)
    state = state_of(found.journal_path)
    begun = {t.step for t in state.tasks.values() if t.state != PENDING or t.attempts}
    changes = all_differences(found, loads(state.plan_text, str(found.plan_path), base=found.files_path), load(plan_path), begun)
    for change in changes:
        click.echo("\n".join([change.what, *(f"    {clean(line.encode())}" for line in change.details)]))
    if not changes:
        click.echo("nothing changes")
        return
    if not yes and not click.confirm("Adopt it?"):
        stop(MEND, "not adopted")
    reply = send(found, {"verb": "amend", "value": str(plan_path.absolute()), "why": why, "as": who or person()})
    if not reply.ok:
        stop(MEND, f"refused: {reply.text}")
    click.echo(reply.text)
