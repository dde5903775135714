"""sessions, status, log: what exists, where it stands, what was decided and seen. Only reads."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime

import click

from cockpit.cli.errors import MEND, document, plainly, run, stop
from cockpit.cli.exported import json_line
from cockpit.cli.follow import PERIOD
from cockpit.cli.night import begun
from cockpit.engine.launch import health
from cockpit.journal.clock import LiveClock
from cockpit.journal.lanes import Lanes
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.journal.schema import JournalProblem
from cockpit.plan.model import split_task
from cockpit.state.model import State
from cockpit.state.tail import Tail, state_of
from cockpit.units import ago, rfc3339
from cockpit.views.facts import line
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
        night = NightBuilder(tail, reader, LiveClock(since=reader.newest())).night(_engine(found, tail.state.outcome))
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
@click.option("--all", "everything", is_flag=True,
              help="With --json: the samples and what every step printed too, all by time. A fact has a kind, a sample a series, "
                   "a piece of output a stream and its bytes as text, or as base64 where they are no UTF-8.")
@click.option("--follow", "-f", is_flag=True, help="Go on as they come, until the night has ended.")
@click.option("--output", metavar="STEP@SERVER", help="What the step printed, byte for byte; no JSON, and no following.")
@click.option("--stream", type=click.Choice(["out", "err", "note"]), help="With --output: of which stream.  [default: out]")
@click.option("--attempt", type=int, help="With --output: of which attempt.  [default: the newest]")
@plainly
def log(
    session: str | None, as_json: bool, everything: bool, follow: bool, output: str | None, stream: str | None,
    attempt: int | None,
) -> None:
    """The facts of a session, or all that its journal holds, or what a step printed."""
    facts = {"--json": as_json, "--all": everything, "--follow": follow}
    _fit_together(facts, {"--stream": stream, "--attempt": attempt}, output)
    found = SessionDir.find(session)
    with closing(Reader.open(found.journal_path)) as reader:
        if output is not None:
            _print_output(found, reader, output, stream or "out", attempt)
            return
        lanes, tail = Lanes(reader), Tail(reader)
        tail.seek()
        while True:
            running = found.running()
            tail.poll()
            for text in _lines(lanes, tail.state, as_json, everything):
                click.echo(text)
            if not follow or (tail.state.outcome is not None and not running):
                return  # nothing comes after a night that has ended and whose engine is gone
            time.sleep(PERIOD)


def _lines(lanes: Lanes, state: State, as_json: bool, everything: bool) -> Iterable[str]:
    """What is new, as it was asked for."""
    if as_json:
        return map(json_line, lanes.merged() if everything else lanes.facts())
    return (line(fact, state.utc_offset) for fact in lanes.facts())


def _fit_together(facts: Mapping[str, object], printed: Mapping[str, object], output: str | None) -> None:
    """Nothing that was asked for is passed over silently."""
    for name, given in facts.items():
        if given and output is not None:
            stop(MEND, f"{name} is for facts, and --output gives the bytes that a step printed: take one of them away")
    for name, given in printed.items():
        if given is not None and output is None:
            stop(MEND, f"{name} is of what a step printed: name the step too, as --output STEP@SERVER")
    if facts["--all"] and not facts["--json"]:
        stop(MEND, "--all is for JSON lines: write --json too; what one step printed --output STEP@SERVER gives as it is")


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


