"""Verbs about a server, or everything: hold, release, drop."""

from __future__ import annotations

from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused
from cockpit.journal.events import AttemptEnded, Held, Released, ServerDropped
from cockpit.plan.problems import nearest
from cockpit.state.model import RUNNING, UNKNOWN
from cockpit.state.standing import dropped, leads_to, undoing


async def hold(desk: Desk, command: Command) -> Answer:
    target = desk.place(command.target)
    if target in desk.engine.state.held:
        by = desk.first(lambda event: isinstance(event, Held) and event.target == target)
        raise Refused(f"{target or 'everything'} is held already{by}")
    await desk.say(command, Held(target))
    return Answer(f"{target or 'everything'} is held: what runs goes on, nothing new starts")


async def release(desk: Desk, command: Command) -> Answer:
    target = desk.place(command.target)
    if target not in desk.engine.state.held:
        by = desk.first(lambda event: isinstance(event, Released) and event.target == target)
        raise Refused(f"{target or 'everything'} is not held" + (f": it was released{by}" if by else ""))
    await desk.say(command, Released(target))
    rest = ", ".join(each or "everything" for each in desk.engine.state.held)
    return Answer(f"{target or 'everything'} is released" + f"; still held: {rest}" * bool(rest))


async def drop(desk: Desk, command: Command) -> Answer:
    server = command.target
    if server not in desk.engine.plan.servers:
        raise Refused(f"no server {server!r} in this plan; {nearest(server, desk.engine.plan.servers)}")
    if dropped(desk.engine.state, server):
        by = desk.first(lambda event: isinstance(event, ServerDropped) and event.server == server)
        raise Refused(f"{server} was dropped already{by}")
    if not command.why:
        raise Refused("dropping a server needs a reason (--why)")
    left_alone = [a for a in desk.engine.attempts.values() if a.server == server]
    for attempt in left_alone:
        attempt.abandon()
    here = [t for t in desk.engine.state.tasks.values() if t.server == server]
    under_way = [t for t in here if t.state in (RUNNING, UNKNOWN) or undoing(t)]
    left = "its server was dropped; what it started may still run there"
    ends = [AttemptEnded(t.id, len(t.attempts), "cancelled", None, left) for t in under_way]
    await desk.say(command, *ends, ServerDropped(server))
    desk.engine.fleet.drop(server)
    await desk.engine.prompter.leave(server)
    for attempt in left_alone:
        desk.engine.background(attempt.tidy())
    behind = leads_to(desk.engine.plan, desk.engine.state, server)
    way = f"; its connection stays, as the way to {', '.join(behind)}" if behind else ""
    return Answer(f"{server} has left the night: {command.why}. Nobody waits for it any longer{way}")
