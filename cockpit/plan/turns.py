"""Whose turn it is where a limit makes tasks queue: transfers go by what still hangs on them, everything else as written.

Pure, and of the plan alone: the length of what follows a task does not depend on what has been done before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cockpit.plan.estimates import estimated
from cockpit.plan.model import Copy, Step
from cockpit.plan.needs import Needs, Waiting


def tails(steps: Sequence[Step], needs: Needs) -> dict[str, float]:
    """Task -> seconds, by the estimates, from its start to the end of the longest chain that waits for it. Steps of the
    stage `after` add nothing: the opening does not wait for them. A group of needs is looked at once for each member."""
    lasts = {task: 0.0 if step.stage == "after" else estimated(step) for step in steps for task in step.task_ids()}
    groups_of: dict[str, list[int]] = {}
    for group in {id(group): group for task in lasts for group in needs.groups(task)}.values():
        for member in set(group):
            groups_of.setdefault(member, []).append(id(group))
    behind: dict[int, float] = {}  # group -> the longest of what waits for it
    found: dict[str, float] = {}
    for task in reversed(_in_order(needs, lasts)):
        found[task] = lasts[task] + max((behind.get(group, 0.0) for group in groups_of.get(task, ())), default=0.0)
        for group in needs.groups(task):
            behind[id(group)] = max(behind.get(id(group), 0.0), found[task])
    return found


def _in_order(needs: Needs, tasks: Iterable[str]) -> list[str]:
    """Each task after all that it needs. Tasks on a cycle, which no checked plan has, are left out."""
    waiting = Waiting(needs)
    order = list(waiting.ready)
    for task in order:
        order += waiting.meet(task)
    wanted = set(tasks)
    return [task for task in order if task in wanted]


def turns(steps: Sequence[Step], needs: Needs) -> list[str]:
    """All tasks as they are written, but the transfers among themselves: those that the most hangs on come first."""
    order = [task for step in steps for task in step.task_ids()]
    copies = {task for step in steps if isinstance(step.action, Copy) for task in step.task_ids()}
    if len(copies) < 2:
        return order
    length = tails(steps, needs)
    return among(order, sorted((task for task in order if task in copies), key=lambda task: -length.get(task, 0.0)))


def among(order: Sequence[str], first: Sequence[str]) -> list[str]:
    """`order`, but the places of the tasks in `first` are taken by these in their own order."""
    places, these = set(first), iter(first)
    return list(_placed(order, places, these))


def _placed(order: Iterable[str], places: set[str], these: Iterator[str]) -> Iterator[str]:
    for task in order:
        yield next(these) if task in places else task
