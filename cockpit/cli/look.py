"""sessions, status, log: what exists, where it stands, what was decided and seen. Only reads."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import datetime

import click

from cockpit.cli.errors import MEND, document, plainly, run, stop
from cockpit.cli.follow import PERIOD, exported, say
from cockpit.cli.night import begun
from cockpit.engine.launch import health
from cockpit.journal.clock import LiveClock
from cockpit.journal.events import Fact
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.journal.schema import JournalProblem
from cockpit.plan.model import split_task
from cockpit.state.model import State
from cockpit.state.tail import Tail, state_of
from cockpit.units import ago, rfc3339
from cockpit.views.model import Engine
from cockpit.views.night import NightBuilder
from cockpit.views.status import lines as status_lines
from cockpit.views.status import status as status_of


@click.command("sessions", epilog="Example: cockpit sessions --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@plainly
def sessions(as_json: bool) -> None:
    """Every session, newest first."""
    rows = [_row(s) for s in SessionDir.all()]
    if as_json:
        document(rows)
        return
    for row in rows:
        state = row["problem"] or row["outcome"] or ("running" if row["running"] else "no engine: cockpit resume")
        click.echo(f"{row['session']}  {state}  {_began(row)}".rstrip())
    if not rows:
        click.echo("no sessions yet; cockpit run PLAN starts one, cockpit demo shows one")


def _began(row: dict[str, object]) -> str:
    if not row["plan"]:
        return ""
    started = datetime.fromisoformat(str(row["started"])).timestamp()
    return f"{row['plan']}, began {ago(started, time.time())}"


def _row(session: SessionDir) -> dict[str, object]:
    try:
        state = begun(session)
        problem = None if state.seq else f"its engine never came up: cockpit resume {session.id} tries again"
    except JournalProblem as unreadable:
        state, problem = State(), str(unreadable)
    return {
        "session": session.id, "plan": state.plan or None, "outcome": state.outcome, "running": session.running(),
        "mode": state.mode if state.seq else None, "started": rfc3339(state.started) if state.seq else None, "problem": problem,
    }


@click.command("status", epilog="Example: cockpit status --json | jq .forecast")
@click.argument("session", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@plainly
def status(session: str | None, as_json: bool) -> None:
    """Where a session stands."""
    found = SessionDir.find(session)
    with closing(Reader.open(found.journal_path)) as reader:
        tail = Tail(reader)
        tail.seek()
        night = NightBuilder(tail, reader, LiveClock()).night(_engine(found, tail.state.outcome))
        if as_json:
            document(status_of(night))
            return
        for text in status_lines(night):
            click.echo(text)


def _engine(session: SessionDir, outcome: str | None) -> Engine:
    """A dead engine looks like a quiet one in the journal: the lease and the socket are asked too."""
    if not session.running():
        return Engine(False, None if outcome else f"no engine: cockpit resume {session.id}")
    said = run(health(session.socket_path))
    return Engine(True, "the engine does not answer" if said is None else said["problem"])


@click.command("log", epilog="Example: cockpit log --output backup@fs01 > backup.out")
@click.argument("session", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON lines: every fact, whole.")
@click.option("--follow", "-f", is_flag=True, help="Go on as they come, until the night has ended.")
@click.option("--output", metavar="STEP@SERVER", help="What the step printed, byte for byte; no JSON, and no following.")
@click.option("--stream", type=click.Choice(["out", "err", "note"]), help="With --output: of which stream.  [default: out]")
@click.option("--attempt", type=int, help="With --output: of which attempt.  [default: the newest]")
@plainly
def log(
    session: str | None, as_json: bool, follow: bool, output: str | None, stream: str | None, attempt: int | None,
) -> None:
    """The facts of a session, or what a step printed."""
    facts, printed = {"--json": as_json, "--follow": follow}, {"--stream": stream, "--attempt": attempt}
    _fit_together(facts, printed, output)
    found = SessionDir.find(session)
    with closing(Reader.open(found.journal_path)) as reader:
        if output is not None:
            _print_output(found, reader, output, stream or "out", attempt)
            return
        tail, after = Tail(reader), 0
        tail.poll(1)  # the session's own fact, with the clock that the plan was written for
        for fact in exported(reader):
            _print(fact, as_json, tail.state)
            after = fact.seq
        if follow:
            tail.seek(seq=after)
            _follow(found, tail, as_json)


def _fit_together(facts: Mapping[str, object], printed: Mapping[str, object], output: str | None) -> None:
    """Nothing that was asked for is passed over silently."""
    for name, given in facts.items():
        if given and output is not None:
            stop(MEND, f"{name} is for facts, and --output gives the bytes that a step printed: take one of them away")
    for name, given in printed.items():
        if given is not None and output is None:
            stop(MEND, f"{name} is of what a step printed: name the step too, as --output STEP@SERVER")


def _follow(session: SessionDir, tail: Tail, as_json: bool) -> None:
    """Until the night has ended and its engine is gone: nothing comes after that."""
    while True:
        running = session.running()
        for fact in tail.poll():
            _print(fact, as_json, tail.state)
        sys.stdout.flush()
        if tail.state.outcome is not None and not running:
            return
        time.sleep(PERIOD)


def _print(fact: Fact, as_json: bool, state: State) -> None:
    if not as_json:
        say(fact, state)
        return
    row = {"seq": fact.seq, "at": fact.at, "kind": fact.kind, "who": fact.who, "why": fact.why, "peer": fact.peer}
    click.echo(json.dumps({**row, "data": asdict(fact.event)}))


def _print_output(session: SessionDir, reader: Reader, task: str, stream: str, attempt: int | None) -> None:
    state = state_of(session.journal_path)
    if task not in state.tasks:
        step, _ = split_task(task)
        fitting = [t.id for t in state.tasks.values() if t.step == step]
        instead = f"did you mean {', '.join(fitting[:5])}?" if fitting else f"cockpit status {session.id} --json lists them"
        stop(MEND, f"no task {task!r}; {instead}")
    n, tried = attempt, len(state.tasks[task].attempts)
    if not tried:
        stop(MEND, f"{task} has not started yet; cockpit status {session.id} says what it waits for")
    if n is not None and not 1 <= n <= tried:
        stop(MEND, f"{task} has no attempt {n}; its newest is {tried}")
    n = n or tried
    out = sys.stdout.buffer
    for piece in reader.attempt_output(task, n, stream):
        out.write(piece)
    out.flush()


