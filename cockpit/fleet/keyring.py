"""The keys with which we log in: files (with passphrases asked for when needed), certificates beside them, the agent.

A decrypted key lives in memory alone. Knows no server but for the words of a prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from cockpit.fleet.answers import Answers
from cockpit.fleet.api import FleetError
from cockpit.fleet.sshconfig import Route

_ENCRYPTED = "Passphrase must be specified"  # asyncssh has one exception for every unreadable key: its text tells them apart


class _Locked(Exception):
    """The key file needs its passphrase."""


@dataclass(slots=True)
class Offer:
    """What may be tried for one login, best first. `locked`: files whose passphrase nobody has given yet."""

    pairs: list[asyncssh.SSHKeyPair] = field(default_factory=list)
    locked: list[Path] = field(default_factory=list)


class Keyring:
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._unlocked: dict[tuple[Path, int], asyncssh.SSHKey] = {}  # by path and mtime: a replaced file is read anew

    @asynccontextmanager
    async def offer(self, server: str, route: Route) -> AsyncIterator[Offer]:
        """The agent's keys work while this is open. FleetError (auth) when the plan's key file is missing or unreadable."""
        agent = await self._agent(route)
        try:
            yield await self._gather(server, route, agent)
        finally:
            if agent is not None:
                agent.close()
                await agent.wait_closed()

    async def unlock(self, server: str, path: Path) -> None:
        """Ask for a file's passphrase until it opens. FleetError (auth) when nobody gives one."""
        name, refused = str(path), None
        while (path, _stamp(path)) not in self._unlocked:
            phrase = await self._answers.get("passphrase", name, f"Passphrase of {path}", server, refused=refused)
            try:
                key = await asyncio.to_thread(asyncssh.read_private_key, path, phrase)
                self._unlocked[path, _stamp(path)] = key
            except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
                refused = phrase

    async def _gather(self, server: str, route: Route, agent: asyncssh.SSHAgentClient | None) -> Offer:
        """Order: the agent's copies of the named files, the files, then the agent's others: sshd ends a login after
        MaxAuthTries (6) keys, and an agent may hold more than that."""
        offer, held = Offer(), await _held(agent)
        for path in route.keys:
            public = _public(path)
            if public is not None and public in held:
                offer.pairs.append(held.pop(public))
                continue
            try:
                key = self._load(server, path, strict=route.strict_keys)
            except _Locked:
                offer.locked.append(path)
                continue
            if key is None:
                continue
            twin = held.pop(key.public_data, None)
            offer.pairs += [twin] if twin else _with_certificate(key, path)
        if not route.only_these_keys:
            offer.pairs += held.values()
        return offer

    def _load(self, server: str, path: Path, *, strict: bool) -> asyncssh.SSHKey | None:
        """None for a file that is missing or no key; when the plan names it (strict) that is an error. _Locked."""
        if unlocked := self._unlocked.get((path, _stamp(path))):
            return unlocked
        try:
            return asyncssh.read_private_key(path)
        except asyncssh.KeyImportError as problem:
            if _ENCRYPTED in str(problem):
                raise _Locked from None
            why = str(problem)
        except OSError as problem:
            why = problem.strerror or str(problem)
        if strict:
            raise FleetError(server, "auth", f"the key {path} can't be used: {why}")
        return None

    async def _agent(self, route: Route) -> asyncssh.SSHAgentClient | None:
        """None when there is none or it is dead: a forwarded agent dies at logout, long before the night is over."""
        if not route.agent:
            return None
        with suppress(OSError, asyncssh.Error):
            return await asyncssh.connect_agent(route.agent)
        return None


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


async def _held(agent: asyncssh.SSHAgentClient | None) -> dict[bytes, asyncssh.SSHKeyPair]:
    if agent is None:
        return {}
    try:
        return {pair.public_data: pair for pair in await agent.get_keys()}
    except ValueError:
        return {}


def _public(path: Path) -> bytes | None:
    """The public half, from `path.pub`: it says whether the agent has a key without opening it."""
    try:
        return asyncssh.read_public_key(path.with_name(path.name + ".pub")).public_data
    except (OSError, ValueError):
        return None


def _with_certificate(key: asyncssh.SSHKey, path: Path) -> Sequence[asyncssh.SSHKeyPair]:
    """Fresh each time: asyncssh notes the signature algorithm that one server wants in the pair itself."""
    try:
        certificate = asyncssh.read_certificate(path.with_name(path.name + "-cert.pub"))
    except (OSError, ValueError):
        return asyncssh.load_keypairs([key])
    return asyncssh.load_keypairs([(key, certificate), key])
