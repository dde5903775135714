"""When each task would start and end if every estimate were true: the baseline, the critical path, the slack.

A plain list scheduler: a task starts when its needs are over, its stage and its `start` allow it, and a slot of the
plan's limits is free; among several the one whose turn it is (`turns`). Knows no state: what was measured is `forecast`'s matter.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cockpit.plan.estimates import GUESS as GUESS
from cockpit.plan.estimates import estimated as estimated
from cockpit.plan.model import SLOTLESS, Copy, Plan, Server, Step, task_id
from cockpit.plan.needs import Waiting, effective_needs
from cockpit.plan.times import Hours, clock_time, hours
from cockpit.plan.turns import turns


@dataclass(frozen=True, slots=True)
class Schedule:
    """UTC epoch seconds. `finish` is when the last task is over that the opening waits for (stage `after` is not one);
    `critical`: the tasks that decide it, first to last; `slack`: seconds from `finish` to the window's `closes`."""

    tasks: Mapping[str, tuple[float, float]]
    finish: float
    critical: tuple[str, ...]
    slack: float


_OTHER = Server("", "")  # `local` is no server of the plan and has a server's defaults


def schedule(plan: Plan, started: float) -> Schedule:
    """The night (not the backout) of a session that starts at `started` (UTC epoch seconds)."""
    window = hours(plan.window, started)
    run = _Run(plan, plan.steps, started, window)
    run.play()
    due = {task: ends for task, (_, ends) in run.times.items() if run.steps[task].stage != "after"}
    last = max(due, key=lambda task: due[task], default=None)
    finish = due[last] if last is not None else started
    return Schedule(run.times, finish, _back(last, run.because), window.closes - finish)


def backout_seconds(plan: Plan) -> float | None:
    """How long the whole backout would take by its estimates; None where the plan has none."""
    if not plan.backout:
        return None
    steps = tuple(replace(step, start="auto", stage="night") for step in plan.backout)
    run = _Run(plan, steps, 0.0, Hours(0.0, 0.0))
    run.play()
    return max(end for _, end in run.times.values())


def earliest(step: Step, started: float, window: Hours) -> float:
    """Before this a task of the step does not start, whatever its needs: by its stage and its `start`."""
    stage = {"groundwork": started, "night": max(started, window.opens), "after": max(started, window.closes)}[step.stage]
    if step.start in ("auto", "manual"):
        return stage
    try:
        return max(stage, clock_time(step.start, window.opens, window.closes, window.utc_offset))
    except ValueError:  # an hour that this session's window does not have: nothing to wait for
        return stage


def _back(task: str | None, because: Mapping[str, str | None]) -> tuple[str, ...]:
    path = []
    while task is not None:
        path.append(task)
        task = because.get(task)
    return tuple(reversed(path))


@dataclass(slots=True)
class _Slots:
    """What is taken of the plan's limits. People and clocks take nothing."""

    plan: Plan
    jobs: int = 0
    transfers: int = 0
    of_server: Counter[str] = field(default_factory=Counter)

    def free(self, step: Step, server: str | None) -> bool:
        if isinstance(step.action, SLOTLESS):
            return True
        limits, most = self.plan.limits, self.plan.servers.get(server or "", _OTHER).max_jobs
        moves = not isinstance(step.action, Copy) or self.transfers < limits.transfers
        return self.jobs < limits.jobs and moves and self.of_server[server or ""] < most

    def take(self, step: Step, server: str | None, count: int) -> None:
        if not isinstance(step.action, SLOTLESS):
            self.jobs += count
            self.transfers += count if isinstance(step.action, Copy) else 0
            self.of_server[server or ""] += count


class _Run:
    """One run through the steps on paper."""

    def __init__(self, plan: Plan, steps: Sequence[Step], started: float, window: Hours) -> None:
        ids = [(task_id(step.id, server), step, server) for step in steps for server in step.servers or (None,)]
        self.steps = {task: step for task, step, _ in ids}
        self._servers = {task: server for task, _, server in ids}
        needs = effective_needs(replace(plan, steps=tuple(steps), backout=()))
        self._rank = {task: i for i, task in enumerate(turns(steps, needs))}
        self._earliest = {step.id: earliest(step, started, window) for step in steps}
        self._waiting = Waiting(needs)
        self._slots = _Slots(plan)
        self._coming: list[tuple[float, int, str]] = []
        self._running: list[tuple[float, int, str]] = []
        self._queue: list[tuple[int, str]] = []
        self.times: dict[str, tuple[float, float]] = {}
        self.because: dict[str, str | None] = {}
        for task in self._waiting.ready:
            self._comes(task, started, None)

    def play(self) -> None:
        while self._coming or self._running:
            now = min(heap[0][0] for heap in (self._coming, self._running) if heap)
            freed = self._end(now)
            while self._coming and self._coming[0][0] <= now:
                _, rank, task = heapq.heappop(self._coming)
                heapq.heappush(self._queue, (rank, task))
            self._start(now, freed)

    def _comes(self, task: str, now: float, cause: str | None) -> None:
        when = max(now, self._earliest[self.steps[task].id])
        self.because[task] = cause if when == now else None
        heapq.heappush(self._coming, (when, self._rank[task], task))

    def _end(self, now: float) -> str | None:
        ended = None
        while self._running and self._running[0][0] <= now:
            _, _, ended = heapq.heappop(self._running)
            self._slots.take(self.steps[ended], self._servers[ended], -1)
            for task in self._waiting.meet(ended):
                self._comes(task, now, ended)
        return ended

    def _start(self, now: float, freed: str | None) -> None:
        """Starts what has a slot; the others stay queued, and what frees their slot becomes their cause."""
        queue, self._queue = sorted(self._queue), []
        for rank, task in queue:
            step, server = self.steps[task], self._servers[task]
            if not self._slots.free(step, server):
                self.because[task] = None
                self._queue.append((rank, task))
                continue
            if self.because[task] is None and freed is not None and now > self._earliest[step.id]:
                self.because[task] = freed
            self._slots.take(step, server, 1)
            end = now + estimated(step)
            self.times[task] = (now, end)
            heapq.heappush(self._running, (end, rank, task))
