"""Changes of contact on their way into the journal, while it is slow."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from cockpit.engine.contact import Contacts
from cockpit.fleet.api import Contact, Lost
from cockpit.journal.events import Event, Fact, ServerContacted, ServerLost
from cockpit.state.fold import apply
from cockpit.state.model import State

LOST = Contact("fs01", False, "unreachable", "the connection to fs01 broke")


class Slow:
    """An engine as far as `Contacts` knows one: what is appended is folded a few rounds of the loop later."""

    def __init__(self) -> None:
        self.state = State(epoch=2, session="s")
        self.tasks: list[asyncio.Task[Any]] = []
        self.stopped: list[str] = []
        self.stop = self.stopped.append
        self.served: list[Any] = []
        self.fleet = SimpleNamespace(remote=lambda name: self)
        self.prompter = SimpleNamespace(waits=lambda identity: False)

    def background(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def append(self, event: Event) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        apply(self.state, Fact(self.state.seq + 1, 1.0, event))

    async def serve(self, session: str, epoch: int) -> bool:
        self.served.append((session, epoch))
        if len(self.served) == 1:
            raise Lost("fs01", "contact was lost")
        return True

    async def over(self) -> None:
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_a_contact_that_comes_and_goes_at_once_is_lost() -> None:
    engine = Slow()
    for event in (ServerContacted("fs01"), ServerLost("fs01", LOST.problem, LOST.text)):
        await engine.append(event)
    contacts = Contacts(engine)  # type: ignore[arg-type]
    contacts.changed(Contact("fs01", True))
    contacts.changed(LOST)
    await engine.over()
    assert engine.state.servers["fs01"].contact == "lost"
    before = engine.state.seq
    contacts.changed(LOST)
    await engine.over()
    assert engine.state.seq == before, "said once"


async def test_the_epoch_is_said_again_where_contact_broke_over_it() -> None:
    engine = Slow()
    contacts = Contacts(engine)  # type: ignore[arg-type]
    for change in (Contact("fs01", True), LOST, Contact("fs01", True), LOST, Contact("fs01", True)):
        contacts.changed(change)
        await engine.over()
    assert engine.served == [("s", 2), ("s", 2)] and not engine.stopped
