"""A real engine inside the test's process: real journal, real socket, this machine as `local`; no other server answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from cockpit.engine.options import Options, create_session
from cockpit.engine.start import run_engine
from cockpit.journal.events import Fact
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.journal.records import Stream
from cockpit.plan.reader import load
from cockpit.state.model import State
from cockpit.state.tail import state_of

HEAD = """
[plan]
version = 1
name = "a night"

[window]
opens = "+0s"
closes = "+13h"

"""


def session_of(place: Path, text: str, mode: str = "live") -> SessionDir:
    """A session with this plan; no engine has it yet."""
    plan = place / "night.toml"
    plan.write_text(HEAD + text)
    return create_session(load(plan), Options("maria", mode))


class Night:
    """One engine's session from outside: its socket, and what its journal says."""

    def __init__(self, session: SessionDir) -> None:
        self.session = session

    async def do(self, verb: str, target: str = "", **more: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self.session.socket_path)
        writer.write(json.dumps({"verb": verb, "target": target, "as": "maria", **more}).encode() + b"\n")
        said: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        return said

    @property
    def state(self) -> State:
        return state_of(self.session.journal_path)

    @property
    def facts(self) -> list[Fact]:
        reader = Reader.open(self.session.journal_path)
        found = list(reader.facts(0, limit=5000))
        reader.close()
        return found

    def printed(self, task: str, stream: Stream = "out") -> bytes:
        """What its first attempt printed, or had said of it."""
        reader = Reader.open(self.session.journal_path)
        found = b"".join(reader.attempt_output(task, 1, stream))
        reader.close()
        return found

    async def until(self, what: Callable[[State], object], seconds: float = 30) -> State:
        """The first state of which it holds."""
        async with asyncio.timeout(seconds):
            while not self.session.journal_path.exists() or not what(state := self.state):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return state


@asynccontextmanager
async def night(session: SessionDir, secrets: dict[str, str] | None = None) -> AsyncIterator[Night]:
    """The engine runs while this is open; it is stopped as `cockpit stop` does."""
    there = Night(session)
    before = there.state.epoch if session.journal_path.exists() else 0
    running = asyncio.create_task(run_engine(session, secrets or {}))
    try:
        await there.until(lambda s: s.epoch > before)  # a short night is over before anybody sees its engine running
        yield there
    finally:
        # A night that has ended closes its socket, and is not yet done; who connects at that very moment is never answered.
        with suppress(OSError, TimeoutError):
            if not running.done():
                await asyncio.wait_for(there.do("stop"), 5)
        await asyncio.wait_for(running, 30)
