"""A full disk in the middle of a decision: the engine can still be stopped."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from cockpit.engine.launch import health
from cockpit.engine.start import run_engine
from cockpit.journal.schema import JournalProblem
from tests.engine.ground import Night, session_of
from tests.journal.test_disk_full import fill, small_disk

__all__ = ["small_disk"]
ROOM = 100_000  # bytes: enough for the engine's pulse, and not for the question
TALK = f"""
[[steps]]
id = "pause"
on = "local"
run = "sleep 2"

[[steps]]
id = "talk"
manual = "{'x' * 300_000}"
"""


async def test_an_engine_whose_decision_waits_for_room_can_be_stopped(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(small_disk))
    session = session_of(tmp_path, TALK)
    running = asyncio.create_task(run_engine(session, {}))
    here = Night(session)
    await here.until(lambda s: "pause@local" in s.tasks and s.tasks["pause@local"].attempts)
    ballast = fill(small_disk)
    os.truncate(ballast, ballast.stat().st_size - ROOM)
    await here.until(lambda s: s.tasks["talk"].attempts)
    async with asyncio.timeout(30):
        while not ((said := await health(session.socket_path)) and said["problem"]):
            pass
    assert (await here.do("stop"))["ok"]
    await asyncio.wait({running}, timeout=15)
    assert running.done() and isinstance(running.exception(), JournalProblem)
