"""What `cockpit check` says of a plan without problems: as data for --json, as lines for people. Knows no state."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cockpit.plan.estimates import GUESS, assumed
from cockpit.plan.model import Plan, Step, split_task, task_id
from cockpit.plan.needs import Group, Needs, effective_needs
from cockpit.plan.problems import Problem
from cockpit.plan.schedule import Schedule, backout_seconds, schedule
from cockpit.plan.times import Hours, hours
from cockpit.plan.warnings import warnings
from cockpit.units import format_duration, plural

WIDTH = 120  # characters of a line, where its words can be parted


def check_report(plan: Plan, started: float) -> dict[str, Any]:
    """The schedule of a session that would start at `started` (UTC epoch seconds). Times are RFC 3339 in UTC,
    durations seconds; a backout task has no times (null). `assumed`: the plan does not say how long the task takes."""
    made, needs, window = schedule(plan, started), effective_needs(plan), hours(plan.window, started)
    return {
        "plan": plan.name,
        "path": plan.path,
        "ok": True,
        "problems": [],
        "warnings": _problems(warnings(plan)),
        "started": _utc(started),
        "window": {"opens": _utc(window.opens), "testing": _utc(window.testing), "closes": _utc(window.closes)},
        "finish": _utc(made.finish),
        "slack_s": made.slack,
        "critical": list(made.critical),
        "backout_s": backout_seconds(plan),
        "tasks": [
            _task(step, server, needs, made.tasks)
            for step in (*plan.steps, *plan.backout) for server in step.servers or (None,)
        ],
    }


def problems_report(path: str, problems: Iterable[Problem]) -> dict[str, Any]:
    """The same document of a plan that can't be run."""
    return {"path": path, "ok": False, "problems": _problems(problems)}


def _problems(found: Iterable[Problem]) -> list[dict[str, Any]]:
    return [{"file": p.file, "line": p.line or None, "what": p.what, "instead": p.instead or None} for p in found]


def check_lines(plan: Plan, started: float) -> list[str]:
    """The schedule as a technician reads it, on the plan's own clock: a line for the tasks of a step that are alike, what they
    wait for below it; then what its marks mean and what decides the finish, which is the last line."""
    made, window, needs = schedule(plan, started), hours(plan.window, started), _NeedWords(plan)
    sizes = (plan.steps, "step"), (made.tasks, "task"), (plan.servers, "server")
    lines = [f"{plan.name}: " + ", ".join(plural(len(things), name) for things, name in sizes), ""]
    wide = max(len("STEP"), *(len(step.id) for step in (*plan.steps, *plan.backout)))
    lines.append(f"  {'STEP':<{wide}}  {'START':<8} {'END':<8} {'TAKES':>6}  {'KIND':<6}  ON")
    for step in plan.steps:
        lines += _step_lines(step, made, window, needs, wide)
    lines += [f"{warning.what}: {warning.instead}" for warning in warnings(plan)]
    if (seconds := backout_seconds(plan)) is not None:
        lines += ["", f"backout: {plural(len(plan.backout), 'step')}, {_takes(seconds, plan.backout)} by their estimates"]
        for step in plan.backout:
            lines.append(f"  {step.id:<{wide}}  {step.kind:<6}  {_several(step.servers)}".rstrip())
            lines += _needs_lines(sorted({needs.of(step, server) for server in step.servers or (None,)}), wide)
    lines += ["", *_marks(plan, made, window)]
    lines += ["", *_wrapped("critical path: ", " > ".join(made.critical) or "nothing")]
    finish, closes = _clock(made.finish, window).rstrip(), _clock(window.closes, window).rstrip()
    return [*lines, f"finish {finish}, closes {closes}: {_slack(made.slack)}"]


def _marks(plan: Plan, made: Schedule, window: Hours) -> Iterable[str]:
    """What "*" means, and "~" and "+1d" where one stands at all."""
    yield "* is on the critical path: what begins or ends later there moves the finish"
    if any(assumed(step) for step in (*plan.steps, *plan.backout)):
        yield f"~: no estimate in the plan; {format_duration(GUESS)} is assumed"
    at = [window.closes, *(hour for times in made.tasks.values() for hour in times)]
    if any("d" in _clock(hour, window) for hour in at):
        yield "+1d is a day after the one on which the window opens, -1d a day before it"


def _task(
    step: Step, server: str | None, needs: Needs, times: Mapping[str, tuple[float, float]],
) -> dict[str, Any]:
    task = task_id(step.id, server)
    start, end = times.get(task, (None, None))
    return {
        "task": task, "step": step.id, "server": server, "kind": step.kind, "title": step.title, "phase": step.phase,
        "stage": step.stage, "start": _utc(start), "end": _utc(end), "assumed": assumed(step),
        "needs": list(needs[task]),
    }


def _step_lines(step: Step, made: Schedule, window: Hours, needs: _NeedWords, wide: int) -> list[str]:
    """Needs stand once where all tasks of the step have the same, else below those that have them."""
    alike: dict[tuple[float, float, str], list[str | None]] = {}
    for server in step.servers or (None,):
        alike.setdefault((*made.tasks[task_id(step.id, server)], needs.of(step, server)), []).append(server)
    same = len({words for _, _, words in alike}) == 1
    critical = set(made.critical)
    lines: list[str] = []
    for i, ((start, end, words), servers) in enumerate(alike.items()):
        mark = "*" if any(task_id(step.id, server) in critical for server in servers) else " "
        name, kind = (step.id, step.kind) if i == 0 else ("", "")
        span = f"{_clock(start, window)} {_clock(end, window)} {_takes(end - start, [step]):>6}"
        head = f"{mark} {name:<{wide}}  {span}  {kind:<6}  "
        names = [server for server in servers if server]
        lines += [head + _several(names)] if len(alike) == 1 else _wrapped(head, ", ".join(names))
        if not same or i == len(alike) - 1:
            lines += _needs_lines([words], wide)
    return lines


def _needs_lines(words: Iterable[str], wide: int) -> list[str]:
    return [line for each in words for line in _wrapped(f"  {'':<{wide}}  needs ", each)]


def _several(servers: Sequence[str]) -> str:
    """Where all of a step's servers are alike their names need not all stand there."""
    return ", ".join(servers[:4]) + (f" and {len(servers) - 4} more" if len(servers) > 4 else "") or "-"


def _wrapped(head: str, words: str) -> list[str]:
    """`head` and the words, in lines of at most `WIDTH` where these can be parted, below each other."""
    lines = textwrap.wrap(words, max(30, WIDTH - len(head)), break_long_words=False, break_on_hyphens=False) or [""]
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]


def _takes(seconds: float, steps: Iterable[Step]) -> str:
    """A minute that nobody wrote must not read like one that somebody meant."""
    return ("~" if any(map(assumed, steps)) else "") + format_duration(seconds)


def _slack(seconds: float) -> str:
    return f"{format_duration(seconds)} to spare" if seconds >= 0 else f"{format_duration(-seconds)} too late"


class _NeedWords:
    """Effective needs as a plan would write them: `step` on the same server, `step:all`, or one task by its id."""

    def __init__(self, plan: Plan) -> None:
        self._needs = effective_needs(plan)
        self._sizes = {step.id: len(step.task_ids()) for step in (*plan.steps, *plan.backout)}
        self._shared: dict[int, list[str]] = {}  # by the identity of a group, which many tasks have in common

    def of(self, step: Step, server: str | None) -> str:
        """ "freeze, inventory:all"; "nothing"."""
        found: list[str] = []
        for group in self._needs.groups(task_id(step.id, server)):
            here = [name for name, where in map(split_task, group[:9]) if where and where == server]
            found += here if len(here) == len(group) else self._words(group)
        return ", ".join(dict.fromkeys(found)) or "nothing"

    def _words(self, group: Group) -> list[str]:
        if id(group) not in self._shared:
            by_step: dict[str, list[str]] = {}
            for task in group:
                by_step.setdefault(split_task(task)[0], []).append(task)
            self._shared[id(group)] = [
                word for name, tasks in by_step.items()
                for word in _of_step(name, tasks, self._sizes[name])
            ]
        return self._shared[id(group)]


def _of_step(name: str, tasks: list[str], size: int) -> list[str]:
    if len(tasks) < size:
        return tasks
    return [f"{name}:all" if size > 1 else name]


def _clock(epoch: float, window: Hours) -> str:
    """HH:MM on the plan's clock, with the day's difference from the opening where there is one."""
    day, first = window.words(epoch)[:10], window.words(window.opens)[:10]
    days = (datetime.fromisoformat(day) - datetime.fromisoformat(first)).days
    return f"{window.words(epoch)[11:16]}{f'{days:+d}d' if days else '   '}"


def _utc(epoch: float | None) -> str | None:
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
