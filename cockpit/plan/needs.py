"""What waits for what: for every task, the tasks that must have been met before it starts.

Knows no state and not what "met" means (`state.standing` does). A step that waits for every task of earlier steps
shares one tuple with all its tasks, so that 17 steps on 338 servers are some ten thousand entries and not millions.
Nothing is left out because something else already waits for it: a person may skip the task in between, and a gate
must not open over a backup that still runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from cockpit.plan.model import Plan, Step, task_id

Group = tuple[str, ...]

ALL = ":all"


class Needs(Mapping[str, Group]):
    """Task id -> its effective needs, as `dict` would give them; each tuple is made once, when it is first asked for.

    `groups` gives the same needs as shared tuples: who asks often (a decision over all tasks) can remember the answer
    per group, by its identity, and looks at every entry once instead of once per server. Every tuple that is given out
    lives as long as this object: a caller's memory of an `id` must never meet another tuple at the same address.
    """

    def __init__(self, groups: Mapping[str, tuple[Group, ...]]) -> None:
        self._groups = groups
        self._flat: dict[str, Group] = {}

    def groups(self, task: str) -> tuple[Group, ...]:
        return self._groups[task]

    def __getitem__(self, task: str) -> Group:
        groups = self._groups[task]
        if len(groups) == 1:
            return groups[0]
        if task not in self._flat:
            self._flat[task] = tuple(dict.fromkeys(chain.from_iterable(groups)))
        return self._flat[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)


class Waiting:
    """Counts needs down. `ready` are the tasks without any; `meet` tells which tasks became ready by this one.

    Cost over a whole night: the number of entries in all groups, each looked at once.
    """

    def __init__(self, needs: Needs) -> None:
        self._tasks_of: dict[int, list[str]] = {}  # group -> tasks that wait for it
        self._groups_of: dict[str, list[int]] = {}  # task -> groups it is in
        self._left: dict[int, int] = {}  # group -> members not met
        self._blocked: dict[str, int] = {}  # task -> groups not met
        self._kept = needs  # ids of its tuples are keys here: they must live as long
        for task in needs:
            self._blocked[task] = 0
            for group in needs.groups(task):
                self._enter(task, group)
        self.ready = [task for task, count in self._blocked.items() if not count]

    def _enter(self, task: str, group: Group) -> None:
        if not group:
            return
        key = id(group)
        if key not in self._left:
            members = set(group)
            self._left[key], self._tasks_of[key] = len(members), []
            for member in members:
                self._groups_of.setdefault(member, []).append(key)
        self._tasks_of[key].append(task)
        self._blocked[task] += 1

    def meet(self, task: str) -> list[str]:
        """Each task may be met once."""
        ready = []
        for key in self._groups_of.pop(task, ()):
            self._left[key] -= 1
            if self._left[key] == 0:
                for waiter in self._tasks_of[key]:
                    self._blocked[waiter] -= 1
                    if not self._blocked[waiter]:
                        ready.append(waiter)
        return ready

    def blocked(self) -> list[str]:
        return [task for task, count in self._blocked.items() if count]


def effective_needs(plan: Plan) -> Needs:
    """The needs of every task of the night and of the backout. Backout tasks wait only for backout tasks."""
    return Needs({**_phase_groups(plan.steps), **_phase_groups(plan.backout)})


def _phase_groups(steps: Sequence[Step]) -> dict[str, tuple[Group, ...]]:
    by_id = {step.id: step for step in steps}
    tasks = {step.id: step.task_ids() for step in steps}
    groups: dict[str, tuple[Group, ...]] = {}
    for i, step in enumerate(steps):
        written = step.needs is not None
        of_server = _written(step.needs or (), by_id, tasks) if written else _by_order(step, steps[:i], tasks)
        for server in step.servers or (None,):
            groups[task_id(step.id, server)] = tuple(group for group in of_server(server) if group)
    return groups


_OfServer = Callable[[str | None], Iterable[Group]]


def _written(needs: Iterable[str], by_id: Mapping[str, Step], tasks: Mapping[str, Group]) -> _OfServer:
    """With `needs`: the needed step on the same server where it runs there, else every task of it.
    Steps that don't exist are passed over: they are problems of the plan already."""
    whole: list[Group] = []
    same: list[tuple[Step, frozenset[str]]] = []
    for need in dict.fromkeys(needs):
        step = by_id.get(need.removesuffix(ALL))
        if step is not None and need.endswith(ALL):
            whole.append(tasks[step.id])
        elif step is not None:
            same.append((step, frozenset(step.servers)))

    def of_server(server: str | None) -> Iterable[Group]:
        here = tuple(task_id(step.id, server) for step, servers in same if server in servers)
        return [here, *whole, *(tasks[step.id] for step, servers in same if server not in servers)]

    return of_server


def _by_order(step: Step, earlier: Sequence[Step], tasks: Mapping[str, Group]) -> _OfServer:
    """Without `needs`: the nearest earlier step on the same server, and all of every earlier step that runs on no
    server or on none of this step's. A step on no server waits for every task of every earlier step."""
    own = frozenset(step.servers)
    foreign = tuple(chain.from_iterable(tasks[other.id] for other in earlier if own.isdisjoint(other.servers)))
    nearest: dict[str, Group] = {
        server: (task_id(other.id, server),) for other in earlier for server in other.servers if server in own
    }

    def of_server(server: str | None) -> Iterable[Group]:
        return [nearest.get(server or "", ()), foreign]

    return of_server
