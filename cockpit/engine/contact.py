"""What the fleet says of its servers, as facts; and the question that a new host key is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.fleet.api import Contact, FleetError
from cockpit.journal.events import HostKeyAccepted, HostKeyOffered, ServerContacted, ServerLost
from cockpit.state.rebuilt import expects_new_key
from cockpit.state.standing import dropped

if TYPE_CHECKING:
    from cockpit.engine.core import Engine


class Contacts:
    """Journals changes of contact, and asks a person about a key that a step was expected to change."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._fenced: set[str] = set()
        self._newest: dict[str, tuple[str | None, ...]] = {}  # what was last journaled, or is on its way there

    def changed(self, contact: Contact) -> None:
        """Called by the fleet, from the loop; journaling goes on behind."""
        self.engine.background(self._journal(contact))

    async def _journal(self, contact: Contact) -> None:
        if dropped(self.engine.state, contact.server):
            return
        if contact.up:
            self._newest[contact.server] = ("up",)
            await self.engine.append(ServerContacted(contact.server, contact.boot_id, dict(contact.facts)))
            await self._withdraw(contact.server, "it shows a key that is believed")
            await self._make_ready(contact.server)
            return
        if self._is_news(contact):
            await self.engine.append(ServerLost(contact.server, contact.problem, contact.text))
        own = contact.offered_key is not None and not contact.hop  # a jump host's key is not this server's rebuild
        if own and expects_new_key(self.engine.plan, self.engine.state, contact.server):
            await self._offered(contact, contact.offered_key or "", contact.offered_fingerprint or "")

    def _is_news(self, lost: Contact) -> bool:
        """Against the newest word, also one that is not durable yet: a contact that comes and goes at once is lost."""
        said, known = ("lost", lost.problem, lost.text), self.engine.state.servers.get(lost.server)
        before = self._newest.get(lost.server, (known.contact, known.problem, known.text) if known else None)
        self._newest[lost.server] = said
        return said != before

    async def _make_ready(self, server: str) -> None:
        """An engine that took over says so on each server, before an older one that wakes up can start anything there.
        The first one opens the control shell, so that the first job need not wait for it; a dry run leaves nothing behind."""
        state = self.engine.state
        if server in self._fenced:
            return
        self._fenced.add(server)
        if state.epoch <= 1 and state.mode == "dry-run":
            return
        try:
            if state.epoch <= 1:
                await self.engine.fleet.remote(server).boot_id()
            elif not await self.engine.fleet.remote(server).serve(state.session, state.epoch):
                self.engine.stop("a newer engine has been on the servers")
        except FleetError:
            self._fenced.discard(server)  # it is said at the next contact
            raise

    async def _offered(self, contact: Contact, key: str, fingerprint: str) -> None:
        server = contact.server
        pinned = self.engine.plan.servers[server].host_key
        if pinned is not None and key.split()[:2] == pinned.split()[:2]:
            await self._accept(contact, key, fingerprint, "pinned")
            return
        known = self.engine.state.servers.get(server)
        if known is not None and known.offered_key == key and self.engine.prompter.waits(f"host-key-{server}"):
            return
        await self._withdraw(server, "another key is shown now")
        await self.engine.append(HostKeyOffered(server, key, fingerprint))
        text = f"{server} was rebuilt and shows a new host key {fingerprint}. Compare it on the server's own console."
        if await self.engine.prompter.ask("host-key", text, server=server, name=server, choices=["accept", "refuse"]) == "accept":
            await self._accept(contact, key, fingerprint, "person")

    async def _withdraw(self, server: str, why: str) -> None:
        """An answer is for the key that was asked about, and for no other."""
        if self.engine.prompter.waits(f"host-key-{server}"):
            await self.engine.prompter.withdraw(f"host-key-{server}", why)

    async def _accept(self, contact: Contact, key: str, fingerprint: str, by: str) -> None:
        await self.engine.append(HostKeyAccepted(contact.server, key, fingerprint, by, contact.place))
        self.engine.fleet.accept_key(contact.server, key, place=contact.place)
