"""A full disk, on a real file system of a few megabytes: appending waits and says why, and goes on when there is room."""

import asyncio
import os
import subprocess

import pytest

from cockpit.journal import events as e
from cockpit.journal.reader import Reader
from cockpit.journal.writer import JournalProblem, Output, Sample, Writer


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"a small file system is needed: {mounted.stderr}")
        pytest.skip("only root may mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def make_read_only(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def fill(disk):
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    return ballast


class Told:
    """What the writer says about its disk, to be waited for."""

    def __init__(self, writer):
        self.said = asyncio.Queue()
        writer.on_problem = self.said.put_nowait

    async def next(self):
        return await asyncio.wait_for(self.said.get(), 30)


class Tries:
    """Each of the writer's commits once it is over, done or not, to be waited for."""

    def __init__(self, writer):
        loop, self.over, commit = asyncio.get_running_loop(), asyncio.Queue(), writer._store.commit

        def tried(batch):
            try:
                return commit(batch)
            finally:
                loop.call_soon_threadsafe(self.over.put_nowait, None)

        writer._store.commit = tried

    async def next(self):
        await asyncio.wait_for(self.over.get(), 30)


async def test_appending_waits_says_why_and_goes_on_with_room(small_disk, monkeypatch):
    monkeypatch.setattr("cockpit.journal.writer.RETRY", 0.05)
    writer = Writer.open(small_disk / "journal.db")
    told = Told(writer)
    await writer.append(e.NoteAdded("before"))
    ballast = fill(small_disk)
    appends = [asyncio.create_task(writer.append(e.NoteAdded(f"{i} " + "x" * 2000))) for i in range(60)]
    for i in range(60):
        writer.sample(Sample(float(i), "x", {"v": i}))
        await writer.output(Output(float(i), "a@s", 1, "out", i * 1000, b"%03d" % i + b"y" * 996 + b"\n"))
    said = await told.next()
    assert "disk full" in said and str(small_disk) in said and writer.problem == said
    later = asyncio.create_task(writer.append(e.NoteAdded("while full")))
    tries = Tries(writer)
    for _ in range(2):  # it goes on trying
        await tries.next()
    assert not later.done() and not any(a.done() for a in appends)
    reader = Reader.open(small_disk / "journal.db")
    assert reader.last_seq() == 1  # what was there can still be read

    ballast.unlink()
    assert await told.next() is None and writer.problem is None
    facts = [f for given in await asyncio.gather(*appends, later) for f in given]
    assert [f.seq for f in facts] == list(range(2, 63))
    await writer.flush()
    assert reader.facts(after=1) == facts
    assert len(reader.samples("x", 0, 100)) == 60
    want = b"".join(b"%03d" % i + b"y" * 996 + b"\n" for i in range(60))
    assert b"".join(reader.attempt_output("a@s", 1)) == want
    assert told.said.empty()
    await writer.close()


async def test_closing_on_a_full_disk_ends_and_says_what_was_not_written(small_disk):
    writer = Writer.open(small_disk / "journal.db")
    await writer.append(e.NoteAdded("before"))
    ballast = fill(small_disk)
    told = Told(writer)
    append = asyncio.gather(writer.append(*(e.NoteAdded("x" * 2000) for _ in range(200))))
    assert "disk full" in await told.next()
    with pytest.raises(JournalProblem, match=r"200 facts.*disk full"):
        await writer.close()
    with pytest.raises(JournalProblem):
        await append
    ballast.unlink()
    again = Writer.open(small_disk / "journal.db")
    assert (await again.append(e.NoteAdded("after")))[0].seq == 2
    await again.close()


def test_a_journal_cannot_be_started_on_a_full_disk(small_disk):
    fill(small_disk)
    with pytest.raises(JournalProblem, match=r"disk full|gave an error"):
        Writer.open(small_disk / "journal.db")


async def test_a_journal_that_is_moved_away_is_missed_and_waited_for(small_disk):
    writer = Writer.open(small_disk / "journal.db")
    told = Told(writer)
    await writer.append(e.NoteAdded("before"))
    os.rename(small_disk / "journal.db", small_disk / "moved.db")
    append = asyncio.create_task(writer.append(e.NoteAdded("held")))
    assert "removed or replaced" in await told.next()
    os.rename(small_disk / "moved.db", small_disk / "journal.db")
    assert (await append)[0].seq == 2
    await writer.close()


async def test_a_closed_journal_on_a_read_only_disk_is_read_and_not_written(small_disk):
    writer = Writer.open(small_disk / "journal.db")
    facts = await writer.append(e.NoteAdded("before"))
    await writer.close()
    make_read_only(small_disk)
    assert Reader.open(small_disk / "journal.db").facts() == facts
    with pytest.raises(JournalProblem, match=str(small_disk)):
        Writer.open(small_disk / "journal.db")


async def test_the_journal_of_a_killed_engine_on_a_read_only_disk_is_read_or_refused_with_words(small_disk):
    writer = Writer.open(small_disk / "journal.db")
    await writer.append(e.NoteAdded("in the write-ahead log"))
    copy = small_disk / "copy"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal"):  # as a kill would leave them, and a backup would take them
        (copy / name).write_bytes((small_disk / name).read_bytes())
    await writer.close()
    make_read_only(small_disk)
    try:
        assert Reader.open(copy / "journal.db").last_seq() == 1
    except JournalProblem as problem:
        assert str(copy) in str(problem)
