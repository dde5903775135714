"""The engine: observe, append, decide, act. It owns the journal's writer and the state; it survives every terminal.

It knows neither asyncssh nor SQLite nor Textual: servers are the fleet's, the store is the journal's, the screen is elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from cockpit import __version__, crash
from cockpit.beat import after, beat
from cockpit.decide import LIVE_KINDS, Action, Ask, End, Retry, Start, Withdraw, decide
from cockpit.engine.alarms import Alarms
from cockpit.engine.attempt import Attempt
from cockpit.engine.claims import Claims
from cockpit.engine.forecasts import Recorder
from cockpit.engine.health import LoopLag
from cockpit.engine.leave import take_leave
from cockpit.engine.prompts import Prompter
from cockpit.engine.secrets import Vault
from cockpit.engine.traffic import Traffic
from cockpit.fleet.api import FleetError
from cockpit.fleet.fleet import Fleet
from cockpit.journal.events import (
    AttemptStarted,
    EngineStarted,
    EngineStopped,
    EngineTroubled,
    Event,
    Fact,
    InputGiven,
    NightEnded,
    PromptOpened,
    PromptWithdrawn,
    RetryAsked,
)
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.journal.schema import JournalProblem
from cockpit.journal.writer import Sample, Writer
from cockpit.plan.model import Gate, Manual, Plan
from cockpit.state.fold import apply
from cockpit.state.model import RUNNING, UNKNOWN, State, Task
from cockpit.state.snapshot import digest, pack
from cockpit.state.standing import chart, dropped, standings, undoing

log = logging.getLogger(__name__)
T = TypeVar("T")
PULSE = 2.0  # seconds between two samples of the engine itself
TICK = 1.0  # seconds between two looks at the clock when nothing happens
LAST_WORDS = 5.0  # seconds that a stopping engine waits for its journal
CHECKPOINT = 1000  # facts between two checkpoints: a jump in a replay folds at most so many


class Engine:
    """One engine of one session. `run` returns when the night has ended or it was told to stop."""

    def __init__(
        self, session: SessionDir, person: str, plan: Plan, writer: Writer, state: State, fleet: Fleet, vault: Vault,
        owns: Callable[[], bool] = lambda: True,
    ) -> None:
        """owns: whether the session is still this engine's (the lease)."""
        self.session, self.person, self.plan, self.writer = session, person, plan, writer
        self.state, self.fleet, self.vault = state, fleet, vault
        self.prompter = Prompter(self.append, vault)
        self._owns = owns
        self.deciding = asyncio.Lock()  # between reading the state and journaling what follows from it
        self.wake = asyncio.Event()
        self.stopping: str | None = None
        self.attempts: dict[str, Attempt] = {}
        self.claims = Claims(self)
        self.traffic = Traffic(self)
        self.offsets: dict[tuple[str, int, str], int] = {}  # of each attempt's streams, as queued for the journal
        self.lag = LoopLag()
        self.forecasts = Recorder(self)
        self.alarms = Alarms(self)
        self._heard: dict[str, tuple[float, float]] = {}  # server -> when, by the wall's clock and by the journal's
        self._reader: Reader | None = None
        self._aside: set[asyncio.Task[Any]] = set()
        self._early: dict[int, Fact] = {}
        self._checkpointed = state.seq
        self._trouble: str | None = None
        self._main: asyncio.Task[Any] | None = None

    # --- observe and append

    async def append(
        self, *events: Event, who: str | None = None, why: str | None = None, peer: dict[str, Any] | None = None,
    ) -> list[Fact]:
        """Durable and folded into the state when it returns. A caller that is cancelled meanwhile leaves no gap: what the
        journal has, the state has."""
        return await asyncio.shield(self.background(self._append(events, who, why, peer)))

    async def _append(
        self, events: tuple[Event, ...], who: str | None, why: str | None, peer: dict[str, Any] | None,
    ) -> list[Fact]:
        for event in events:
            crash.point(f"before {type(event).__name__}")
        facts = await self.writer.append(*events, who=who, why=why, peer=peer)
        for event in events:
            crash.point(f"after {type(event).__name__}")
        self._absorb(facts)
        return facts

    def _absorb(self, facts: list[Fact]) -> None:
        """Fold in the journal's order, whatever order the waiters wake up in: the state must equal what a reader folds."""
        self._early.update({f.seq: f for f in facts})
        while (fact := self._early.pop(self.state.seq + 1, None)) is not None:
            apply(self.state, fact)
            self.traffic.seen(fact.event)
            if crash.watched():
                crash.state_was(fact.seq, digest(self.state))
        self.wake.set()
        if self.state.seq - self._checkpointed >= CHECKPOINT:
            self._checkpointed = self.state.seq
            self.background(self.writer.checkpoint(self.state.seq, pack(self.state)))

    # --- the loop

    async def run(self) -> str | None:
        """The night's outcome, or None when it was stopped before its end."""
        self._main = asyncio.current_task()
        try:
            async with self.deciding:
                await self._begin()
            while self.stopping is None and self.state.outcome is None:
                self.wake.clear()
                if not self._owns():
                    raise JournalProblem("another engine has taken this session over; this one ends")
                self.traffic.look()
                await self._decide_and_act()
                if not self.wake.is_set():
                    await self._sleep()
        except asyncio.CancelledError:
            if self.stopping is None or self._main is None:
                raise
            self._main.uncancel()
        finally:
            await self._end()
        return self.state.outcome

    async def _sleep(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(after(asyncio.get_running_loop().time(), TICK)):
                await self.wake.wait()

    async def _begin(self) -> None:
        self.writer.on_problem = self._troubled
        given = [InputGiven(name) for name in self.vault.names() if name in self.plan.inputs]
        started = EngineStarted(self.writer.epoch, os.getpid(), socket.gethostname(), __version__)
        # Their askers died with the last engine; whoever still needs an answer asks again.
        orphans = [p for p in self.state.prompts.values() if p.kind in LIVE_KINDS and not p.id.startswith("input-")]
        await self.append(started, *given, *(PromptWithdrawn(p.id, "the engine was restarted") for p in orphans))
        self.background(self.lag.watch())
        self.background(self._sample())
        self.background(self.forecasts.run())
        self.background(self.alarms.run())
        self.leave_dropped()
        await self.fleet.start()
        for task in list(self.state.tasks.values()):
            if (task.state in (RUNNING, UNKNOWN) or undoing(task)) and not self._is_a_persons(task):
                self._go(task, resumed=True)

    def leave_dropped(self) -> None:
        """A fleet that was made anew, or a server of it, knows nothing of who has left the night."""
        for name in self.plan.servers:
            if dropped(self.state, name):
                self.fleet.drop(name)

    async def _end(self) -> None:
        """What runs on the servers goes on. A journal that cannot be written must not keep the engine from ending."""
        self.prompter.close()
        for attempt in self.attempts.values():
            attempt.abandon()
        await asyncio.gather(*(a.over() for a in self.attempts.values()), return_exceptions=True)
        try:
            if self._owns():
                reason = self.stopping or f"the night has ended: {self.state.outcome}"
                await asyncio.wait_for(self._last_words(EngineStopped(reason)), LAST_WORDS)
        except (JournalProblem, TimeoutError) as error:
            log.warning("ending without a last word: %s", error)
        finally:
            for task in self._aside:
                task.cancel()
            await self.fleet.close()
            if self._reader is not None:  # open, it would keep the journal's last pages out of its file
                self._reader.close()

    async def _last_words(self, event: Event) -> None:
        await self.append(event)
        await self.writer.flush()

    def stop(self, reason: str) -> None:
        self.stopping = reason
        self.wake.set()
        self._stop_waiting()

    def _troubled(self, problem: str | None) -> None:
        """The journal cannot be written (or can again): said in the log and over the socket now, journaled when it can be."""
        log.warning("journal: %s", problem or "writable again")
        if problem is None and self._trouble is not None:
            self.background(self.append(EngineTroubled(self._trouble), EngineTroubled(None)))
        self._trouble = problem
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        """A decision that waits for a journal that cannot be written must not keep the engine from stopping."""
        if self.stopping is not None and self.writer.problem is not None and self._main is not None:
            self._main.cancel()

    # --- what attempts ask of it

    async def claim(self, server: str) -> None:
        await self.claims.ensure(server)

    async def secret(self, name: str) -> None:
        """Returns once this secret input is known: an engine that was restarted has forgotten it, and `decide` asks."""
        await self.vault.wait(name)

    def output_offsets(self, task: str, n: int) -> tuple[int, int]:
        """How far stdout and stderr are journaled or on their way there."""
        if (task, n, "out") not in self.offsets and (task, n, "err") not in self.offsets:
            self.offsets[task, n, "out"], self.offsets[task, n, "err"] = self.reader.offsets(task, n)
        return self.offsets.get((task, n, "out"), 0), self.offsets.get((task, n, "err"), 0)

    async def read_output(self, task: str, n: int, limit: int) -> bytes:
        """The first `limit` bytes of an attempt's stdout, as journaled."""
        await self.writer.flush()
        found = b""
        for piece in self.reader.attempt_output(task, n, "out"):
            found += piece
            if len(found) >= limit:
                break
        return found[:limit]

    async def last_errors(self, task: str, n: int, limit: int) -> bytes:
        """The last `limit` bytes of an attempt's stderr, as journaled."""
        await self.writer.flush()
        return self.reader.last_output(task, n, "err", limit)

    @property
    def reader(self) -> Reader:
        if self._reader is None:
            self._reader = Reader.open(self.session.journal_path)
        return self._reader

    def health(self) -> dict[str, Any]:
        """For the socket: what a dead, stuck or starved engine looks like from outside."""
        lag = self.lag.p99()
        return {
            "pid": os.getpid(), "epoch": self.state.epoch, "seq": self.state.seq, "problem": self.writer.problem,
            "lag_p99_ms": None if lag is None else lag * 1000, "session": self.state.session,
        }

    async def _sample(self) -> None:
        """The engine's own pulse in the journal: its lag, and when each server was last heard of."""
        while True:
            lag = self.lag.p99()
            self.writer.sample(Sample(self.writer.now(), "engine", {"lag_p99": lag}))
            for name in self.plan.servers:
                self._sample_contact(name)
            await beat(PULSE)

    def _sample_contact(self, name: str) -> None:
        """At the moment by the journal's clock that lies as long ago as it was heard of."""
        heard, (before, newest) = self.fleet.heard(name), self._heard.get(name, (None, 0.0))
        if heard is None or heard == before:
            return
        at = self.writer.now() - max(0.0, time.time() - heard)
        if at > newest:  # a clock that was just set back may not have come so far yet
            self._heard[name] = heard, at
            self.writer.sample(Sample(at, f"latency/{name}", {"s": self.fleet.latency(name)}))

    def background(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Something that nobody need wait for; kept, since the loop holds tasks only weakly."""
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside_ended)
        return task

    def _aside_ended(self, task: asyncio.Task[Any]) -> None:
        self._aside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, FleetError):
            log.warning("%s", error)

    # --- decide and act

    async def _decide_and_act(self) -> None:
        if self.writer.problem is not None:
            return  # a full disk: nothing new starts, what runs goes on
        async with self.deciding:
            now = time.time()
            actions = decide(self.plan, self.state, standings(self.plan, self.state, now), now)
            events = [e for a in actions if (e := self._intent(a)) is not None]
            for event in events:
                if isinstance(event, NightEnded):  # before its last fact: nobody resumes an ended night to tidy up
                    await take_leave(self, event.outcome)
            if events:
                await self.append(*events)
        for event in events:
            if isinstance(event, AttemptStarted):
                self._act(event)

    def _intent(self, action: Action) -> Event | None:
        match action:
            case Start(task, purpose):
                return self._attempt(self.state.tasks[task], purpose)
            case Retry(task, not_before):
                return RetryAsked(task, by_plan=True, not_before=not_before)
            case Ask():
                choices = list(action.choices)
                return PromptOpened(action.id, action.kind, action.text, action.task, action.server, choices, action.secret)
            case Withdraw(identity, reason):
                return PromptWithdrawn(identity, reason)
            case End(outcome):
                return NightEnded(outcome)

    def _attempt(self, task: Task, purpose: str) -> AttemptStarted:
        n = len(task.attempts) + 1
        server = self.state.servers.get(task.server or "")
        spec = {"boot": server.boot_id} if server and server.boot_id else {}
        return AttemptStarted(task.id, n, f"{self.state.session}.{task.id}.{n}", purpose, spec)

    def _act(self, event: AttemptStarted) -> None:
        task = self.state.tasks[event.task]
        mine = task.attempt is not None and task.attempt.id == event.attempt
        if mine and (event.purpose == "undo" or not self._is_a_persons(task)):
            self._go(task, resumed=False)

    def _is_a_persons(self, task: Task) -> bool:
        step = chart(self.plan).steps.get(task.step)
        undoing = task.attempt is not None and task.attempt.purpose == "undo"
        return step is None or (isinstance(step.action, Gate | Manual) and not undoing)

    def _go(self, task: Task, *, resumed: bool) -> None:
        if not resumed and task.attempt is not None:  # its intent is a moment old: nothing can be journaled of it yet
            self.offsets[task.id, task.attempt.n, "out"] = self.offsets[task.id, task.attempt.n, "err"] = 0
        attempt = Attempt(self, chart(self.plan).steps[task.step], task, resumed=resumed)
        self.attempts[task.id] = attempt
        self.traffic.shifted()
        attempt.start(lambda: self._ended(task.id, attempt))

    def _ended(self, task: str, attempt: Attempt) -> None:
        if self.attempts.get(task) is attempt:
            del self.attempts[task]
            self.traffic.shifted()
        self.wake.set()
