"""The lock that a session leaves on a server before its first change there. Another session's lock is for a person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cockpit import crash
from cockpit.fleet.api import FleetError

if TYPE_CHECKING:
    from cockpit.engine.core import Engine


class Claims:
    """Which servers this engine has claimed; one claim at a time per server, however many steps want it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._held: set[str] = set()
        self._asking: dict[str, asyncio.Lock] = {}

    async def ensure(self, server: str) -> None:
        """Returns once the lock is ours. FleetError(locked) when a person said that it stays the other's."""
        if server in self._held:
            return
        async with self._asking.setdefault(server, asyncio.Lock()):
            if server not in self._held:
                await self._claim(server)
                self._held.add(server)

    async def _claim(self, server: str) -> None:
        remote = self.engine.fleet.remote(server)
        session, who = self.engine.state.session, self.engine.person
        crash.point("before claim")
        other = await remote.claim(session, who)
        crash.point("after claim")
        if other is None:
            return
        answer = await self.engine.prompter.ask(
            "lock", f"{server} is locked by another session: {other}. Take it over only if that night is really over.",
            server=server, choices=["take", "drop"],
        )
        if answer != "take":
            raise FleetError(server, "other", f"it belongs to another session: {other}")
        await remote.claim(session, who, force=True)

    async def release(self) -> None:
        """At the end of the night, also what an earlier engine of this session claimed; a server that cannot be reached
        keeps its lock, and the next session asks."""
        up = [name for name, server in self.engine.state.servers.items() if server.contact == "up"]
        await asyncio.gather(*(self._release(name) for name in up if name in self.engine.plan.servers))

    async def _release(self, server: str) -> None:
        try:
            await asyncio.wait_for(self.engine.fleet.remote(server).release_claim(self.engine.state.session), 10)
        except (FleetError, TimeoutError):
            pass
