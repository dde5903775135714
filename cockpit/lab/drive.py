"""The person who sits at the headless demo: answers what is asked, over the same control socket as anybody.

Says go, done and start, gives inputs, and nothing else: a failure is never retried or skipped here. When only such a decision
is left, the night is backed out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.plan.model import Plan
from cockpit.state.model import DONE, PENDING, RUNNING, SKIPPED, UNKNOWN, Prompt, State
from cockpit.state.standing import only_a_person_can, standings
from cockpit.state.tail import Tail
from cockpit.ui.commander import Commander
from cockpit.units import format_duration

NAME = "demo"
PERIOD = 0.1  # seconds between two looks at the journal
STALLED = 180.0  # seconds without any fact; then nobody will ever end this
PATIENCE = 2.0  # seconds that only a person must have been able to go on
VERBS = {"gate": "go", "manual": "done", "start": "start"}


class Stalled(Exception):
    """The night neither ends nor asks anything; the text says what it waits for."""


@dataclass(slots=True)
class Driver:
    """`run` returns when the night has ended, or when its engine is gone. before: prompt id -> what is done before its answer."""

    session: SessionDir
    plan: Plan
    tell: Callable[[str], None]
    before: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    _answered: set[tuple[str, float]] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _stuck_since: float | None = None

    async def run(self) -> State:
        reader = Reader.open(self.session.journal_path)
        tail, commander = Tail(reader), Commander(self.session.socket_path, NAME)
        heard = time.monotonic()
        try:
            while True:
                running = self.session.running()
                heard = time.monotonic() if tail.poll() else heard
                self._tell_steps(tail.state)
                if tail.state.outcome is not None or not running:
                    return tail.state
                if time.monotonic() - heard > STALLED:
                    raise Stalled(_waiting(self.plan, tail.state))
                await self._answer_all(tail.state, commander)
                await self._give_up_when_stuck(tail.state, commander)
                await asyncio.sleep(PERIOD)
        finally:
            reader.close()

    async def _answer_all(self, state: State, commander: Commander) -> None:
        for prompt in list(state.prompts.values()):
            if (prompt.id, prompt.since) not in self._answered and (prompt.kind in VERBS or prompt.kind == "input"):
                self._answered.add((prompt.id, prompt.since))
                if prompt.id in self.before:
                    self.before[prompt.id]()
                await self._answer(prompt, commander)

    async def _answer(self, prompt: Prompt, commander: Commander) -> None:
        if prompt.kind == "input":
            reply = await commander.send("answer", prompt.id, value="CHG-2026-1127")
        else:
            reply = await commander.send(VERBS[prompt.kind], prompt.task)
        if not reply.ok:
            self.tell(f"refused: {reply.text}")

    async def _give_up_when_stuck(self, state: State, commander: Commander) -> None:
        """What is open is nothing that the demo answers, and nothing else goes on: the way back, with the reason."""
        open_ = [p for p in state.prompts.values() if p.kind not in VERBS and p.kind != "input"]
        if not open_ or not only_a_person_can(state, standings(self.plan, state, time.time())):
            self._stuck_since = None
            return
        now = time.monotonic()
        self._stuck_since = self._stuck_since or now
        if now - self._stuck_since < PATIENCE:
            return
        self._stuck_since = None
        for prompt in open_:
            self.tell(prompt.text)
        reply = await commander.send("backout", why="; ".join(p.text for p in open_)) if not state.backout else None
        if reply is None or not reply.ok:
            raise Stalled("; ".join(p.text for p in open_))
        self.tell("backing out")

    def _tell_steps(self, state: State) -> None:
        """One line for each step of the night when all of it is over."""
        for number, step in enumerate(self.plan.steps, 1):
            tasks = [state.tasks[name] for name in step.task_ids() if name in state.tasks]
            if step.id in self._told or not tasks or any(t.state in (PENDING, RUNNING, UNKNOWN) for t in tasks):
                continue
            self._told.add(step.id)
            begun, ended = min(t.started or 0.0 for t in tasks), max(t.ended or 0.0 for t in tasks)
            bad = [t.id for t in tasks if t.state not in (DONE, SKIPPED)]
            words = f"not done: {', '.join(bad)}" if bad else "done"
            self.tell(f"{number:>2}/{len(self.plan.steps)} {step.title:<32} {format_duration(ended - begun):>6}  {words}")


def _waiting(plan: Plan, state: State) -> str:
    found = [f"{task}: {standing.word}, {standing.why}" for task, standing in standings(plan, state, time.time()).items()
             if standing.word not in (DONE, SKIPPED, "blocked")]  # fmt: skip
    return f"nothing has happened for {STALLED:.0f} s; {'; '.join(found[:5])}"
