"""Which captured values a task can count on: those of steps on its own server that it waits for. Knows no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cockpit.plan.model import Plan, Run, Step, task_id
from cockpit.plan.needs import Group, Needs, Waiting, effective_needs
from cockpit.plan.values import Captured, Values


class Captures:
    """Computed once for a plan, in time that grows with its needs: one bit per capturing task.

    Without `order_known` every captured name counts as known: the order has problems of its own already. So it is in, and
    of, a step that has no place in the order: one without an id, or with the id of an earlier one."""

    def __init__(self, plan: Plan, steps: Sequence[Step], order_known: bool) -> None:
        self._placed: dict[str, Step] = {}
        for step in steps if order_known else ():
            self._placed.setdefault(step.id, step)
        self._placed.pop("", None)
        self._steps = [step for step in steps if isinstance(step.action, Run) and step.action.capture]
        self._bits: dict[str, int] = {}
        self._before: dict[str, int] = {}
        if self._steps and order_known:
            tasks = [task for step in self._steps if self._in_order(step) for task in step.task_ids()]
            self._bits = {task: 1 << i for i, task in enumerate(tasks)}
            night = tuple(step for step in self._placed.values() if step.phase == "night")
            backout = tuple(step for step in self._placed.values() if step.phase == "backout")
            self._flow(effective_needs(replace(plan, steps=night, backout=backout)))

    def _in_order(self, step: Step) -> bool:
        return self._placed.get(step.id) is step

    def _flow(self, needs: Needs) -> None:
        """Bits flow along the needs, a whole group at a time."""
        waiting, of_group = Waiting(needs), dict[int, int]()
        todo = list(waiting.ready)
        while todo:
            task = todo.pop()
            self._before[task] = self._union(needs.groups(task), of_group)
            todo.extend(waiting.meet(task))

    def _union(self, groups: Sequence[Group], of_group: dict[int, int]) -> int:
        bits = 0
        for group in groups:
            if id(group) not in of_group:
                of_group[id(group)] = self._sum(group)
            bits |= of_group[id(group)]
        return bits

    def _sum(self, group: Group) -> int:
        bits = 0
        for task in group:
            bits |= self._before[task] | self._bits.get(task, 0)
        return bits

    def of(self, step: Step, server: str) -> Values:
        """What `captured.…` is for this task: stand-ins for what is sure to be there, and hints for what is not."""
        before = self._before.get(task_id(step.id, server), 0)
        sure: dict[str, Captured] = {}
        refused: dict[str, str] = {}
        for other in self._steps:
            assert isinstance(other.action, Run) and other.action.capture
            name, bit = other.action.capture, self._bits.get(task_id(other.id, server), 0)
            if bit & before or not (self._in_order(step) and self._in_order(other)):
                sure[name] = Captured(name, "captured")
            elif bit:
                refused[name] = f"let this step come after {other.id}, which captures it"
            else:
                refused[name] = f"let {other.id}, which captures it, run on {server} too"
        return Values("captured", sure, refused=refused)
