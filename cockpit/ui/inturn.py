"""Keys one at a time: the next is looked at when the one before has done all it does.

Textual hands every key at once to whatever has the focus then. In a burst (fast typing, a paste, a slow link) the letters
after `/` would still go to the pane, and act as commands. Knows keys and the order of messages; refuses to know what keys do.
"""

from __future__ import annotations

import time
from collections import deque

from textual import events
from textual.app import App
from textual.message import Message

GIVE_UP = 1.0  # seconds after which a key counts as done, though what had it is gone
MOST = 200  # keys kept waiting; a person does not type more


class Landed(Message):
    """Follows a key through the same queues: when it reaches the app, the key has been handled."""


class InTurn(App[str]):
    """`takes(event)` is overridden to say whether a key is let in, asked when its turn comes."""

    def __init__(self, *, css_path: list[str], ansi_color: bool | None) -> None:
        super().__init__(css_path=list(css_path), ansi_color=ansi_color)
        self._on_its_way: float | None = None  # since when a key is being handled
        self._keys: deque[events.Key] = deque(maxlen=MOST)

    def takes(self, event: events.Key) -> bool:
        return True

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._keys.append(event)
        if self._on_its_way is None or time.monotonic() - self._on_its_way > GIVE_UP:
            await self._next_key()

    async def on_landed(self) -> None:
        await self._next_key()

    async def _next_key(self) -> None:
        self._on_its_way = None
        while self._keys and self._on_its_way is None:
            event = self._keys.popleft()
            if not self.takes(event):
                continue
            target = self.focused or self.screen
            await super().on_event(event)
            if event.is_forwarded:
                self._on_its_way = time.monotonic()
                target.post_message(Landed())
