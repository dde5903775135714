"""Bringing up an engine on a session: the lease, the journal, the fold, the fleet. Starting is resuming with an empty journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from cockpit import crash
from cockpit.engine.amend import adoption, targets
from cockpit.engine.contact import Contacts
from cockpit.engine.control import Control
from cockpit.engine.core import Engine
from cockpit.engine.options import Options, known_hosts
from cockpit.engine.secrets import Vault
from cockpit.fleet.api import Contact
from cockpit.fleet.fleet import Fleet
from cockpit.journal.events import SessionStarted
from cockpit.journal.lease import Lease, SessionDir
from cockpit.journal.writer import Writer
from cockpit.plan.model import Plan
from cockpit.plan.reader import loads
from cockpit.state.fold import apply
from cockpit.state.model import State
from cockpit.state.tail import state_of

log = logging.getLogger(__name__)


async def run_engine(session: SessionDir, secrets: Mapping[str, str], *, take_over: bool = False) -> str | None:
    """Own the session until the night has ended or the engine is stopped: the outcome, or None.
    Raises LeaseHeld, JournalProblem."""
    lease = session.acquire(take_over=take_over)
    try:
        writer = Writer.open(session.journal_path)
        try:
            return await _owned(session, writer, secrets, lease)
        finally:
            await writer.close()
    finally:
        lease.release()


async def _owned(session: SessionDir, writer: Writer, secrets: Mapping[str, str], lease: Lease) -> str | None:
    state = state_of(session.journal_path) if writer.seq else State()
    session.adopt(state.plan_seq)
    text = state.plan_text or session.plan_path.read_text()
    plan = loads(text, str(session.plan_path), base=session.files_path)
    options = Options.read(session)
    if not state.plan_text:
        await _first_facts(session, options, plan, writer, state)
    return await _work(session, options, plan, writer, state, Vault(secrets), lease)


async def _first_facts(session: SessionDir, options: Options, plan: Plan, writer: Writer, state: State) -> None:
    started = time.time()
    window = plan.window
    begun = SessionStarted(
        session.id, plan.name, options.mode, window.opens.at(started), window.closes.at(started),
        window.testing.at(started) if window.testing else None, window.utc_offset, dict(options.inputs),
    )
    crash.point("before SessionStarted")
    for fact in await writer.append(begun, adoption(plan, started), who=options.person):
        apply(state, fact)
    crash.point("after SessionStarted")


async def _work(
    session: SessionDir, options: Options, plan: Plan, writer: Writer, state: State, vault: Vault, lease: Lease,
) -> str | None:
    heard: list[Contacts] = []

    def contact(change: Contact) -> None:
        heard[0].changed(change)

    engine: Engine

    async def ask(kind: str, text: str, **about: object) -> str | None:
        return await engine.prompter.ask(kind, text, **about)  # type: ignore[arg-type]

    fleet = Fleet(
        targets(plan), known_hosts=known_hosts(session), session_known_hosts=session.known_hosts_path, ask=ask,
        on_contact=contact, serves=(session.id, writer.epoch) if writer.epoch > 1 else None,
    )
    _believe(state, fleet)
    engine = Engine(session, options.person, plan, writer, state, fleet, vault, lease.held)
    heard.append(Contacts(engine))
    control = Control(engine, session.socket_path)
    await control.open()
    try:
        return await engine.run()
    finally:
        await control.close()


def _believe(state: State, fleet: Fleet) -> None:
    """The engine that journaled an accepted host key may have died before the key was written down; nobody is asked again."""
    for server in state.servers.values():
        if server.accepted_key and server.accepted_place:
            fleet.believe(server.accepted_key, server.accepted_place)
