"""Exit codes, and errors as one paragraph on stderr: what, where, what to do. A traceback never reaches the operator."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from cockpit.engine.launch import EngineFailed
from cockpit.fleet.api import FleetError
from cockpit.journal.lease import SessionProblem
from cockpit.journal.schema import JournalProblem
from cockpit.plan.diff import AmendRefused
from cockpit.plan.problems import PlanProblems

GOOD, FAILED, MEND, STUCK, PERSON = 0, 1, 2, 3, 4

P = ParamSpec("P")
R = TypeVar("R")


def stop(code: int, text: str) -> NoReturn:
    """Say it on stderr and leave with this code."""
    click.echo(text, err=True)
    raise SystemExit(code)


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """A command whose known errors are said in a paragraph, with the exit code that they mean."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PlanProblems as problems:
            stop(MEND, f"{problems}\n{len(problems.problems)} problem(s); nothing was started.")
        except (SessionProblem, JournalProblem, AmendRefused) as problem:
            stop(MEND, str(problem))
        except EngineFailed as problem:
            stop(STUCK, f"no engine: {problem}")
        except FleetError as problem:
            stop(MEND, f"{problem.server}: {problem.text}")
        except OSError as problem:
            stop(STUCK, f"{problem}")
        except KeyboardInterrupt:
            stop(130, "interrupted; what runs on the servers goes on")

    return wrapped


def document(value: Any) -> None:
    """One JSON document on stdout, and nothing else."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def run(work: Any) -> Any:
    """asyncio.run for a command that talks to a socket or to servers."""
    return asyncio.run(work)
