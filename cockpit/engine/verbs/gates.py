"""Verbs at a gate, and the way back."""

from __future__ import annotations

import time

from cockpit.decide import approvals_missing
from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import AttemptEnded, BackoutStarted, Event, GateAnswered
from cockpit.plan.model import Gate, Manual
from cockpit.state.green import go_by, not_green
from cockpit.state.model import PENDING, RUNNING, Task
from cockpit.state.standing import no_go as naysayer_at
from cockpit.state.standing import no_return_passed
from cockpit.units import clock_day


def _gate(desk: Desk, command: Command) -> tuple[Task, Gate]:
    task = desk.task(command)
    step = desk.step(task)
    if not isinstance(step.action, Gate):
        raise Refused(f"{task.id} is a {step.kind}, not a gate")
    if task.state == PENDING:
        raise Refused(f"{task.id} is not asked yet: what it waits for is not done")
    if task.state != RUNNING:
        raise desk.refuse(task, "answered: it is not asked now")
    return task, step.action


async def go(desk: Desk, command: Command) -> Answer:
    task, gate = _gate(desk, command)
    open_ = not_green(desk.engine.plan, desk.engine.state, gate, task.server)
    red = [] if desk.engine.state.dry else open_.red
    if red or (open_.skipped and not command.why):
        words = "; ".join([*red, *open_.skipped][:5])
        mend = "Run the proofs again, or say no-go." if red else "Say why it may open all the same (--why), or no-go."
        raise Refused(f"no go at {task.id}: {words}. {mend}")
    _in_time(desk, gate, task, command)
    if isinstance(gate.approvers, tuple) and command.who not in gate.approvers:
        who = command.who or "nobody"
        raise Refused(f"{task.id} takes the word of {', '.join(gate.approvers)}; you are {who} (--as NAME)")
    gone = [who for who, answer in desk.engine.state.gates.get(task.id, []) if answer == "go"]
    if command.who in gone and not naysayer_at(desk.engine.state, task.id):
        raise Refused(f"{command.who} has said go already; another person is needed")
    missing = approvals_missing(gate, [*gone, command.who or ""])
    events: list[Event] = [GateAnswered(task.id, "go")]
    if not missing:
        events.append(AttemptEnded(task.id, len(task.attempts), "done"))
    await desk.say(command, *events)
    return Answer(f"{task.id}: go" if not missing else f"{task.id}: go noted; still needs {missing}")


def _in_time(desk: Desk, gate: Gate, task: Task, command: Command) -> None:
    by, now = go_by(gate, desk.engine.state), time.time()
    if by is not None and now > by and not command.why:
        until = clock_day(by, now, desk.engine.state.utc_offset)
        raise Refused(f"{task.id} made sense until {until}: say why it still does (--why), or no-go")


async def no_go(desk: Desk, command: Command) -> Answer:
    task, _ = _gate(desk, command)
    naysayer = naysayer_at(desk.engine.state, task.id)
    if naysayer:
        raise Refused(f"{naysayer} has said no-go at {task.id} already: hold, back out, or go")
    await desk.say(command, GateAnswered(task.id, "no-go"))
    return Answer(f"{task.id}: no-go. Nothing new starts in its scope; now hold, or back out")


async def backout(desk: Desk, command: Command) -> Answer:
    state = desk.engine.state
    passed = no_return_passed(desk.engine.plan, state)
    if passed:
        raise Refused(f"the point of no return, {passed}, was passed: there is no backing out")
    if state.backout:
        by = desk.first(lambda event: isinstance(event, BackoutStarted))
        raise Refused(f"the backout was started already{by}: {state.backout_reason}")
    if not desk.engine.plan.backout:
        raise Refused("this plan has no [[backout]] steps; undo single steps, or hold")
    if not command.why:
        raise Refused("a backout needs a reason (--why)")
    waiting = [t for t in state.tasks.values() if t.state == RUNNING and isinstance(desk.step(t).action, Gate | Manual)]
    ends = [AttemptEnded(t.id, len(t.attempts), "cancelled", None, "the night is backed out") for t in waiting]
    await desk.say(command, *ends, BackoutStarted(command.why))
    return Answer("backing out: the backout steps start; running jobs of the night run to their end")
