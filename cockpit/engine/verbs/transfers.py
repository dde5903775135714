"""Verbs about the pace of the night's transfers: the limit, a pause, who goes first."""

from __future__ import annotations

from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import LimitChanged, TransferFronted, TransferPaused, TransferResumed
from cockpit.state.model import DONE, PENDING, RUNNING, SKIPPED, UNKNOWN, Task
from cockpit.state.pace import limit as in_force
from cockpit.units import format_rate, parse_rate


async def limit(desk: Desk, command: Command) -> Answer:
    """The value stands as `value`, or in the place of a target: `limit 300Mbit/s`."""
    said = (command.value or command.target).strip()
    if not said:
        raise Refused("a limit needs its value: a rate for all transfers together, as 300Mbit/s, or none for the plan's own")
    try:
        rate = None if said == "none" else parse_rate(said)
    except ValueError as error:
        raise Refused(f"{error}; none is the plan's own limit; to stop a transfer, pause it") from None
    if rate == desk.engine.state.limit:
        raise Refused(f"that is the limit already{_by(desk.engine.state.limit_by)}")
    if rate is not None and rate < 1:
        raise Refused("a limit is at least 1 byte per second: to stop a transfer, pause it")
    await desk.say(command, LimitChanged(rate))
    now = in_force(desk.engine.plan, desk.engine.state)
    words = format_rate(now) if now is not None else "no limit"
    return Answer(f"all transfers together: {words}" + (" (the plan's)" if rate is None else "") + ", within a minute")


async def pause(desk: Desk, command: Command) -> Answer:
    task = _transfer(desk, command)
    if task.id in desk.engine.state.paused:
        raise Refused(f"{task.id} is paused already{_by(desk.engine.state.paused[task.id])}")
    if task.cancel_asked:
        raise Refused(f"{task.id} is being cancelled")
    await desk.say(command, TransferPaused(task.id))
    begun = task.state != PENDING
    return Answer(f"{task.id} is paused: " + ("it stands still within a minute, and its turn is another's" if begun
                  else "it does not start until somebody unpauses it"))  # fmt: skip


async def unpause(desk: Desk, command: Command) -> Answer:
    task = _transfer(desk, command)
    if task.id not in desk.engine.state.paused:
        raise Refused(f"{task.id} is not paused")
    await desk.say(command, TransferResumed(task.id))
    return Answer(f"{task.id} goes on")


async def front(desk: Desk, command: Command) -> Answer:
    task = _transfer(desk, command)
    begun = task.state in (RUNNING, UNKNOWN)
    if not begun and task.state != PENDING:
        raise Refused(f"{task.id} has {task.state}: nothing of it moves or waits")
    if begun and task.id in desk.engine.state.paused:
        raise Refused(f"{task.id} is paused{_by(desk.engine.state.paused[task.id])}: unpause it first")
    if desk.engine.state.fronted[:1] == [task.id]:
        raise Refused(f"{task.id} is the first already")
    await desk.say(command, TransferFronted(task.id))
    if begun:
        rate = in_force(desk.engine.plan, desk.engine.state)
        words = f"the larger part of {format_rate(rate)}, within a minute" if rate is not None else (
            "no limit is in force, and all go as fast as they can: it has the larger part of one as soon as there is one")
        return Answer(f"{task.id} goes before the others that run: {words}")
    return Answer(f"{task.id} is the next transfer that starts, once nothing else is in its way")


def _transfer(desk: Desk, command: Command) -> Task:
    task = desk.task(command)
    if desk.step(task).kind != "copy":
        raise Refused(f"{task.id} is a {desk.step(task).kind}, not a transfer: hold keeps it from starting")
    if task.state in (DONE, SKIPPED):
        raise desk.refuse(task, f"{command.verb}d" if command.verb.endswith("e") else "moved to the front")
    return task


def _by(who: str | None) -> str:
    return f", by {who}" if who else ""
