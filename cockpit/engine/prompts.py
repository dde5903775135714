"""Questions that only a person can answer, asked by whoever waits for the answer. The answer goes to the asker alone.

Questions that follow from the state (gates, failures, manual steps) are not here: `decide` asks those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cockpit.engine.secrets import Vault
from cockpit.journal.events import Event, InputGiven, PromptAnswered, PromptOpened, PromptWithdrawn

Append = Callable[..., Awaitable[Any]]


class Prompter:
    """Open questions by id; the same question is open only once, however many wait for it."""

    def __init__(self, append: Append, vault: Vault) -> None:
        self._append, self._vault = append, vault
        self._open: dict[str, asyncio.Future[str | None]] = {}
        self._kinds: dict[str, tuple[str, bool]] = {}  # id -> (name, secret)
        self._servers: dict[str, str | None] = {}  # id -> who asked first
        self._askers: dict[str, int] = {}  # id -> how many wait for it
        self._closed = False

    async def ask(
        self, kind: str, text: str, *, server: str | None = None, name: str = "", secret: bool = False,
        choices: list[str] | None = None, task: str | None = None, again: bool = False,
    ) -> str | None:
        """The answer, or None when it was withdrawn. `again`: what is remembered was wrong, ask anew."""
        if again:
            self._vault.forget(name)
        known = self._vault.get(name) if secret else None
        if known is not None:
            return known
        identity = "-".join(p for p in (kind, name or server or task or "") if p)
        opened = PromptOpened(identity, kind, text, task, server, list(choices or []), secret)
        future = self._open.get(identity)
        first = future is None
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._open[identity], self._kinds[identity], self._servers[identity] = future, (name, secret), server
            self._askers[identity] = 0
        self._askers[identity] += 1
        try:
            if first:
                await self._append(opened)
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await self._left(identity, future)
            raise

    async def _left(self, identity: str, future: asyncio.Future[str | None]) -> None:
        """Whoever asked waits no longer: the last one takes the question along, or a person would answer to nobody."""
        if self._open.get(identity) is not future:
            return
        self._askers[identity] -= 1
        if not self._askers[identity] and not self._closed:
            self._resolve(identity, None)
            await self._append(PromptWithdrawn(identity, "nobody waits for it any longer"))

    def close(self) -> None:
        """The engine ends: what is asked stays so, and is asked again by the next one."""
        self._closed = True

    def waits(self, identity: str) -> bool:
        return identity in self._open

    async def answer(self, identity: str, value: str, **said: Any) -> None:
        """Journal that it was answered (never a secret's value), then hand the answer over. KeyError: not open."""
        name, secret = self._kinds[identity]
        events: list[Event] = [PromptAnswered(identity, None if secret else value)]
        if secret and name:
            await self._vault.put(name, value)
            events.append(InputGiven(name))
        await self._append(*events, **said)
        self._resolve(identity, value)
        if secret and name:
            await self.given(name, value)

    async def given(self, name: str, value: str) -> None:
        """A secret became known: whoever else asks for it, in other words, has it too."""
        for identity in [i for i, (other, secret) in self._kinds.items() if secret and other == name]:
            await self._append(PromptWithdrawn(identity, "given"))
            self._resolve(identity, value)

    async def leave(self, server: str) -> None:
        """The server has left the night, and its questions with it. Whoever else waits for the same answer asks anew: a
        question that was forgotten while it stays open here would never be asked again."""
        for identity in [i for i, asked in self._servers.items() if asked == server]:
            await self.withdraw(identity, f"{server} was dropped")

    async def withdraw(self, identity: str, why: str) -> None:
        """Whoever asked wants it no longer; its answer is None."""
        if identity in self._open:
            await self._append(PromptWithdrawn(identity, why))
            self._resolve(identity, None)

    def _resolve(self, identity: str, value: str | None) -> None:
        future = self._open.pop(identity, None)
        self._kinds.pop(identity, None)
        self._servers.pop(identity, None)
        self._askers.pop(identity, None)
        if future is not None and not future.done():
            future.set_result(value)
