"""Exactly one engine owns a session: the lease, its loss with the process, the take-over, and the fence in the journal."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from cockpit.journal import events as e
from cockpit.journal.lease import LeaseHeld, SessionDir
from cockpit.journal.reader import Reader
from cockpit.journal.writer import Fenced, Output, Sample, Writer

HOLDER = """
import sys, time
from pathlib import Path
from cockpit.journal.lease import SessionDir
lease = SessionDir(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def session(tmp_path):
    return SessionDir.create("One night", "plan", root=tmp_path)


@pytest.fixture
async def other(session):
    """An engine in another process that holds the lease."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(session.path), stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert await process.stdout.readline() == b"held\n"
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_a_second_engine_is_refused_and_told_who_holds_it(session, other):
    with pytest.raises(LeaseHeld) as refused:
        session.acquire()
    assert refused.value.holder["pid"] == other.pid
    assert f"process {other.pid}" in str(refused.value) and f"cockpit attach {session.id}" in str(refused.value)
    assert session.running() and session.holder()["pid"] == other.pid


async def test_a_killed_engine_leaves_the_session_free(session, other):
    other.send_signal(signal.SIGKILL)
    await other.wait()
    assert not session.running()
    lease = session.acquire()
    assert lease.held() and session.running()
    lease.release()
    assert not session.running()


async def test_a_stopped_engine_can_be_taken_over(session, other):
    other.send_signal(signal.SIGSTOP)
    lease = session.acquire(take_over=True)
    assert lease.held() and session.holder()["pid"] == os.getpid()
    with pytest.raises(LeaseHeld):
        session.acquire()
    other.send_signal(signal.SIGCONT)
    assert lease.held()
    lease.release()


async def test_a_look_at_whether_it_runs_never_keeps_an_engine_out(session):
    looking = True

    def look():
        while looking:
            session.running()

    task = asyncio.create_task(asyncio.to_thread(look))
    try:
        for _ in range(30):
            session.acquire().release()
            await asyncio.sleep(0)
    finally:
        looking = False
        await task


async def test_the_old_engine_can_write_nothing_once_a_new_one_has_the_journal(session):
    old = Writer.open(session.journal_path)
    await old.append(e.EngineStarted(old.epoch, 1, "host", "0"))
    new = Writer.open(session.journal_path)
    assert new.epoch == old.epoch + 1
    with pytest.raises(Fenced, match=f"epoch {new.epoch}"):
        await old.append(e.NoteAdded("from a stale engine"))
    with pytest.raises(Fenced):
        await old.output(Output(1.0, "a@s", 1, "out", 0, b"stale"))
    old.sample(Sample(1.0, "x", {"v": 1}))
    await new.append(e.EngineStarted(new.epoch, 2, "host", "0"))
    await old.close()
    await new.close()
    facts = Reader.open(session.journal_path).facts()
    assert [f.event.epoch for f in facts] == [1, 2]


async def test_the_epoch_survives_every_restart(session):
    epochs = []
    for _ in range(4):
        writer = Writer.open(session.journal_path)
        epochs.append(writer.epoch)
        await writer.close()
    assert epochs == [1, 2, 3, 4]
