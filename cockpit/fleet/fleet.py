"""All servers of a night: contact to each, kept up for ever with backoff, and told when it changes. Knows no plan and no job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cockpit.fleet.answers import Answers
from cockpit.fleet.api import Ask, Contact, FleetError, Remote, Target
from cockpit.fleet.dial import Services
from cockpit.fleet.handshakes import Handshakes
from cockpit.fleet.hostkeys import HostKeys
from cockpit.fleet.keyring import Keyring
from cockpit.fleet.local import LOCAL, LocalRemote
from cockpit.fleet.server import Server, ServerHost
from cockpit.fleet.sshconfig import default_config

OnContact = Callable[[Contact], None]


def _unsaid(contact: Contact) -> None:
    """A jump host of ssh_config is no server of the night: what is wrong with it is said by the servers behind it."""


class Fleet:
    """`start`, then `remote(name)`. `on_contact` is called from the loop at every change of a server's contact."""

    def __init__(
        self, targets: Sequence[Target], *, known_hosts: Sequence[Path], session_known_hosts: Path | None, ask: Ask,
        on_contact: OnContact, max_handshakes: int = 8, ssh_config: Sequence[Path] | None = None,
        keepalive: float = 10.0, keepalive_count: int = 3, serves: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        """known_hosts: read in this order; an earlier file wins. session_known_hosts: what is accepted tonight is written
        there, and wins over all. ssh_config: None for the person's and the machine's. keepalive: seconds. serves: session and
        epoch of the engine that replaced another; servers are told before anything is looked at there."""
        answers = Answers(ask)
        self._services = Services(
            answers, Keyring(answers), HostKeys(known_hosts, session_known_hosts), Handshakes(max_handshakes),
            default_config() if ssh_config is None else list(ssh_config), keepalive, keepalive_count,
        )  # fmt: skip
        self._host = ServerHost(self._services, self._find, on_contact, self._leads, serves)
        self._servers: dict[str, Server] = {}
        self._jumps: dict[str, Server] = {}
        self._local = LocalRemote(serves=serves)
        self._started = False
        self.update(targets)

    def remote(self, name: str) -> Remote:
        """KeyError for a server that the fleet has not."""
        return self._local if name == LOCAL else self._servers[name].remote

    async def start(self) -> None:
        """Begin to contact every server; returns at once."""
        self._started = True
        for server in self._servers.values():
            server.watch()

    def update(self, targets: Sequence[Target]) -> None:
        """An amended plan: new servers are contacted, gone ones let go, changed ones dialled anew."""
        new = {target.name: target for target in targets}
        for name, server in list(self._servers.items()):
            if new.get(name) != server.target:
                self._servers.pop(name).let_go()
        for name, target in new.items():
            if name not in self._servers:
                self._servers[name] = Server(target, self._host)
                if self._started:
                    self._servers[name].watch()

    async def wait_contact(self, name: str) -> None:
        """Returns when the server is in contact. FleetError when it was dropped or the fleet closed."""
        while name != LOCAL:
            server = self._servers[name]
            try:
                return await server.wait_up()
            except FleetError:
                if self._servers.get(name, server) is server:  # else an amended plan made it anew: that one is waited for
                    raise

    def drop(self, name: str) -> None:
        """Leave it alone from now on: its connections end, nobody dials it, but for those to whom it is the way (`via`) and
        who are still of the night. `retry` takes it back."""
        self._servers[name].drop()
        for server in self._servers.values():  # also of a jump host that was dropped before, and led to this one alone
            server.hang_up()

    def retry(self, name: str) -> None:
        """Dial now, whatever its backoff says. Where that fails, it is said again, also when nothing is new."""
        self._servers[name].retry()

    def accept_key(self, name: str, key: str, reason: str = "", *, place: str | None = None) -> None:
        """This key is from now on that of `place` (as known_hosts calls it): written to the session's known_hosts in place
        of the old one, and dialled at once. place None: of whoever on the way to `name` offered it, else of `name` itself."""
        self._servers[name].accept_key(key, place)

    def believe(self, key: str, place: str) -> None:
        """What was accepted earlier in this session stands in its known_hosts, as `accept_key` writes it. Nobody is dialled."""
        self._services.host_keys.accept(place, key)

    def heard(self, name: str) -> float | None:
        """UTC epoch seconds of the last sign of life; None when there was none."""
        return time.time() if name == LOCAL else self._servers[name].heard()

    def latency(self, name: str) -> float | None:
        """Seconds for a round trip, as the kernel measures it; None where it isn't known (jump hosts, no contact)."""
        return 0.0 if name == LOCAL else self._servers[name].latency()

    async def close(self) -> None:
        everyone = [*self._servers.values(), *self._jumps.values()]
        await asyncio.gather(self._local.close(), *(server.close() for server in everyone))

    def _leads(self, name: str) -> bool:
        """Whether one that was not dropped is reached through it, at first or any hand."""
        behind = [server for server in self._servers.values() if server.target.via == name]
        return any(not server.dropped or self._leads(server.target.name) for server in behind)

    def _find(self, name: str, target: Target | None) -> Server:
        """A server of the plan (`via`), or (`target`) a jump host that only ssh_config knows; those are shared too."""
        if target is not None:
            if name not in self._jumps:
                self._jumps[name] = Server(target, replace(self._host, on_contact=_unsaid))
            return self._jumps[name]
        server = self._jumps.get(name) or self._servers.get(name)
        if server is None:
            raise FleetError(name, "other", f"there is no server {name} to go through")
        return server

    def server(self, name: str) -> Server:
        """For `trust`: the server itself. KeyError."""
        return self._servers[name]
