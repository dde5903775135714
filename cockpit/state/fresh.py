"""Whether a proof still speaks of the data that is there. Pure: it follows from plan and state."""

from __future__ import annotations

from cockpit.plan.model import Copy, Plan, Step
from cockpit.state.chart import Chart, chart, plain
from cockpit.state.model import RUNNING, UNKNOWN, State, Task

CHANGING = ("run", "script", "copy", "reboot")  # kinds of steps that change what is on a server


def stale_since(plan: Plan, state: State, key: str) -> float | None:
    """When the data that the proof `task/check` speaks of changed after it was begun to be read; None while it is fresh.

    Changed means: a step that the verify task waits for was at work again (or still), or a copy into one of its paths was."""
    proof = state.proofs[key]
    known = chart(plan)
    found: float | None = None
    for task in state.tasks.values():
        step = known.steps.get(task.step)
        if step is None or step.kind not in CHANGING:
            continue
        at = _at_work_after(task, proof.started)
        if at is None or (found is not None and at >= found):
            continue
        if (known.is_before(task.id, proof.task) and not _let_go(state, task, at, proof.started)) or (
            _writes(known, state, task, step, proof.paths)
        ):
            found = at
    return found


def _at_work_after(task: Task, since: float) -> float | None:
    """When, from `since` on, this task first had an attempt under way."""
    found: float | None = None
    for i in reversed(range(len(task.attempts))):
        ended = _end(task, i)
        if ended is not None and ended <= since:
            break
        if task.attempts[i].purpose != "probe":
            found = max(task.attempts[i].started, since)
    return found


def _end(task: Task, i: int) -> float | None:
    """When this attempt ended; None while it is under way. One whose end nobody saw: with a person's word, or the next."""
    attempt = task.attempts[i]
    if attempt.ended is not None:
        return attempt.ended
    if i + 1 < len(task.attempts):
        return task.attempts[i + 1].started
    return None if attempt.purpose == "undo" or task.state in (RUNNING, UNKNOWN) else task.ended


def _let_go(state: State, task: Task, at: float, since: float) -> bool:
    """Whether it was only left open when its server was dropped: nobody waits for it, and it ends no more."""
    server = state.servers.get(task.server or "")
    return at == since and server is not None and server.contact == "dropped"


def _writes(known: Chart, state: State, task: Task, step: Step, paths: list[list[str]]) -> bool:
    """Whether a copy writes at, above or below one of these paths."""
    if not isinstance(step.action, Copy) or not paths:
        return False
    target = known.target(state, task, step.action)
    return target is not None and any(target[0] == server and _overlap(target[1], plain(path)) for server, path in paths)


def _overlap(one: str, other: str) -> bool:
    return (one + "/").startswith(other + "/") or (other + "/").startswith(one + "/")
