"""A full disk in the middle of a decision: the engine can still be stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.engine.launch import health
from cockpit.engine.start import run_engine
from cockpit.journal.schema import JournalProblem
from tests.engine.ground import Night, session_of
from tests.journal.test_disk_full import fill, small_disk

__all__ = ["small_disk"]
TALK = '\n[[steps]]\nid = "talk"\nmanual = "Call the customer"\n'


async def test_an_engine_that_waits_for_room_can_be_stopped(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(small_disk))
    session = session_of(tmp_path, TALK)
    running = asyncio.create_task(run_engine(session, {}))
    here = Night(session)
    await here.until(lambda s: "manual-talk" in s.prompts)
    fill(small_disk)
    waiting = asyncio.create_task(here.do("done", "talk", why="x" * 500_000))
    async with asyncio.timeout(20):
        while not ((said := await health(session.socket_path)) and said["problem"]):
            pass
    assert not waiting.done()
    assert (await here.do("stop"))["ok"]
    with pytest.raises(JournalProblem):
        await asyncio.wait_for(running, 20)
    waiting.cancel()
