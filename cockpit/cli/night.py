"""run, resume, stop: a session's engine, and the screen or a plain terminal on it. Thin: the work is elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NoReturn

import click

from cockpit.cli.errors import MEND, STUCK, plainly, stop
from cockpit.cli.errors import run as wait_for
from cockpit.cli.follow import follow, verdict
from cockpit.cli.screens import needs_terminal, person, show
from cockpit.engine.launch import answers, start_engine
from cockpit.engine.options import Options, create_session
from cockpit.journal.lease import LeaseHeld, SessionDir
from cockpit.journal.schema import JournalEmpty
from cockpit.plan.model import Plan
from cockpit.plan.reader import load, loads
from cockpit.state.model import State
from cockpit.state.tail import state_of


def begun(session: SessionDir) -> State:
    """What the journal of a session says now; an empty state for one on which no engine ever came up. JournalProblem."""
    if not session.journal_path.exists():
        return State()
    try:
        return state_of(session.journal_path)
    except JournalEmpty:
        return State()


@click.command("run", epilog="Example: cockpit run night.toml --as maria")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--headless", is_flag=True, help="Follow the night with a line per event instead of the screen.")
@click.option("--wait", is_flag=True, help="Headless: keep waiting when only a person can go on (else exit 4).")
@click.option("--dry-run", is_flag=True, help="Probes and checks run; everything else is only shown.")
@click.option("--new", is_flag=True, help="Start although an unfinished session of this plan exists.")
@click.option("--as", "who", help="Your name, for the journal.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the plan (never a secret).")
@click.option("--secret-fd", type=int, help="A file descriptor that gives the secrets as JSON {name: value}.")
@plainly
def run(
    plan_path: Path, headless: bool, wait: bool, dry_run: bool, new: bool, who: str | None, inputs: tuple[str, ...],
    secret_fd: int | None,
) -> None:
    """Start a session of PLAN: the engine detached, the screen on it."""
    plan = load(plan_path)
    if not headless:
        needs_terminal("--headless follows the night without one")
    if not new:
        _refuse_second(plan)
    options = Options(who or person(), "dry-run" if dry_run else "live", _inputs(plan, inputs))
    secrets = secrets_for(plan, secret_fd)  # before there is a session, which a mistake here would leave behind
    session = create_session(plan, options)
    start_engine(session, secrets)
    _show(session, headless=headless, wait=wait, who=options.person)


def _refuse_second(plan: Plan) -> None:
    for session in SessionDir.all():
        try:
            state = begun(session)
        except Exception as error:  # an unreadable journal of another night must not keep this one from starting
            click.echo(f"(session {session.id} cannot be read: {error})", err=True)
            continue
        if state.plan == plan.name and state.outcome is None:
            verb = "attach" if session.running() else "resume"
            amend = f"; {plan.path} is no longer the plan that it runs: cockpit amend {session.id} {plan.path} adopts it"
            stop(MEND, f"{plan.name!r} has an unfinished session. Go on with: cockpit {verb} {session.id}\n"
                       f"(or start another beside it with --new{amend if plan.text != state.plan_text else ''})")


def _inputs(plan: Plan, given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        wanted = plan.inputs.get(name)
        if not equals or wanted is None:
            known = ", ".join(plan.inputs) or "it has none"
            stop(MEND, f"--input {item!r}: write NAME=VALUE with one of the plan's inputs: {known}")
        if wanted.secret:
            stop(MEND, f"{name} is secret and must not stand on a command line: give it on the screen, with --secret-fd, "
                       f"or as the environment variable COCKPIT_SECRET_{name.upper().replace('-', '_')}")
        found[name] = value
    return found


def secrets_for(plan: Plan, fd: int | None) -> dict[str, str]:
    """Secrets from the environment and from a file descriptor; what is missing is asked on the screen."""
    found: dict[str, str] = {}
    for name, wanted in plan.inputs.items():
        value = os.environ.get(f"COCKPIT_SECRET_{name.upper().replace('-', '_')}")
        if wanted.secret and value is not None:
            found[name] = value
    if fd is not None:
        found.update(_given(fd))
    return found


def _given(fd: int) -> dict[str, str]:
    try:
        with os.fdopen(fd) as source:
            return {str(name): str(value) for name, value in json.load(source).items()}
    except OSError as problem:
        stop(MEND, f"--secret-fd {fd} can't be read ({problem.strerror}): open it first, as in  --secret-fd 3 3< secrets.json")
    except (ValueError, AttributeError):  # never its text: it may hold a secret
        stop(MEND, f'--secret-fd {fd} gives no JSON object of texts: write {{"name": "value"}} with the plan\'s secret inputs')


def _show(session: SessionDir, *, headless: bool, wait: bool, who: str) -> NoReturn:
    if headless:
        click.echo(f"session {session.id}")
        raise SystemExit(follow(session, wait=wait))
    raise SystemExit(show(session, who=who) or verdict(begun(session).outcome))


@click.command("resume", epilog="Example: cockpit resume 20261127 --headless")
@click.argument("session", required=False)
@click.option("--headless", is_flag=True, help="Follow with a line per event instead of the screen.")
@click.option("--wait", is_flag=True, help="Headless: keep waiting when only a person can go on (else exit 4).")
@click.option("--take-over", is_flag=True, help="Also when an engine that no longer answers still holds it.")
@click.option("--as", "who", help="Your name, for the journal.")
@click.option("--secret-fd", type=int, help="A file descriptor that gives the secrets as JSON {name: value}.")
@plainly
def resume(session: str | None, headless: bool, wait: bool, take_over: bool, who: str | None, secret_fd: int | None) -> None:
    """Start an engine on a session that has none; it asks the servers what became of what it had started."""
    if not headless:
        needs_terminal("--headless follows the night without one")
    found = SessionDir.find(session)
    state = begun(found)
    if state.outcome is not None:
        stop(MEND, f"{found.id} has ended ({state.outcome}): cockpit replay {found.id}, or cockpit report {found.id}")
    if found.running() and wait_for(answers(found.socket_path)):
        stop(MEND, f"{found.id} has an engine that answers: cockpit attach {found.id}")
    if found.running() and not take_over:
        raise LeaseHeld(found.id, found.holder())
    text = state.plan_text or found.plan_path.read_text()  # killed before its first fact, a session has only the frozen plan
    secrets = secrets_for(loads(text, str(found.plan_path)), secret_fd)
    start_engine(found, secrets, take_over=take_over)
    _show(found, headless=headless, wait=wait, who=who or person())


@click.command("stop", epilog="Example: cockpit stop 20261127")
@click.argument("session")
@click.option("--as", "who", help="Your name, for the journal.")
@plainly
def stop_engine(session: str, who: str | None) -> None:
    """Stop the engine cleanly; jobs on the servers go on and are found again."""
    from cockpit.cli.command import send

    found = SessionDir.find(session)
    if not found.running():
        stop(MEND, f"{found.id} has no engine running")
    reply = send(found, {"verb": "stop", "as": who or person()})
    click.echo(reply.text)
    if not wait_for(_gone(found)):
        stop(STUCK, "the engine has not stopped within 30 s")


async def _gone(session: SessionDir) -> bool:
    import asyncio

    for _ in range(300):
        if not session.running():
            return True
        await asyncio.sleep(0.1)
    return False
