"""The order of steps can be kept: no ring of needs, nothing that waits for what comes too late. Knows no state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from cockpit.plan.model import Gate, Plan, split_task
from cockpit.plan.needs import Group, Needs, Waiting, effective_needs
from cockpit.plan.steps import Read


def check_order(plan: Plan, by_id: Mapping[str, Read]) -> bool:
    """Rings (each said once), and steps of the night that wait for a step of stage `after`. True if there are rings."""
    known = [read.step for read in by_id.values()]
    clean = replace(
        plan,
        steps=tuple(step for step in known if step.phase == "night"),
        backout=tuple(step for step in known if step.phase == "backout"),
    )
    needs = effective_needs(clean)
    rings = _check_rings(_with_requires(needs, by_id), needs, by_id)
    _check_stages(needs, by_id)
    return rings > 0


def _with_requires(needs: Needs, by_id: Mapping[str, Read]) -> Needs:
    """A gate also waits for what it requires: a step that itself waits for the gate would never be green."""
    groups = {task: needs.groups(task) for task in needs}
    for read in by_id.values():
        if isinstance(read.step.action, Gate):
            for task in read.step.task_ids():
                groups[task] = (*groups[task], *_required(read, task, by_id))
    return Needs(groups)


def _required(read: Read, task: str, by_id: Mapping[str, Read]) -> list[Group]:
    assert isinstance(read.step.action, Gate)
    server = split_task(task)[1]
    found = []
    for required in read.step.action.requires:
        other = by_id.get(required.partition("/")[0])
        if other is not None and other is not read and other.step.phase == read.step.phase:
            here = server in other.step.servers
            found.append((f"{other.step.id}@{server}",) if here else other.step.task_ids())
    return found


def _check_rings(all_needs: Needs, needs: Needs, by_id: Mapping[str, Read]) -> int:
    """How many rings there are. After each, its steps count as met, so that what is behind them shows its own."""
    waiting = Waiting(all_needs)
    met: set[str] = set()
    todo = list(waiting.ready)
    rings = 0
    while True:
        while todo:
            task = todo.pop()
            if task not in met:
                met.add(task)
                todo.extend(waiting.meet(task))
        left = next((task for task in all_needs if task not in met), None)
        if left is None:
            return rings
        ring = _ring(all_needs, left, met)
        _say_ring(ring, needs, by_id)
        rings += 1
        todo = [task for step in {split_task(task)[0] for task in ring} for task in by_id[step].step.task_ids()]


def _ring(needs: Needs, start: str, met: set[str]) -> list[str]:
    """From a task that can never start, along needs that are never met, until one comes again."""
    walked: dict[str, int] = {}
    task = start
    while task not in walked:
        walked[task] = len(walked)
        task = next(need for need in chain.from_iterable(needs.groups(task)) if need not in met)
    return list(walked)[walked[task]:]


def _say_ring(ring: list[str], needs: Needs, by_id: Mapping[str, Read]) -> None:
    """At the line of the `requires` that closes the ring, else of its first `needs`."""
    steps = list(dict.fromkeys(split_task(task)[0] for task in ring))
    for task, then in zip(ring, [*ring[1:], ring[0]], strict=True):
        if then not in needs[task]:
            read, other = by_id[split_task(task)[0]], split_task(then)[0]
            why = f"it requires {other}, which waits for this gate"
            place = (*read.table.path, "gate", "requires")
            read.table.sink.add(place, f"{read.table.label}: {why}", "require steps that come before the gate")
            return
    first = next((step for step in by_id if step in steps and by_id[step].step.needs is not None), steps[0])
    at = steps.index(first)
    names = [*steps[at:], *steps[:at], first]
    what = "it waits for itself" if len(steps) == 1 else "steps wait for each other in a ring: " + " needs ".join(names)
    by_id[first].table.problem("needs", what, "take one of them out of its needs")


def _check_stages(needs: Needs, by_id: Mapping[str, Read]) -> None:
    """What the night waits for can't be left for after it. Each step of stage `after` is said once."""
    late = {name for name, read in by_id.items() if read.step.stage == "after"}
    told: set[str] = set()
    for name, read in by_id.items():
        if not late or read.step.stage == "after":
            continue
        groups = {id(group): group for task in read.step.task_ids() for group in needs.groups(task)}
        waited = {split_task(task)[0] for group in groups.values() for task in group}
        for other in sorted(waited & late - told):
            told.add(other)
            read.table.problem(
                "needs" if read.step.needs is not None else None,
                f'it waits for {other}, which is of stage "after" and never done in the night',
                f'write stage = "after" in {name}, or put {other} behind the steps of the night',
            )
