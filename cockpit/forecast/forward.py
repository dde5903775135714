"""Where jobs fall on the clock when each starts as soon as its needs have ended and there is room. Pure; knows no
plan.

One pass in order of time (the parallel schedule of project planning), about O((jobs + needs) log jobs): exact without
limits, and with them as the engine serves them: whenever there is room, who is ready and has the earliest turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Job:
    """What is not yet over. `start` is set for what has begun; `earliest` is a time before which it may not.
    Seconds, epoch."""

    id: str
    length: float  # from `start`, or from when it will start; inf: nobody knows
    needs: tuple[str, ...] = ()
    start: float | None = None
    earliest: float = 0.0
    slots: tuple[str, ...] = ()  # the limits that it counts against
    counts: bool = True  # whether the finish waits for it


@dataclass(slots=True)
class Placed:
    """Ends may be inf. `cause`: the job whose end let this one start, where it had to wait for one."""

    starts: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    cause: dict[str, str] = field(default_factory=dict)


def place(jobs: Sequence[Job], limits: Mapping[str, int], now: float) -> Placed:
    """jobs: in the order of their turns. Needs that are not among them count as met. A job on a cycle, which no checked
    plan has, is left out."""
    return _Forward(jobs, limits, now).run()


class _Forward:
    """The clock goes from one end or readiness to the next; what has no room lies at a limit that is full until that has."""

    def __init__(self, jobs: Sequence[Job], limits: Mapping[str, int], now: float) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.limits, self.now = limits, now
        self.placed = Placed()
        self.unmet: dict[str, int] = {}
        self.children: dict[str, list[str]] = {}
        self.names = [job.id for job in jobs]
        self.turn = {name: i for i, name in enumerate(self.names)}
        self.taken: dict[str, int] = {}
        self.waiting: dict[str, list[int]] = {}  # at a limit that was full: turns
        self.events: list[tuple[float, int, bool]] = []  # when, whose turn, whether it ends (else it is ready)

    def run(self) -> Placed:
        for job in self.jobs.values():
            if job.start is None:
                self._wait(job)
            else:
                self._settle(job, job.start, max(self.now, job.start + job.length), None)
        while self.events:
            self._moment(self.events[0][0])
        return self.placed

    def _wait(self, job: Job) -> None:
        open_needs = [n for n in job.needs if n in self.jobs]
        self.unmet[job.id] = len(open_needs)
        for need in open_needs:
            self.children.setdefault(need, []).append(job.id)
        if not open_needs:
            self._make_ready(job, self.now)

    def _make_ready(self, job: Job, at: float) -> None:
        heappush(self.events, (max(at, job.earliest, self.now), self.turn[job.id], False))

    def _moment(self, at: float) -> None:
        """All that ends now, then who may start, by their turns."""
        fresh: list[int] = []
        freed: dict[str, str] = {}  # limit -> who left it
        while self.events and self.events[0][0] == at:
            _, turn, ends = heappop(self.events)
            if ends:
                self._end(self.jobs[self.names[turn]], freed)
            else:
                heappush(fresh, turn)
        while (chosen := self._next(fresh, freed)) is not None:
            queue, limit = chosen
            job = self.jobs[self.names[heappop(queue)]]
            full = next((slot for slot in job.slots if self._full(slot)), None)
            if full is None:
                self._settle(job, at, at + job.length, freed[limit] if limit else self._last_need(job, at))
            else:
                heappush(self.waiting.setdefault(full, []), self.turn[job.id])

    def _next(self, fresh: list[int], freed: Mapping[str, str]) -> tuple[list[int], str] | None:
        """The queue whose first has the earliest turn: of the newly ready, or of those at a limit that has room again."""
        open_ = [(queue, slot) for slot in freed if (queue := self.waiting.get(slot)) and not self._full(slot)]
        if fresh:
            open_.append((fresh, ""))
        return min(open_, key=lambda each: each[0][0], default=None)

    def _full(self, slot: str) -> bool:
        return self.taken.get(slot, 0) >= self.limits.get(slot, self.taken.get(slot, 0) + 1)

    def _last_need(self, job: Job, at: float) -> str | None:
        """None where the clock or nothing held it: then the chain of causes begins here."""
        ends = self.placed.ends
        last = max((n for n in job.needs if n in ends), key=lambda n: ends[n], default=None)
        return last if last is not None and ends[last] >= at else None

    def _settle(self, job: Job, start: float, end: float, cause: str | None) -> None:
        self.placed.starts[job.id], self.placed.ends[job.id] = start, end
        if cause is not None:
            self.placed.cause[job.id] = cause
        for slot in job.slots:
            self.taken[slot] = self.taken.get(slot, 0) + 1
        heappush(self.events, (end, self.turn[job.id], True))

    def _end(self, job: Job, freed: dict[str, str]) -> None:
        for slot in job.slots:
            self.taken[slot] -= 1
            freed.setdefault(slot, job.id)
        for child in self.children.get(job.id, ()):
            self.unmet[child] -= 1
            if not self.unmet[child]:
                self._make_ready(self.jobs[child], self.placed.ends[job.id])


def finish(jobs: Iterable[Job], placed: Placed) -> tuple[float | None, str | None]:
    """The last end of what counts, and whose: (None, None) when nothing of it is left."""
    last = max((j.id for j in jobs if j.counts and j.id in placed.ends), key=lambda t: placed.ends[t], default=None)
    return (placed.ends[last], last) if last else (None, None)


def chain(last: str | None, placed: Placed) -> tuple[str, ...]:
    """Who waits for whom up to `last`, first to last."""
    found: list[str] = []
    while last is not None:
        found.append(last)
        last = placed.cause.get(last)
    return tuple(reversed(found))


def margins(jobs: Sequence[Job], placed: Placed, deadline: float) -> dict[str, float]:
    """How much later each job may end without moving anything that counts past the deadline; -inf where nobody knows.

    A job that nothing counted waits for has no margin and is left out."""
    found: dict[str, float] = {}
    after: dict[str, list[str]] = {}
    for job in jobs:
        waits_for = {n for n in job.needs if n in placed.ends} if job.start is None else set()
        if job.id in placed.cause:
            waits_for.add(placed.cause[job.id])
        for need in waits_for:
            after.setdefault(need, []).append(job.id)
    by_id = {job.id: job for job in jobs}
    for name in reversed(placed.ends):
        end = placed.ends[name]
        own = [deadline - end] if by_id[name].counts else []
        gaps = [_gap(found[c], placed.starts[c], end) for c in after.get(name, ()) if c in found]
        if own or gaps:
            found[name] = min(own + gaps)
    return found


def _gap(margin: float, start: float, end: float) -> float:
    """Not known stays not known: -inf + inf would be a NaN that compares with nothing."""
    return margin if margin == -INF else margin + start - end
