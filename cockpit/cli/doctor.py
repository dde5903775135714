"""doctor: what of this machine and this terminal will not work tonight, and how to mend it. Contacts no server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import click

from cockpit.cli.errors import FAILED, GOOD, plainly
from cockpit.journal.lease import SessionDir, SessionProblem, sessions_root
from cockpit.preflight.finding import Finding, bad
from cockpit.preflight.machine import machine
from cockpit.preflight.terminal import terminal
from cockpit.ui import layouts

LONGEST_ID = "20261127-200000-" + "n" * 32 + "-abcd"  # as long as a session's id can be


@click.command("doctor", epilog="Example: cockpit doctor")
@plainly
def doctor() -> None:
    """What will not work tonight on this machine and in this terminal, and how to mend it.

    Exit 1 when something will not work; warnings alone are 0."""
    found = [*_looked(_here, "state"), *_looked(_screen, "terminal")]
    wide = max(len(f.what) for f in found)
    for finding in found:
        click.echo(finding.line(wide))
    worse = [f for f in found if f.level == "bad"]
    warned = sum(f.level == "warn" for f in found)
    click.echo(f"{len(worse)} will not work, {warned} may hurt, {len(found) - len(worse) - warned} fine")
    raise SystemExit(FAILED if worse else GOOD)


def _here() -> Iterator[Finding]:
    root = sessions_root()
    return machine(os.environ, root, SessionDir(root / LONGEST_ID).socket_path)


def _screen() -> Iterator[Finding]:
    smallest = layouts.load()[0]
    return terminal(os.environ, (smallest.columns, smallest.rows))


def _looked(look: Callable[[], Iterator[Finding]], what: str) -> list[Finding]:
    """A look that can't even begin is a finding too."""
    try:
        return list(look())
    except SessionProblem as problem:
        return [bad(what, str(problem))]
    except OSError as problem:
        text = f"{problem.filename or ''}: {problem.strerror or problem}"
        return [bad(what, text, "make it writable, or export XDG_STATE_HOME to another place")]
