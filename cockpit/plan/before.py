"""Which of some tasks come before a task, whatever a night brings: those that it waits for, and what these wait for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cockpit.plan.needs import Group, Needs, Waiting


class Before:
    """Computed once, in time that grows with the needs: one bit for each of `tasks`, which alone are asked about."""

    def __init__(self, needs: Needs, tasks: Iterable[str]) -> None:
        self._bits = {task: 1 << i for i, task in enumerate(tasks)}
        self._before: dict[str, int] = {}
        waiting, of_group = Waiting(needs), dict[int, int]()
        todo = list(waiting.ready)
        while todo:
            task = todo.pop()
            self._before[task] = self._union(needs.groups(task), of_group)
            todo.extend(waiting.meet(task))

    def __contains__(self, task: str) -> bool:
        """Whether it is one of those that can be asked about."""
        return task in self._bits

    def comes(self, earlier: str, later: str) -> bool:
        return self.holds(self.sum_of(later), earlier)

    def sum_of(self, later: str) -> int:
        """All that comes before it, as one number: those of several tasks are put together by `|`, and asked by `holds`."""
        return self._before.get(later, 0)

    def holds(self, sums: int, earlier: str) -> bool:
        return bool(self._bits.get(earlier, 0) & sums)

    def _union(self, groups: Sequence[Group], of_group: dict[int, int]) -> int:
        """Bits flow along the needs, a whole group at a time."""
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
