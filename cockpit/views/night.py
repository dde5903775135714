"""Builds the `Night` that everything is drawn from, at what its clock says is now: live and replayed alike.

Reads the journal through a tail and a reader; asks no engine (the screen tells it what the socket and the process
say) and keeps nothing but caches, all of which a seek makes good again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cockpit.forecast.compute import forecast
from cockpit.forecast.follow import Follower, told
from cockpit.forecast.model import TransferNow
from cockpit.forecast.rates import Transfer
from cockpit.journal.clock import Clock
from cockpit.journal.events import Fact
from cockpit.journal.reader import Reader
from cockpit.plan.model import Copy, Moment, Plan, Window
from cockpit.plan.reader import adopted
from cockpit.state.fresh import Freshness
from cockpit.state.model import RUNNING, UNKNOWN, State, Task
from cockpit.state.standing import standings
from cockpit.state.tail import Tail
from cockpit.views.model import Engine, Night
from cockpit.views.now import proven

ACTIONS = 10
LOOK_BACK = 2_000  # facts searched for the last actions after a seek
TRANSFER, LATENCY = "transfer/", "latency/"


class NightBuilder:
    """`night()` reads what is new and returns the present moment; call it once or twice a second."""

    def __init__(
        self, tail: Tail, reader: Reader, clock: Clock, *, load: Callable[[str, str], Plan] = adopted, who: str = "",
    ) -> None:
        self.tail, self.reader, self.clock, self.who = tail, reader, clock, who
        self.facts: list[Fact] = []  # those that the newest `night()` applied; [] after a jump
        self._load = load
        self._plan: Plan | None = None
        self._follower = Follower(reader.seconds)
        self._actions: deque[Fact] = deque(maxlen=ACTIONS)
        self._proofs: tuple[int, Plan, dict[str, float], dict[str, int]] | None = None

    def night(self, engine: Engine | None = None, replay: str | None = None) -> Night:
        """engine None: nothing was asked (replay, a report)."""
        self._read()
        state, now = self.tail.state, self.clock.now()
        plan = self._plan_of(state)
        found = standings(plan, state, now)
        moving = self._transfers(state, now)
        stale, fresh = self._proofs_of(plan, state)
        return Night(
            plan=plan, state=state, standings=found, forecast=forecast(plan, state, found, moving, now), now=now,
            engine=engine or Engine(None), replay=replay, who=self.who, heard=self._heard(plan, state, moving, now),
            stale=stale, proven=fresh, actions=tuple(self._actions),
        )

    def _read(self) -> None:
        """A journal is opened and jumped in by its checkpoints, and followed fact by fact."""
        until, before = self.clock.until(), self.tail.state.seq
        if before == 0:
            self.tail.seek(time=until)
            self.facts = []
        else:
            self.facts = self.tail.advance(until)
        if self.facts:
            self._actions.extend(f for f in self.facts if f.who)
        elif self.tail.state.seq != before:
            self._find_actions(self.tail.state.seq)

    def _find_actions(self, seq: int) -> None:
        self._actions.clear()
        self._actions.extend(self.reader.decisions(max(0, seq - LOOK_BACK), seq))

    def _plan_of(self, state: State) -> Plan:
        """The plan that holds at this moment; an empty one before it was adopted."""
        if self._plan is None or self._plan.text != state.plan_text:
            self._plan = self._load(state.plan_text, "plan.toml") if state.plan_text else _empty(state)
        return self._plan

    def _transfers(self, state: State, now: float) -> dict[str, TransferNow]:
        found: dict[str, TransferNow] = {}
        for series, newest in self.reader.latest(TRANSFER, now).items():
            name = series.removeprefix(TRANSFER)
            task = state.tasks.get(name)
            if task is None:
                continue
            running = task.state in (RUNNING, UNKNOWN)
            begun = task.attempt.started if task.attempt else 0.0
            if running and newest.at < begun:
                continue  # of an attempt before this one
            if running:
                fold = self._follower.of(series, name, begun, now)
            else:
                self._follower.forget(series)
                fold = Transfer(name)
                fold.feed(newest)
            moving = told(fold, task, now)
            if moving is not None:
                found[name] = moving
        return found

    def _heard(self, plan: Plan, state: State, moving: dict[str, TransferNow], now: float) -> dict[str, float]:
        """The newest evidence of each server: an answer on its connection, something that began or ended on it, or bytes
        that moved: of a copy at both its ends."""
        found: dict[str, float] = {}
        for series, sample in self.reader.latest(LATENCY, now).items():
            heard = sample.values.get("heard")
            found[series.removeprefix(LATENCY)] = float(heard) if isinstance(heard, (int, float)) else sample.at
        for task in state.tasks.values():
            if task.server and task.kind not in ("manual", "gate"):
                for at in (task.started, task.ended):
                    if at is not None and at > found.get(task.server, 0.0):
                        found[task.server] = at
        for task_id, transfer in moving.items():
            for server in _ends(plan, state.tasks[task_id]) if transfer.moved_at is not None else ():
                found[server] = max(found.get(server, 0.0), transfer.moved_at or 0.0)
        return found

    def _proofs_of(self, plan: Plan, state: State) -> tuple[dict[str, float], dict[str, int]]:
        """`stale` and `proven` of a night. Asked again only when a fact came: nothing else can make a proof stale."""
        if self._proofs is None or self._proofs[0] != state.seq or self._proofs[1] is not plan:
            stale = Freshness(plan, state).stale()
            self._proofs = (state.seq, plan, stale, proven(plan, state, stale))
        return self._proofs[2:]


def _ends(plan: Plan, task: Task) -> set[str]:
    """The servers between which its bytes move."""
    action = next((s.action for s in (*plan.steps, *plan.backout) if s.id == task.step), None)
    places = (action.source, action.target) if isinstance(action, Copy) else ()
    return {server for server in (task.server, *(p.server for p in places)) if server and server in plan.servers}


def _empty(state: State) -> Plan:
    return Plan(state.plan, Window(Moment(epoch=state.opens), Moment(epoch=state.closes)), {}, ())
