"""Which captured values a task can count on: those of steps on its own server that it waits for. Knows no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cockpit.plan.before import Before
from cockpit.plan.model import Plan, Run, Step, task_id
from cockpit.plan.needs import Needs, effective_needs
from cockpit.plan.values import Captured, Values


class Captures:
    """Computed once for a plan.

    Without `order_known` every captured name counts as known: the order has problems of its own already. So it is in, and
    of, a step that has no place in the order: one without an id, or with the id of an earlier one."""

    def __init__(self, plan: Plan, steps: Sequence[Step], order_known: bool) -> None:
        self._placed: dict[str, Step] = {}
        for step in steps if order_known else ():
            self._placed.setdefault(step.id, step)
        self._placed.pop("", None)
        self._steps = [step for step in steps if isinstance(step.action, Run) and step.action.capture]
        self._before = Before(Needs({}), ())
        if self._steps and order_known:
            tasks = [task for step in self._steps if self._in_order(step) for task in step.task_ids()]
            night = tuple(step for step in self._placed.values() if step.phase == "night")
            backout = tuple(step for step in self._placed.values() if step.phase == "backout")
            self._before = Before(effective_needs(replace(plan, steps=night, backout=backout)), tasks)

    def _in_order(self, step: Step) -> bool:
        return self._placed.get(step.id) is step

    def of(self, step: Step, server: str) -> Values:
        """What `captured.…` is for this task: stand-ins for what is sure to be there, and hints for what is not."""
        sure: dict[str, Captured] = {}
        refused: dict[str, str] = {}
        for other in self._steps:
            assert isinstance(other.action, Run) and other.action.capture
            name, task = other.action.capture, task_id(other.id, server)
            if self._before.comes(task, task_id(step.id, server)) or not (self._in_order(step) and self._in_order(other)):
                sure[name] = Captured(name, "captured")
            elif task in self._before:
                refused[name] = f"let this step come after {other.id}, which captures it"
            else:
                refused[name] = f"let {other.id}, which captures it, run on {server} too"
        return Values("captured", sure, refused=refused)
