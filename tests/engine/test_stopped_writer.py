"""A take-over from an engine that stands still in the middle of a write: who it is and what to do about it, in words."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.engine.launch import EngineFailed, start_engine
from cockpit.journal.lease import SessionDir
from tests.engine.ground import Night, session_of

STEP = '[[steps]]\nid = "here"\non = "local"\nrun = "true"\n'

WRITER = """
import os, pathlib, signal, sys
from cockpit.journal.lease import SessionDir
from cockpit.journal.store import Store
session = SessionDir(pathlib.Path(sys.argv[1]))
lease = session.acquire()
store = Store.open(session.journal_path)
store._db.execute("BEGIN IMMEDIATE")
os.kill(os.getpid(), signal.SIGSTOP)
"""


def stopped_writer(session: SessionDir) -> subprocess.Popen[bytes]:
    """Holds the lease and the journal's write lock, and stands still."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(session.path)])
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return process


async def test_a_take_over_from_an_engine_that_stands_still_in_a_write(tmp_path: Path) -> None:
    session = session_of(tmp_path, STEP)
    stuck = stopped_writer(session)
    try:
        with pytest.raises(EngineFailed) as told:
            await asyncio.to_thread(start_engine, session, {}, take_over=True)
        words = str(told.value)
        assert f"process {stuck.pid}" in words and f"kill -9 {stuck.pid}" in words and "cockpit resume" in words, words
        assert "locked" not in words and "Problem" not in words and "\n" not in words, words
    finally:
        os.kill(stuck.pid, signal.SIGKILL)
        stuck.wait()
    await asyncio.to_thread(start_engine, session, {})
    await Night(session).until(lambda s: s.outcome == "done")
