"""Whether a proof still speaks of the data that is there. Pure: it follows from plan and state."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from cockpit.plan.model import Copy, Plan
from cockpit.state.chart import Chart, chart, plain
from cockpit.state.model import RUNNING, UNKNOWN, Proof, State, Task

CHANGING = ("run", "script", "copy", "reboot")  # kinds of steps that change what is on a server
INF = float("inf")


def stale_since(plan: Plan, state: State, key: str) -> float | None:
    """When the data that the proof `task/check` speaks of changed after it was begun to be read; None while it is fresh."""
    return Freshness(plan, state).since(key)


class Freshness:
    """Of all proofs of one moment. Changed means: a step that the verify task waits for was at work again (or still), or a
    copy into one of its paths was.

    Made in O(tasks); a proof then asks only those that were at work after it, as sets of bits: on 338 servers a question
    to each of 6,000 tasks for every proof takes half a minute."""

    def __init__(self, plan: Plan, state: State) -> None:
        self._chart, self._state = chart(plan), state
        work = sorted(_work(self._chart, state))
        self._ends = [end for end, _ in work]
        self._tasks = [state.tasks[task] for _, task in work]
        self._later: list[int] = [0] * (len(work) + 1)  # at i: the bits of all from i on
        for i in range(len(work) - 1, -1, -1):
            self._later[i] = self._later[i + 1] | self._chart.bit(self._tasks[i].id)
        self._by_id = {task.id: task for task in self._tasks}
        self._copies = self._targets()
        self._waits: dict[tuple[str, int], list[Task]] = {}

    def stale(self) -> dict[str, float]:
        """Since when, of each proof that is no longer fresh."""
        found = dict[str, float]()
        for key, proof in self._state.proofs.items():
            # So it is with most, and a jump in a long night asks thousands: not one call more for each.
            if self._waits.get((proof.task, bisect_right(self._ends, proof.started))) == [] and not proof.paths:
                continue
            if (at := self.since(key)) is not None:
                found[key] = at
        return found

    def since(self, key: str) -> float | None:
        proof = self._state.proofs[key]
        first = bisect_right(self._ends, proof.started)
        needed = self._waited_for(proof.task, first)
        return min([*self._needed(proof, needed), *self._written(proof, first)], default=None)

    def _needed(self, proof: Proof, tasks: list[Task]) -> Iterator[float]:
        for task in tasks:
            at = _at_work_after(task, proof.started)
            if at is not None and not _let_go(self._state, task, at, proof.started):
                yield at

    def _waited_for(self, task: str, first: int) -> list[Task]:
        """Of the tasks that were at work from the first one on. The hundreds of checks of one proof ask the same."""
        found = self._waits.get((task, first))
        if found is None:
            bits = self._later[first] & self._chart.all_before(task)
            found = self._waits[task, first] = [self._by_id[name] for name in self._chart.named(bits)]
        return found

    def _written(self, proof: Proof, first: int) -> Iterator[float]:
        """By copies that write at, above or below one of its paths."""
        for server, path in proof.paths:
            for i, target, task in self._copies.get(server, ()):
                if i >= first and _overlap(target, plain(path)):
                    at = _at_work_after(task, proof.started)
                    if at is not None:
                        yield at

    def _targets(self) -> dict[str, list[tuple[int, str, Task]]]:
        """Server -> the copies that write there, with their paths."""
        found: dict[str, list[tuple[int, str, Task]]] = {}
        for i, task in enumerate(self._tasks):
            action = self._chart.steps[task.step].action
            target = self._chart.target(self._state, task, action) if isinstance(action, Copy) else None
            if target is not None:
                found.setdefault(target[0], []).append((i, target[1], task))
        return found


def _work(known: Chart, state: State) -> Iterator[tuple[float, str]]:
    """When each task that changes something was last at work (inf: it is), and which it was."""
    for task in state.tasks.values():
        step = known.steps.get(task.step)
        if task.attempts and step is not None and step.kind in CHANGING:
            end = _end(task, len(task.attempts) - 1)
            yield INF if end is None else end, task.id


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


def _overlap(one: str, other: str) -> bool:
    return (one + "/").startswith(other + "/") or (other + "/").startswith(one + "/")
