"""Whether the engine lives: asked over its socket and looked up among the processes, since a dead one journals nothing.

Knows the health command; refuses to know the night. In replay there is no pulse, and nothing to ask.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time

from cockpit.state.model import State
from cockpit.ui.commander import Commander
from cockpit.views.model import Engine

EVERY = 2.0  # seconds between two questions
PATIENCE = 5.0  # seconds without an answer before the screen says so


class Pulse:
    """`engine(state)` is what row 1 shows; `beat()` asks for ever until it is cancelled."""

    def __init__(self, commander: Commander) -> None:
        self._commander = commander
        self._answered = time.monotonic()
        self._problem: str | None = None
        self._lag: float | None = None
        self._refused: str | None = None

    async def beat(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(EVERY)

    async def ask(self) -> None:
        """One question. Remembers when the last answer came and what it said."""
        reply = await self._commander.send("health", within=PATIENCE)
        if not reply.ok:
            self._refused = reply.text
            return
        self._answered, self._refused = time.monotonic(), None
        self._problem = reply.data.get("problem")
        lag = reply.data.get("lag_p99_ms")
        self._lag = lag / 1000 if isinstance(lag, int | float) else None

    def engine(self, state: State) -> Engine:
        """The engine as far as the socket and the process table say now."""
        if state.outcome is not None and not state.engine_running:
            return Engine(alive=None)
        silent = time.monotonic() - self._answered
        if self._refused is None and silent < PATIENCE + EVERY:
            return Engine(True, self._problem, self._lag)
        if not _process_lives(state):
            words = "stopped" if not state.engine_running else "died"
            return Engine(False, f"the engine {words}: `cockpit resume` goes on, jobs on servers run on")
        return Engine(True, f"the engine has not answered for {silent:.0f} s")


def _process_lives(state: State) -> bool:
    """Whether the engine's process exists. On another machine it can't be seen: then only the socket counts."""
    if not state.engine_running or state.engine_pid is None or state.engine_host not in (None, socket.gethostname()):
        return False
    import psutil  # here: asked only of an engine that is silent, and nobody waits for it when a screen opens

    if state.engine_pid == os.getpid():
        return True
    try:
        return psutil.Process(state.engine_pid).status() != psutil.STATUS_ZOMBIE  # dead, though its parent has not looked yet
    except psutil.Error:
        return False
