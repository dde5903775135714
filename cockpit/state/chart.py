"""What follows from a plan alone, worked out once: its steps by id, what each task waits for, and where copies write. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from cockpit.plan.model import LOCAL, Copy, Plan, split_task
from cockpit.plan.needs import effective_needs
from cockpit.plan.templates import TemplateProblem, render
from cockpit.plan.turns import among, turns
from cockpit.state.model import State, Task
from cockpit.state.seen import seen


class Chart:
    """What never changes while a plan holds."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.steps = {s.id: s for s in (*plan.steps, *plan.backout)}
        self.needs = effective_needs(plan)
        self.order = [t for s in (*plan.steps, *plan.backout) for t in s.task_ids()]
        self._turns: list[str] | None = None
        self._copies: list[str] = []  # among them
        self._bit = {task: 1 << i for i, task in enumerate(self.order)}
        self._before: dict[str, int] = {}
        self._targets: dict[str, tuple[str, str]] = {}

    def in_turn(self, fronted: Sequence[str]) -> list[str]:
        """All tasks in the order in which they get what is scarce; `fronted` transfers before all the others."""
        if self._turns is None:
            self._turns = turns((*self.plan.steps, *self.plan.backout), self.needs)
            self._copies = [t for t in self._turns if isinstance(self.steps[split_task(t)[0]].action, Copy)]
        first = [t for t in fronted if t in self._copies]
        return among(self._turns, [*first, *(t for t in self._copies if t not in first)]) if first else self._turns

    def is_before(self, task: str, other: str) -> bool:
        """Whether `other` waits for `task`, at first or any hand."""
        return bool(self.bit(task) & self.all_before(other))

    def bit(self, task: str) -> int:
        """Of this task in a set of bits; none for one that the plan does not have."""
        return self._bit.get(task, 0)

    def named(self, bits: int) -> Iterator[str]:
        """The tasks of a set of bits."""
        while bits:
            last = bits.bit_length() - 1
            yield self.order[last]
            bits ^= 1 << last

    def all_before(self, task: str) -> int:
        """What this one waits for, at first or any hand, as a set of bits: of 17 steps on 338 servers, sets of names would
        take gigabytes."""
        todo = [task]
        while todo:
            now = todo[-1]
            needs = self.needs.get(now, ())
            unknown = [need for need in needs if need not in self._before]
            if unknown:
                todo += unknown
                continue
            before = 0
            for need in needs:
                before |= self._before[need] | self._bit[need]
            self._before[now] = before
            todo.pop()
        return self._before[task]

    def target(self, state: State, task: Task, action: Copy) -> tuple[str, str] | None:
        """Server and path that a copy writes to; None while its templates have no value: then it has not begun. None
        for a pipe: where its consumer writes is not known."""
        if action.pipe is not None:
            return None
        if task.id not in self._targets:
            try:
                path = render(action.target.path, seen(self.plan, state, task.server), path=True)
            except TemplateProblem:
                return None
            self._targets[task.id] = (action.target.server or task.server or LOCAL, plain(path))
        return self._targets[task.id]


_last: Chart | None = None


def chart(plan: Plan) -> Chart:
    """The chart of this plan; the last one is kept, since it is asked for several times a second."""
    global _last
    if _last is None or _last.plan is not plan:
        _last = Chart(plan)
    return _last


def plain(path: str) -> str:
    """A path without doubled or closing slashes; "" for the root, so that everything is below it."""
    return "/" + posixpath.normpath(path).strip("/") if path.strip("/") else ""
