"""Verbs about the night: notes, alarms, another plan, the engine's own end."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.engine.amend import amend as adopt
from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import AlarmAcknowledged, NoteAdded
from cockpit.state import alarms

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
    if alarms.name_of(command.target) not in _names(desk):
        raise Refused(f"no alarm {command.target!r}: there can be {ALARMS}")
    await desk.say(command, *map(AlarmAcknowledged, _seen(desk, command.target)))
    return Answer("acknowledged")


def _names(desk: Desk) -> set[str]:
    """Of all alarms that this night can have. Whether one is open is not asked: a person may have seen one that has just gone."""
    engine = desk.engine
    return {alarms.LATE, *map(alarms.lost, engine.plan.servers), *map(alarms.stalled, engine.state.tasks)}


def _seen(desk: Desk, alarm: str) -> Iterator[str]:
    """With `late` alone, the lateness is meant that stands now, besides one that has ended."""
    yield alarm
    made = desk.engine.forecasts.made
    if alarm == alarms.LATE and made is not None and made.slack is not None and made.slack < 0:
        yield alarms.occurrence(alarms.LATE, alarms.late_step(-made.slack))


async def amend(desk: Desk, command: Command) -> Answer:
    changes = await adopt(desk.engine, command.value or "", who=command.who, why=command.why, peer=command.peer)
    return Answer("the plan is amended", {"changes": changes})


async def stop(desk: Desk, command: Command) -> Answer:
    desk.engine.stop(f"asked by {command.who or 'a person'}")
    return Answer("the engine stops; jobs on servers go on and are found again by `cockpit resume`")
