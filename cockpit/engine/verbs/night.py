"""Verbs about the night: notes, alarms, another plan, the engine's own end."""

from __future__ import annotations

from cockpit.engine.amend import amend as adopt
from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import AlarmAcknowledged, NoteAdded


async def note(desk: Desk, command: Command) -> Answer:
    text = command.value or command.why
    if not text:
        raise Refused("a note needs its text")
    await desk.say(command, NoteAdded(text, command.target))
    return Answer("noted")


async def ack(desk: Desk, command: Command) -> Answer:
    if not command.target:
        raise Refused("say what you have seen, as `cockpit status` names it: lost:SERVER, stalled:STEP@SERVER, late")
    await desk.say(command, AlarmAcknowledged(command.target))
    return Answer("acknowledged")


async def amend(desk: Desk, command: Command) -> Answer:
    changes = await adopt(desk.engine, command.value or "", who=command.who, why=command.why, peer=command.peer)
    return Answer("the plan is amended", {"changes": changes})


async def stop(desk: Desk, command: Command) -> Answer:
    desk.engine.stop(f"asked by {command.who or 'a person'}")
    return Answer("the engine stops; jobs on servers go on and are found again by `cockpit resume`")
