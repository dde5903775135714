"""Verbs about one task: whether it may be started, said done, retried, skipped, cancelled or undone now."""

from __future__ import annotations

from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import (
    AlarmAcknowledged,
    CancelAsked,
    RetryAsked,
    StartAsked,
    TaskMarkedDone,
    TaskMarkedFailed,
    TaskSkipped,
    UndoAsked,
)
from cockpit.plan.model import Gate, Manual
from cockpit.state.again import stands, why_not_again
from cockpit.state.model import CANCELLED, DONE, FAILED, PENDING, RUNNING, SKIPPED, UNKNOWN
from cockpit.state.standing import dropped, kept, undo_failed, undoing


async def start(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if task.state != PENDING or task.start_asked:
        raise desk.refuse(task, "started")
    if desk.step(task).start != "manual":
        raise Refused(f"{task.id} starts by itself when its turn comes")
    await desk.say(command, StartAsked(task.id))
    return Answer(f"{task.id} starts as soon as nothing else is in its way")


async def done(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if task.state == UNKNOWN or (task.state == RUNNING and isinstance(desk.step(task).action, Manual)):
        desk.let_go(task)
        await desk.say(command, TaskMarkedDone(task.id))
    else:
        raise desk.refuse(task, "marked done: only a manual step that waits, or an unknown outcome, can be")
    return Answer(f"{task.id} is done")


async def failed(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if task.state != UNKNOWN:
        raise desk.refuse(task, "marked failed: only an unknown outcome can be")
    desk.let_go(task)
    await desk.say(command, TaskMarkedFailed(task.id))
    return Answer(f"{task.id} is failed")


async def retry(desk: Desk, command: Command) -> Answer:
    if command.target in desk.engine.plan.servers and command.target not in desk.engine.state.tasks:
        if dropped(desk.engine.state, command.target):
            raise Refused(f"{command.target} was dropped from this night")
        desk.engine.fleet.retry(command.target)
        return Answer(f"{command.target} is tried again now")
    task = desk.task(command)
    if stands(desk.engine.state, task):
        raise desk.refuse(task, "retried")
    if (why_not := why_not_again(desk.engine.state, task)) is not None:
        raise Refused(why_not)
    if task.state == UNKNOWN and task.id in desk.engine.attempts:
        raise Refused(f"{task.id} is still being asked about: wait, or say done or failed if you know")
    half_undone = undo_failed(desk.engine.state, task) is not None
    if desk.step(task).once and (task.state == UNKNOWN or half_undone) and not command.why:
        raise Refused(f"{task.id} must not run twice and may have run: say why it is safe (--why)")
    await desk.say(command, RetryAsked(task.id))
    return Answer(f"{task.id} runs again")


async def skip(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if task.state in (DONE, SKIPPED):
        raise desk.refuse(task, "skipped")
    if task.state == RUNNING and not isinstance(desk.step(task).action, Manual):
        raise Refused(f"{task.id} is running: cancel it first, or answer its gate")
    if isinstance(desk.step(task).action, Gate):
        raise Refused(f"{task.id} is a gate: it takes go or no-go, it cannot be skipped")
    if not command.why:
        raise Refused("a skip needs a reason (--why)")
    desk.let_go(task)
    await desk.say(command, TaskSkipped(task.id, False, command.why))
    return Answer(f"{task.id} is skipped: {command.why}")


async def cancel(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if task.state not in (RUNNING, UNKNOWN) and not undoing(task):
        raise desk.refuse(task, "cancelled")
    if not undoing(task) and isinstance(desk.step(task).action, Gate | Manual):
        raise Refused(f"{task.id} waits for a person; there is nothing to cancel")
    if task.cancel_asked:
        raise Refused(f"{task.id} is being cancelled already")
    attempt = desk.engine.attempts.get(task.id)
    if attempt is None:
        raise Refused(f"nothing of {task.id} is known to run: say done, failed or retry")
    await desk.say(command, CancelAsked(task.id))
    attempt.cancel()
    return Answer(f"{task.id}: its process group is being ended")


async def undo(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if not desk.step(task).undo:
        raise Refused(f"the plan has no undo for {task.step}")
    if task.state not in (DONE, FAILED, CANCELLED) or task.undo_asked or undoing(task):
        raise desk.refuse(task, "undone")
    if dropped(desk.engine.state, task.server):
        raise Refused(f"{task.server} was dropped from this night")
    await desk.say(command, UndoAsked(task.id))
    return Answer(f"{task.id} is being undone")


async def keep(desk: Desk, command: Command) -> Answer:
    task = desk.task(command)
    if undo_failed(desk.engine.state, task) is None:
        raise desk.refuse(task, "kept: only what a failed undo left half undone can be")
    await desk.say(command, AlarmAcknowledged(kept(task)))
    return Answer(f"{task.id} counts as done, as its undo left it")
