"""Verbs about the night: notes, alarms, another plan, the engine's own end."""

from __future__ import annotations

import re

from cockpit.engine.amend import amend as adopt
from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import AlarmAcknowledged, NoteAdded

ALARMS = "lost:SERVER, stalled:STEP@SERVER, late; `cockpit status` lists the ids of those that are open"


async def note(desk: Desk, command: Command) -> Answer:
    text = command.value or command.why
    if not text:
        raise Refused("a note needs its text (--value)")
    await desk.say(command, NoteAdded(text, desk.place(command.target)))
    return Answer("noted")


async def ack(desk: Desk, command: Command) -> Answer:
    if not command.target:
        raise Refused(f"say what you have seen: {ALARMS}")
    if not _alarm(desk, command.target):
        raise Refused(f"no alarm {command.target!r}: there can be {ALARMS}")
    await desk.say(command, AlarmAcknowledged(command.target))
    return Answer("acknowledged")


def _alarm(desk: Desk, key: str) -> bool:
    """Whether this can be an alarm of this night. Whether it is open is not asked: a person may have seen one that has just
    gone. What may follow its name tells its occurrences apart."""
    kind, _, about = key.partition(":")
    names = {"lost": desk.engine.plan.servers, "stalled": desk.engine.state.tasks}.get(kind)
    if names is None:
        return re.split("[@#]", key)[0] == "late"
    return any(about.startswith(name) and about[len(name) : len(name) + 1] in ("", "@", "#") for name in names)


async def amend(desk: Desk, command: Command) -> Answer:
    changes = await adopt(desk.engine, command.value or "", who=command.who, why=command.why, peer=command.peer)
    return Answer("the plan is amended", {"changes": changes})


async def stop(desk: Desk, command: Command) -> Answer:
    desk.engine.stop(f"asked by {command.who or 'a person'}")
    return Answer("the engine stops; jobs on servers go on and are found again by `cockpit resume`")
