"""What is different between two plans, in words, and whether a session may go over from one to the other.

Knows which steps have started only because it is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, fields

from cockpit.plan.model import Plan, Server, Step

# What may change in a step that has started: words for people, and how long it is thought to take.
WORDS = frozenset(["title", "owner", "note", "estimate", "line"])


class AmendRefused(Exception):
    """The operator's: this plan can't be adopted. `reasons`: all of them, in words."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("; ".join(self.reasons))


def differences(old: Plan, new: Plan, started: set[str]) -> list[str]:
    """Each difference as one line. Raises AmendRefused where a step of `started` is changed, gone, or not the same
    any more, and where the plan is another one."""
    refused = list(_refusals(old, new, started))
    if refused:
        raise AmendRefused(refused)
    return [*_head(old, new), *_servers(old, new), *_inputs(old, new), *_steps(old, new)]


def _refusals(old: Plan, new: Plan, started: set[str]) -> Iterable[str]:
    if old.name != new.name:
        yield f"this is another plan: {new.name!r}, and the session runs {old.name!r}"
    before, after = _by_id(old), _by_id(new)
    for step in (step for name, step in before.items() if name in started):
        if step.id not in after:
            yield f"step {step.id} has started and can't be taken out"
            continue
        changed = [name for name in _changed(step, after[step.id]) if name not in WORDS]
        if changed:
            yield f"step {step.id} has started and can't be changed ({', '.join(changed)})"
        for server in sorted(set(step.servers) - set(new.servers) - {"local"}):
            yield f"server {server} is used by step {step.id}, which has started: drop it instead"


def _by_id(plan: Plan) -> dict[str, Step]:
    return {step.id: step for step in (*plan.steps, *plan.backout)}


def _changed(old: Step | Server, new: Step | Server) -> list[str]:
    every: tuple[Field[object], ...] = fields(old)
    return [field.name for field in every if getattr(old, field.name) != getattr(new, field.name)]


def _head(old: Plan, new: Plan) -> Iterable[str]:
    for name in ("lead", "contact", "window", "limits"):
        if getattr(old, name) != getattr(new, name):
            yield f"{name} changed"


def _servers(old: Plan, new: Plan) -> Iterable[str]:
    for name in new.servers:
        if name not in old.servers:
            yield f"server {name} added"
        elif changed := _changed(old.servers[name], new.servers[name]):
            yield f"server {name} changed ({', '.join(changed)})"
    yield from (f"server {name} removed" for name in old.servers if name not in new.servers)


def _inputs(old: Plan, new: Plan) -> Iterable[str]:
    yield from (f"input {name} added" for name in new.inputs if name not in old.inputs)
    yield from (f"input {name} removed" for name in old.inputs if name not in new.inputs)
    yield from (f"input {name} changed" for name in new.inputs if old.inputs.get(name, new.inputs[name]) != new.inputs[name])


def _steps(old: Plan, new: Plan) -> Iterable[str]:
    before, after = _by_id(old), _by_id(new)
    for name, step in after.items():
        if name not in before:
            yield f"step {name} added"
        elif changed := [field for field in _changed(before[name], step) if field != "line"]:
            yield f"step {name} changed ({', '.join(changed)})"
    yield from (f"step {name} removed" for name in before if name not in after)
    kept_before = [name for name in before if name in after]
    kept_after = [name for name in after if name in before]
    if kept_before != kept_after:
        yield "steps stand in another order"
