"""Following a session from a plain terminal: one line per fact, and the exit code that its end means. Only reads."""

from __future__ import annotations

import time
from contextlib import closing

import click

from cockpit.cli.errors import FAILED, GOOD, PERSON, STUCK
from cockpit.journal.events import Fact
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.plan.model import Plan
from cockpit.plan.reader import loads
from cockpit.state.model import State
from cockpit.state.standing import only_a_person_can, shut_out, standings
from cockpit.state.tail import Tail
from cockpit.views.facts import line

PERIOD = 0.2  # seconds between two looks at the journal
PATIENCE = 3.0  # seconds that only a person must have been able to go on, before we say so


def verdict(outcome: str | None) -> int:
    """The exit code of a night; good while it goes on."""
    return GOOD if outcome in (None, "done") else FAILED


def follow(session: SessionDir, *, wait: bool) -> int:
    """Print the night's events until it ends; the exit code. Stopping this command changes nothing."""
    with closing(Reader.open(session.journal_path)) as reader:
        return _followed(session, Tail(reader), wait=wait)


def _followed(session: SessionDir, tail: Tail, *, wait: bool) -> int:
    waited = None
    while True:
        running = session.running()
        for fact in tail.poll():
            say(fact, tail.state)
        state = tail.state
        if state.outcome is not None:
            return verdict(state.outcome)
        if not running:
            if state.engine_running:
                click.echo(f"the engine is gone; cockpit resume {session.id} starts another, nothing is lost", err=True)
            return STUCK
        waited = (waited or time.monotonic()) if _person(state) else None
        if waited and not wait and time.monotonic() - waited > PATIENCE:
            return _needs_person(session, state)
        time.sleep(PERIOD)


def say(fact: Fact, state: State) -> None:
    click.echo(line(fact, state.utc_offset))


_plans: dict[str, Plan] = {}


def plan_of(state: State) -> Plan:
    if state.plan_text not in _plans:
        _plans.clear()
        _plans[state.plan_text] = loads(state.plan_text, "plan.toml")
    return _plans[state.plan_text]


def _person(state: State) -> bool:
    if not state.plan_text:
        return False
    plan = plan_of(state)
    return only_a_person_can(state, standings(plan, state, time.time()))


def _needs_person(session: SessionDir, state: State) -> int:
    for prompt in state.prompts.values():
        choices = f" ({' | '.join(prompt.choices)})" if prompt.choices else ""
        click.echo(f"needs a person: [{prompt.id}] {prompt.text}{choices}", err=True)
    for name, server in state.servers.items():
        if shut_out(state, name):
            click.echo(f"needs a person: {name}: {server.text}", err=True)
    click.echo(f"the engine goes on; cockpit attach {session.id}, or cockpit status {session.id} with the commands to answer",
               err=True)
    return PERSON
