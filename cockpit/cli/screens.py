"""attach, watch, replay: the screens on a session. Imports little, since whoever attaches at 3 a.m. waits for every import."""

from __future__ import annotations

import getpass
import os
import sys

import click

from cockpit.cli.errors import MEND, plainly, stop
from cockpit.cli.numbers import Between
from cockpit.garbage import seldom
from cockpit.journal.lease import SessionDir


def person() -> str:
    """Who is at the keys, until told otherwise."""
    return os.environ.get("COCKPIT_AS") or getpass.getuser()


def needs_terminal(instead: str) -> None:
    """Refuse (2) before anything is started where no full screen can be drawn."""
    name = os.environ.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        stop(MEND, f"the screen needs a terminal, and this is a pipe or a file; {instead}")
    if name in ("", "dumb", "unknown"):
        stop(MEND, f"TERM is {name!r}, in which no full screen can be drawn: log in with a terminal, or start tmux; {instead}")


def show(session: SessionDir, *, who: str, read_only: bool = False) -> int:
    """The screen, until it is left. The exit code: 0, also when the night has failed meanwhile; else it could not be shown."""
    seldom()
    from cockpit.ui.app import run_ui  # Textual takes 0.2 s to import, which a headless command need not pay

    return run_ui(session.path, who=who, read_only=read_only)


@click.command("attach", epilog="Example: cockpit attach")
@click.argument("session", required=False)
@click.option("--as", "who", help="Your name, for the journal.")
@plainly
def attach(session: str | None, who: str | None) -> None:
    """A screen on a session; any number may be open."""
    needs_terminal("cockpit status says where it stands")
    raise SystemExit(show(SessionDir.find(session), who=who or person()))


@click.command("watch", epilog="Example: cockpit watch")
@click.argument("session", required=False)
@plainly
def watch(session: str | None) -> None:
    """A screen on a session that can only look."""
    needs_terminal("cockpit status says where it stands")
    raise SystemExit(show(SessionDir.find(session), who="watch", read_only=True))


@click.command("replay", epilog="Example: cockpit replay 20261127 --at 03:12 --speed 60")
@click.argument("session", required=False)
@click.option("--at", help="Where to begin: HH:MM or HH:MM:SS on the plan's clock.")
@click.option("--speed", type=Between(0, 100_000, min_open=True), default=1.0, show_default=True,
              help="Seconds of the night per second.")
@plainly
def replay(session: str | None, at: str | None, speed: float) -> None:
    """The same screens, from the journal alone."""
    needs_terminal("cockpit log and cockpit report tell the same")
    seldom()
    from cockpit.ui.app import run_replay

    raise SystemExit(run_replay(SessionDir.find(session).path, at=at, speed=speed))
