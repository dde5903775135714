"""Exit codes, and errors as one paragraph on stderr: what, where, what to do. A traceback never reaches the operator."""

from __future__ import annotations

import asyncio
import errno
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

GOOD, FAILED, MEND, STUCK, PERSON = 0, 1, 2, 3, 4
INTERRUPTED = 130  # 128 + SIGINT, as a shell says it

P = ParamSpec("P")
R = TypeVar("R")


def stop(code: int, text: str) -> NoReturn:
    """Say it on stderr and leave with this code."""
    click.echo(text, err=True)
    raise SystemExit(code)


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """A command whose errors are said in a paragraph, with the exit code that they mean; our own bugs too."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click says them: a wrong argument (2), --help, a reader that went away
        except KeyboardInterrupt:
            stop(INTERRUPTED, "interrupted; what runs on the servers goes on")
        except Exception as problem:
            stop(*told(problem))

    return wrapped


def told(problem: Exception) -> tuple[int, str]:
    """The exit code and the paragraph for a problem. Its imports are here: a command without a problem need not pay for them."""
    from cockpit.engine.launch import EngineFailed
    from cockpit.fleet.api import FleetError
    from cockpit.journal.lease import SessionProblem
    from cockpit.journal.schema import JournalProblem
    from cockpit.plan.diff import AmendRefused
    from cockpit.plan.problems import PlanProblems

    match problem:
        case PlanProblems():
            count = len(problem.problems)
            return MEND, f"{problem}\n{count} problems; nothing runs from a plan that has one" if count > 1 else str(problem)
        case SessionProblem() | JournalProblem() | AmendRefused():
            return MEND, str(problem)
        case EngineFailed():
            return STUCK, f"no engine: {problem}"
        case FleetError():
            return MEND, f"{problem.server}: {problem.text}"
        case click.Abort():
            return MEND, "no answer was given; nothing was done"
        case OSError():
            return STUCK if problem.errno in _STUCK else MEND, _system(problem)
    return STUCK, _bug(problem)


_STUCK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE)
_INSTEAD = {
    errno.ENOSPC: "free some space there and try again",
    errno.EDQUOT: "free some space there and try again",
    errno.EACCES: "let this user write there, or name another place (XDG_STATE_HOME for the sessions)",
    errno.EPERM: "let this user write there, or name another place (XDG_STATE_HOME for the sessions)",
    errno.EROFS: "that file system is read-only: name another place (XDG_STATE_HOME for the sessions)",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a file is in the way: name another place (XDG_STATE_HOME for the sessions)",
    errno.EEXIST: "a file is in the way: name another place (XDG_STATE_HOME for the sessions)",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and try again",
}


def _system(problem: OSError) -> str:
    """ "/var/x: Permission denied; let this user write there, …"."""
    where = f"{problem.filename}: " if problem.filename else ""
    instead = _INSTEAD.get(problem.errno or 0)
    return f"{where}{problem.strerror or problem}" + (f"; {instead}" if instead else "")


def _bug(problem: Exception) -> str:
    """A fault of ours: the traceback goes to a file, for whoever mends it."""
    text = "".join(traceback.format_exception(problem))
    with tempfile.NamedTemporaryFile("w", prefix="cockpit-fault-", suffix=".log", delete=False) as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {sys.argv}\n{text}")
    return (f"cockpit made a mistake of its own ({type(problem).__name__}: {problem}). Engines and jobs are not touched by it. "
            f"Please report it with {Path(file.name)}")


def document(value: Any) -> None:
    """One JSON document on stdout, and nothing else."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def run(work: Any) -> Any:
    """asyncio.run for a command that talks to a socket or to servers."""
    return asyncio.run(work)
