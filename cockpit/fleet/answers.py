"""What people were asked and answered, kept in memory alone. Knows nothing of what the answers open.

The same question is open once, however many servers need it; an answer that was refused is forgotten and never sent twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from cockpit.fleet.api import Ask, FleetError

_PROBLEM = {"sudo": "become"}  # others: auth


class Answers:
    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[str, str] = {}
        self._open: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def known(self, name: str) -> str | None:
        return self._known.get(name)

    async def get(self, kind: str, name: str, text: str, server: str, *, refused: str | None = None) -> str:
        """The remembered answer to `name`, else a person's. `refused`: what was just sent and turned down.

        FleetError when nobody answers, or when the answer is again the refused one: sending it once more would only
        bring the account nearer to being locked."""
        async with self._open[name]:
            value = self._known.get(name)
            if value is not None and value != refused:
                return value
            self._known.pop(name, None)
            self._known[name] = value = await self._new(kind, name, text, server, refused)
            return value

    async def once(self, kind: str, name: str, text: str, server: str) -> str:
        """An answer that is good for one use (a one-time code): asked anew each time, never kept."""
        return await self._new(kind, name, text, server, None, again=True)

    async def _new(self, kind: str, name: str, text: str, server: str, refused: str | None, *, again: bool = False) -> str:
        words = f"{text} (what was given before was refused)" if refused is not None else text
        more = {"again": True} if again or refused is not None else {}
        value = await self._ask(kind, words, server=server, name=name, secret=True, choices=[], **more)
        if value is None or value == refused:
            why = "nobody gave one" if value is None else "the same one was given again"
            raise FleetError(server, _PROBLEM.get(kind, "auth"), f"{text}: {why}")
        return value
