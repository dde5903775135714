"""What people may ask of the engine: each verb checked against the state of this moment, then journaled with their name.

A refusal says why and what to do instead; the second of two conflicting commands is told who came first.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cockpit.decide import approvals_missing
from cockpit.engine.amend import amend
from cockpit.journal.events import (
    AlarmAcknowledged,
    AttemptEnded,
    BackoutStarted,
    CancelAsked,
    Event,
    GateAnswered,
    Held,
    InputGiven,
    NoteAdded,
    PromptAnswered,
    Released,
    RetryAsked,
    ServerDropped,
    StartAsked,
    TaskMarkedDone,
    TaskMarkedFailed,
    TaskSkipped,
    UndoAsked,
)
from cockpit.plan.model import Gate, Manual, Step
from cockpit.plan.times import clock_time
from cockpit.state.green import not_green
from cockpit.state.model import CANCELLED, DONE, FAILED, PENDING, RUNNING, SKIPPED, UNDONE, UNKNOWN, Task
from cockpit.state.standing import chart, dropped, no_go, no_return_passed, undoing

if TYPE_CHECKING:
    from cockpit.engine.core import Engine


class Refused(Exception):
    """The operator's family of errors: what was asked cannot be, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Command:
    verb: str
    target: str = ""
    why: str | None = None
    who: str | None = None
    value: str | None = None
    peer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    data: dict[str, Any] = field(default_factory=dict)


Verb = Callable[["Commands", Command], Awaitable[Answer]]


class Commands:
    """The verbs of `cockpit do`. One at a time, and never between a decision and its fact."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def obey(self, command: Command) -> Answer:
        """Refused when it cannot be done now."""
        verb = VERBS.get(command.verb)
        if verb is None:
            raise Refused(f"there is no verb {command.verb!r}; the verbs are: {', '.join(sorted(VERBS))}")
        if command.verb == "stop":
            return await self.stop(command)  # also while the journal cannot be written, and a decision waits for it
        if self.engine.writer.problem:
            raise Refused(f"the journal cannot be written: {self.engine.writer.problem}. Make room first; nothing is lost.")
        async with self.engine.deciding:
            return await verb(self, command)

    # --- finding what is meant

    def task(self, command: Command) -> Task:
        """step@server, or a step that has one task."""
        state = self.engine.state
        found = state.tasks.get(command.target)
        if found is None:
            of_step = [t for t in state.tasks.values() if t.step == command.target]
            if len(of_step) > 1:
                raise Refused(f"{command.target} runs on {len(of_step)} servers: name one, as {of_step[0].id}")
            found = of_step[0] if of_step else self._of_prompt(command.target)
        if found is None:
            raise Refused(f"no task {command.target!r}: write step@server, or the id of a step on no server")
        return found

    def _of_prompt(self, identity: str) -> Task | None:
        prompt = self.engine.state.prompts.get(identity)
        return self.engine.state.tasks.get(prompt.task or "") if prompt else None

    def step(self, task: Task) -> Step:
        return chart(self.engine.plan).steps[task.step]

    async def say(self, command: Command, *events: Event) -> None:
        await self.engine.append(*events, who=command.who, why=command.why, peer=command.peer)

    def refuse(self, task: Task, wanted: str) -> Refused:
        """Names who came first, where a person did."""
        by = f" by {task.who}" if task.who else ""
        at = time.strftime("%H:%M:%S", time.gmtime((task.ended or task.started or 0) + self.engine.state.utc_offset))
        when = f" at {at}" if task.ended or task.started else ""
        return Refused(f"{task.id} is {task.state}{by}{when}: it cannot be {wanted}")

    def _let_go(self, task: Task) -> None:
        """A person's word ends it: the attempt that still waited for its server must not go on, and start it, later."""
        attempt = self.engine.attempts.get(task.id)
        if attempt is not None:
            attempt.abandon()

    # --- tasks

    async def start(self, command: Command) -> Answer:
        task = self.task(command)
        if task.state != PENDING or task.start_asked:
            raise self.refuse(task, "started")
        if self.step(task).start != "manual":
            raise Refused(f"{task.id} starts by itself when its turn comes")
        await self.say(command, StartAsked(task.id))
        return Answer(f"{task.id} starts as soon as nothing else is in its way")

    async def done(self, command: Command) -> Answer:
        task = self.task(command)
        if task.state == UNKNOWN or (task.state == RUNNING and isinstance(self.step(task).action, Manual)):
            self._let_go(task)
            await self.say(command, TaskMarkedDone(task.id))
        else:
            raise self.refuse(task, "marked done: only a manual step that waits, or an unknown outcome, can be")
        return Answer(f"{task.id} is done")

    async def failed(self, command: Command) -> Answer:
        task = self.task(command)
        if task.state != UNKNOWN:
            raise self.refuse(task, "marked failed: only an unknown outcome can be")
        self._let_go(task)
        await self.say(command, TaskMarkedFailed(task.id))
        return Answer(f"{task.id} is failed")

    async def retry(self, command: Command) -> Answer:
        if command.target in self.engine.plan.servers and command.target not in self.engine.state.tasks:
            if dropped(self.engine.state, command.target):
                raise Refused(f"{command.target} was dropped from this night")
            self.engine.fleet.retry(command.target)
            return Answer(f"{command.target} is tried again now")
        task = self.task(command)
        proof = task.state == DONE and self.step(task).kind == "verify"  # repeated where its data changed since
        if task.state not in (FAILED, CANCELLED, UNKNOWN, UNDONE) and not proof:
            raise self.refuse(task, "retried")
        if dropped(self.engine.state, task.server):
            raise Refused(f"{task.server} was dropped from this night")
        if undoing(task) or task.undo_asked:
            raise Refused(f"{task.id} is being undone: wait for that, or cancel it")
        if task.state == UNKNOWN and task.id in self.engine.attempts:
            raise Refused(f"{task.id} is still being asked about: wait, or say done or failed if you know")
        if self.step(task).once and task.state == UNKNOWN and not command.why:
            raise Refused(f"{task.id} must not run twice and may have run: say why it is safe (--why)")
        await self.say(command, RetryAsked(task.id))
        return Answer(f"{task.id} runs again")

    async def skip(self, command: Command) -> Answer:
        task = self.task(command)
        if task.state in (DONE, SKIPPED, UNDONE):
            raise self.refuse(task, "skipped")
        if task.state == RUNNING and not isinstance(self.step(task).action, Manual):
            raise Refused(f"{task.id} is running: cancel it first, or answer its gate")
        if isinstance(self.step(task).action, Gate):
            raise Refused(f"{task.id} is a gate: it takes go or no-go, it cannot be skipped")
        if not command.why:
            raise Refused("a skip needs a reason (--why)")
        self._let_go(task)
        await self.say(command, TaskSkipped(task.id, False, command.why))
        return Answer(f"{task.id} is skipped: {command.why}")

    async def cancel(self, command: Command) -> Answer:
        task = self.task(command)
        if task.state not in (RUNNING, UNKNOWN) and not undoing(task):
            raise self.refuse(task, "cancelled")
        if not undoing(task) and isinstance(self.step(task).action, Gate | Manual):
            raise Refused(f"{task.id} waits for a person; there is nothing to cancel")
        if task.cancel_asked:
            raise Refused(f"{task.id} is being cancelled already")
        attempt = self.engine.attempts.get(task.id)
        if attempt is None:
            raise Refused(f"nothing of {task.id} is known to run: say done, failed or retry")
        await self.say(command, CancelAsked(task.id))
        attempt.cancel()
        return Answer(f"{task.id}: its process group is being ended")

    async def undo(self, command: Command) -> Answer:
        task = self.task(command)
        if not self.step(task).undo:
            raise Refused(f"the plan has no undo for {task.step}")
        if task.state not in (DONE, FAILED, CANCELLED) or task.undo_asked or undoing(task):
            raise self.refuse(task, "undone")
        if dropped(self.engine.state, task.server):
            raise Refused(f"{task.server} was dropped from this night")
        await self.say(command, UndoAsked(task.id))
        return Answer(f"{task.id} is being undone")

    # --- gates and the way back

    def _gate(self, command: Command) -> tuple[Task, Gate]:
        task = self.task(command)
        step = self.step(task)
        if not isinstance(step.action, Gate):
            raise Refused(f"{task.id} is a {step.kind}, not a gate")
        if task.state == PENDING:
            raise Refused(f"{task.id} is not asked yet: what it waits for is not done")
        if task.state != RUNNING:
            raise self.refuse(task, "answered: it is not asked now")
        return task, step.action

    async def go(self, command: Command) -> Answer:
        task, gate = self._gate(command)
        open_ = not_green(self.engine.plan, self.engine.state, gate, task.server)
        if open_.red or (open_.skipped and not command.why):
            words = "; ".join([*open_.red, *open_.skipped][:5])
            mend = "Run the proofs again, or say no-go." if open_.red else "Say why it may open all the same (--why), or no-go."
            raise Refused(f"no go at {task.id}: {words}. {mend}")
        self._in_time(gate, task, command)
        if isinstance(gate.approvers, tuple) and command.who not in gate.approvers:
            who = command.who or "nobody"
            raise Refused(f"{task.id} takes the word of {', '.join(gate.approvers)}; you are {who} (--as NAME)")
        gone = [who for who, answer in self.engine.state.gates.get(task.id, []) if answer == "go"]
        if command.who in gone and not no_go(self.engine.state, task.id):
            raise Refused(f"{command.who} has said go already; another person is needed")
        missing = approvals_missing(gate, [*gone, command.who or ""])
        events: list[Event] = [GateAnswered(task.id, "go")]
        if not missing:
            events.append(AttemptEnded(task.id, len(task.attempts), "done"))
        await self.say(command, *events)
        return Answer(f"{task.id}: go" if not missing else f"{task.id}: go noted; still needs {missing}")

    def _in_time(self, gate: Gate, task: Task, command: Command) -> None:
        if gate.by is None or command.why:
            return
        state = self.engine.state
        by = gate.by
        at = clock_time(by, state.opens, state.closes, state.utc_offset) if isinstance(by, str) else by.at(state.started)
        if time.time() > at:
            raise Refused(f"{task.id} made sense until {by}: say why it still does (--why), or no-go")

    async def no_go(self, command: Command) -> Answer:
        task, _ = self._gate(command)
        naysayer = no_go(self.engine.state, task.id)
        if naysayer:
            raise Refused(f"{naysayer} has said no-go at {task.id} already: hold, back out, or go")
        await self.say(command, GateAnswered(task.id, "no-go"))
        return Answer(f"{task.id}: no-go. Nothing new starts in its scope; now hold, or back out")

    async def backout(self, command: Command) -> Answer:
        state = self.engine.state
        passed = no_return_passed(self.engine.plan, state)
        if passed:
            raise Refused(f"the point of no return, {passed}, was passed: there is no backing out")
        if state.backout:
            raise Refused(f"the backout was started already: {state.backout_reason}")
        if not self.engine.plan.backout:
            raise Refused("this plan has no [[backout]] steps; undo single steps, or hold")
        if not command.why:
            raise Refused("a backout needs a reason (--why)")
        waiting = [t for t in state.tasks.values() if t.state == RUNNING and isinstance(self.step(t).action, Gate | Manual)]
        ends = [AttemptEnded(t.id, len(t.attempts), "cancelled", None, "the night is backed out") for t in waiting]
        await self.say(command, *ends, BackoutStarted(command.why))
        return Answer("backing out: the backout steps start; running jobs of the night run to their end")

    # --- servers and the night

    async def hold(self, command: Command) -> Answer:
        target = self._place(command.target)
        if target in self.engine.state.held:
            raise Refused(f"{target or 'everything'} is held already")
        await self.say(command, Held(target))
        return Answer(f"{target or 'everything'} is held: what runs goes on, nothing new starts")

    async def release(self, command: Command) -> Answer:
        target = self._place(command.target)
        if target not in self.engine.state.held:
            raise Refused(f"{target or 'everything'} is not held")
        await self.say(command, Released(target))
        return Answer(f"{target or 'everything'} is released")

    def _place(self, target: str) -> str:
        if target in ("", "all"):
            return ""
        known = target in self.engine.plan.servers or target in self.engine.state.tasks
        if known or target in chart(self.engine.plan).steps:
            return target
        raise Refused(f"no server, step or task {target!r}")

    async def drop(self, command: Command) -> Answer:
        server = command.target
        if server not in self.engine.plan.servers:
            raise Refused(f"no server {server!r} in this plan")
        if dropped(self.engine.state, server):
            raise Refused(f"{server} was dropped already")
        if not command.why:
            raise Refused("dropping a server needs a reason (--why)")
        left_alone = [a for a in self.engine.attempts.values() if a.server == server]
        for attempt in left_alone:
            attempt.abandon()
        here = [t for t in self.engine.state.tasks.values() if t.server == server]
        under_way = [t for t in here if t.state in (RUNNING, UNKNOWN) or undoing(t)]
        left = "its server was dropped; what it started may still run there"
        ends = [AttemptEnded(t.id, len(t.attempts), "cancelled", None, left) for t in under_way]
        await self.say(command, *ends, ServerDropped(server))
        self.engine.fleet.drop(server)
        await self.engine.prompter.leave(server)
        for attempt in left_alone:
            self.engine.background(attempt.tidy())
        return Answer(f"{server} has left the night: {command.why}. Nobody waits for it any longer")

    async def note(self, command: Command) -> Answer:
        text = command.value or command.why
        if not text:
            raise Refused("a note needs its text")
        await self.say(command, NoteAdded(text, command.target))
        return Answer("noted")

    async def ack(self, command: Command) -> Answer:
        await self.say(command, AlarmAcknowledged(command.target))
        return Answer("acknowledged")

    async def answer(self, command: Command) -> Answer:
        """An answer to a prompt. Those that follow from the state are the verbs of the same name."""
        prompt = self.engine.state.prompts.get(command.target)
        if prompt is None:
            raise Refused(f"no open question {command.target!r}: it was answered, or is no longer needed")
        value = command.value
        if value is None:
            raise Refused(f"{command.target} needs an answer" + (f": {', '.join(prompt.choices)}" if prompt.choices else ""))
        if prompt.choices and value not in prompt.choices:
            raise Refused(f"{command.target} takes one of: {', '.join(prompt.choices)}")
        if prompt.kind == "lock" and value == "drop" and prompt.server:
            why = command.why or "it is locked by another session"
            return await self.drop(Command("drop", prompt.server, why, command.who, None, command.peer))
        if self.engine.prompter.waits(prompt.id):
            await self.engine.prompter.answer(prompt.id, value, who=command.who, why=command.why, peer=command.peer)
            return Answer("answered")
        if prompt.kind in ("input", "secret"):
            return await self._input(command, prompt.id.removeprefix("input-"), value)
        verb = VERBS.get(value)
        if verb is None:
            raise Refused(f"nobody waits for {command.target} any longer; the question is asked again if it must be")
        target = prompt.server if value == "hold" else prompt.task
        return await verb(self, Command(value, target or "", command.why, command.who, None, command.peer))

    async def _input(self, command: Command, name: str, value: str) -> Answer:
        secret = self.engine.plan.inputs[name].secret
        shown = None if secret else value
        await self.say(command, PromptAnswered(command.target, shown), InputGiven(name, shown))
        if secret:
            await self.engine.vault.put(name, value)
            await self.engine.prompter.given(name, value)
        return Answer(f"{name} is given")

    async def amend(self, command: Command) -> Answer:
        changes = await amend(self.engine, command.value or "", who=command.who, why=command.why, peer=command.peer)
        return Answer("the plan is amended", {"changes": changes})

    async def stop(self, command: Command) -> Answer:
        self.engine.stop(f"asked by {command.who or 'a person'}")
        return Answer("the engine stops; jobs on servers go on and are found again by `cockpit resume`")


VERBS: dict[str, Verb] = {
    "start": Commands.start, "done": Commands.done, "failed": Commands.failed, "retry": Commands.retry, "skip": Commands.skip,
    "cancel": Commands.cancel, "undo": Commands.undo, "go": Commands.go, "no-go": Commands.no_go, "hold": Commands.hold,
    "release": Commands.release, "answer": Commands.answer, "note": Commands.note, "drop": Commands.drop, "ack": Commands.ack,
    "backout": Commands.backout, "amend": Commands.amend, "stop": Commands.stop,
}
