"""What `cockpit check` says of a plan without problems: as data for --json, as lines for people. Knows no state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cockpit.plan.model import Plan, Step, Verify, Wait, task_id, tcp_address
from cockpit.plan.needs import Needs, effective_needs
from cockpit.plan.problems import Problem
from cockpit.plan.schedule import backout_seconds, schedule
from cockpit.plan.times import Hours, hours
from cockpit.units import format_duration


def check_report(plan: Plan, started: float) -> dict[str, Any]:
    """The schedule of a session that would start at `started` (UTC epoch seconds). Times are RFC 3339 in UTC,
    durations seconds; a backout task has no times (null)."""
    made, needs, window = schedule(plan, started), effective_needs(plan), hours(plan.window, started)
    return {
        "plan": plan.name,
        "path": plan.path,
        "ok": True,
        "problems": [],
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
    found = [{"file": p.file, "line": p.line or None, "what": p.what, "instead": p.instead or None} for p in problems]
    return {"path": path, "ok": False, "problems": found}


def check_lines(plan: Plan, started: float) -> list[str]:
    """The schedule as a technician reads it, on the plan's own clock: one line a step, then what decides the finish."""
    made, window = schedule(plan, started), hours(plan.window, started)
    lines = [f"{plan.name}: {len(plan.steps)} steps, {len(made.tasks)} tasks, {len(plan.servers)} servers", ""]
    wide = max(len(step.id) for step in plan.steps)
    for step in plan.steps:
        lines.append(_line(step, made.tasks, set(made.critical), window, wide))
    lines += _from_here(plan)
    lines += ["", f"critical path: {' > '.join(made.critical) or 'nothing'}"]
    lines.append(f"finish {_clock(made.finish, window)}, closes {_clock(window.closes, window)}: {_slack(made.slack)}")
    if (seconds := backout_seconds(plan)) is not None:
        lines.append(f"backout: {len(plan.backout)} steps, {format_duration(seconds)} by their estimates")
    return lines


def _from_here(plan: Plan) -> Iterable[str]:
    """Ports behind a jump host, to which there may be no way from this machine."""
    for step in (*plan.steps, *plan.backout):
        via = [name for name in step.servers if name in plan.servers and plan.servers[name].via]
        if via and _asks_from_here(step):
            more = f" and {len(via) - 1} more" if len(via) > 1 else ""
            yield f"{step.id}: tcp and http are asked from this machine ({via[0]}{more} is reached via another): a run asks there"


def _asks_from_here(step: Step) -> bool:
    match step.action:
        case Wait(condition=str(condition)):
            return tcp_address(condition) is not None
        case Verify(checks):
            return any(check.kind in ("tcp", "http") for check in checks)
    return False


def _task(
    step: Step, server: str | None, needs: Needs, times: Mapping[str, tuple[float, float]],
) -> dict[str, Any]:
    task = task_id(step.id, server)
    start, end = times.get(task, (None, None))
    return {
        "task": task, "step": step.id, "server": server, "kind": step.kind, "title": step.title, "phase": step.phase,
        "stage": step.stage, "start": _utc(start), "end": _utc(end), "needs": list(needs[task]),
    }


def _line(
    step: Step, times: Mapping[str, tuple[float, float]], critical: set[str], window: Hours, wide: int,
) -> str:
    mine = [times[task] for task in step.task_ids()]
    start, end = min(start for start, _ in mine), max(end for _, end in mine)
    mark = "*" if critical.intersection(step.task_ids()) else " "
    where = ", ".join(step.servers[:4]) + (f" and {len(step.servers) - 4} more" if len(step.servers) > 4 else "")
    span = f"{_clock(start, window)} {_clock(end, window)} {format_duration(end - start):>6}"
    return f"{mark} {step.id:<{wide}}  {span}  {step.kind:<6}  {where or '-'}"


def _slack(seconds: float) -> str:
    return f"{format_duration(seconds)} to spare" if seconds >= 0 else f"{format_duration(-seconds)} too late"


def _clock(epoch: float, window: Hours) -> str:
    """HH:MM on the plan's clock, with the day's difference from the opening where there is one."""
    day, first = window.words(epoch)[:10], window.words(window.opens)[:10]
    days = (datetime.fromisoformat(day) - datetime.fromisoformat(first)).days
    return f"{window.words(epoch)[11:16]}{f'{days:+d}d' if days else '   '}"


def _utc(epoch: float | None) -> str | None:
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
