"""How many handshakes go on at once, and when an address that refused may be tried again. Knows no SSH.

sshd drops connections beyond MaxStartups (10:30:100) and newer ones penalise an address after failed logins: a night's
reconnections must look like one polite person, not like a scan.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PER_ADDRESS = 2
FIRST, GROWTH = 0.5, 1.8  # seconds after the first refusal, and how the wait grows
LONGEST = {"unreachable": 15.0, "auth": 300.0}  # seconds; a rebooting server is found soon, a refusing one is left alone
OTHERWISE = 60.0
LEAST = {"auth": 30.0}  # a failed login counts against us on the server (fail2ban, PerSourcePenalties)


@dataclass(slots=True)
class _Address:
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PER_ADDRESS))
    failures: int = 0
    not_before: float = 0.0  # time.monotonic
    pardoned: asyncio.Event = field(default_factory=asyncio.Event)


class Handshakes:
    """Shared by the whole fleet. An address is (host, port), whoever asks for it."""

    def __init__(self, at_once: int = 8) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._addresses: dict[tuple[str, int], _Address] = {}

    @asynccontextmanager
    async def turn(self, address: tuple[str, int]) -> AsyncIterator[None]:
        """Wait out the address's penalty, then for room; hold it meanwhile."""
        known = self._addresses.setdefault(address, _Address())
        async with known.room:
            await self._wait_out(known)
            async with self._room:
                yield

    async def _wait_out(self, known: _Address) -> None:
        known.pardoned.clear()
        while (left := known.not_before - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await known.pardoned.wait()
            except TimeoutError:
                pass

    def refused(self, address: tuple[str, int], problem: str) -> float:
        """Note a failure of this sort (a `ServerLost` problem); returns the seconds before the next try."""
        known = self._addresses.setdefault(address, _Address())
        wait = min(FIRST * GROWTH**known.failures, LONGEST.get(problem, OTHERWISE))
        wait = max(wait, LEAST.get(problem, 0.0)) * random.uniform(0.7, 1.3)
        known.failures += 1
        known.not_before = time.monotonic() + wait
        return wait

    def welcomed(self, address: tuple[str, int]) -> None:
        known = self._addresses.setdefault(address, _Address())
        known.failures, known.not_before = 0, 0.0

    def pardon(self, address: tuple[str, int]) -> None:
        """A person says: try now."""
        self.welcomed(address)
        self._addresses[address].pardoned.set()
