"""What a gate requires, what of it is not green and fresh now, and until when its go makes sense. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from cockpit.plan.model import Gate, Moment, Plan, Verify
from cockpit.plan.times import clock_time
from cockpit.state.fresh import Freshness
from cockpit.state.model import DONE, SKIPPED, State, Task
from cockpit.state.standing import dropped


@dataclass(slots=True)
class NotGreen:
    """In words. red: nobody may pass over it. skipped: a person left it out, and a person may answer for that."""

    red: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def go_by(gate: Gate, state: State) -> float | None:
    """UTC epoch seconds until which go makes sense; None where the plan says none, or an amended window no longer holds
    that time."""
    if gate.by is None or isinstance(gate.by, Moment):
        return gate.by.at(state.started) if gate.by else None
    try:
        return clock_time(gate.by, state.opens, state.closes, state.utc_offset)
    except ValueError:
        return None


def not_green(plan: Plan, state: State, gate: Gate, server: str | None) -> NotGreen:
    """Over all that the gate requires (`step` or `step/check`); for a gate of one server, on that server."""
    found, fresh = NotGreen(), Freshness(plan, state)
    for required in gate.requires:
        step, _, check = required.partition("/")
        tasks = [t for t in state.tasks.values() if t.step == step and not dropped(state, t.server)]
        for task in [t for t in tasks if server is None or t.server in (None, server)] or tasks:
            _task(plan, state, task, check, fresh, found)
    return found


def _task(plan: Plan, state: State, task: Task, check: str, fresh: Freshness, found: NotGreen) -> None:
    if task.state == SKIPPED:
        if not task.by_plan:
            found.skipped.append(f"{task.id} was skipped by {task.who or 'somebody'}")
        return
    if task.state != DONE:
        found.red.append(f"{task.id} is {task.state}")
    wanted = [f"{task.id}/{name}" for name in _checks(plan, task, check)]
    found.red += [f"{key} was never tested" for key in wanted if key not in state.proofs]
    for key, proof in state.proofs.items():
        if proof.task != task.id or (check and proof.check != check):
            continue
        if proof.result != "pass":
            found.red.append(f"{key} is {proof.result}: {proof.evidence}")
        elif fresh.since(key) is not None:
            found.red.append(f"{key} is stale: its data changed since")


def _checks(plan: Plan, task: Task, check: str) -> list[str]:
    """The checks of a verify step, or the one that is asked for: a person's word that a task is done is no proof."""
    action = plan.step(task.step).action
    return [c.name for c in action.checks if check in ("", c.name)] if isinstance(action, Verify) else []
