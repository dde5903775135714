"""Readers never pin the write-ahead log: its file stays small while they read, stop in the middle, or just stay open."""

import asyncio

import pytest

from cockpit.journal import events as e
from cockpit.journal.reader import Reader
from cockpit.journal.writer import Output, Writer

BOUND = 40 << 20  # bytes


@pytest.mark.parametrize("megabytes", [100])  # 200 in tests/long/test_journal.py
async def test_the_wal_stays_bounded_while_readers_are_open(tmp_path, megabytes):
    path = tmp_path / "journal.db"
    writer = Writer.open(path)
    await writer.append(e.NoteAdded("first"))
    frozen, busy = Reader.open(path), Reader.open(path)
    largest, half_read, stop = 0, None, False

    def read():
        seq, view = 0, busy.log()
        while not stop:
            facts = busy.facts(after=seq, limit=100)
            seq = facts[-1].seq if facts else seq
            view.lines(max(0, view.count() - 50), 50)

    reading = asyncio.create_task(asyncio.to_thread(read))
    piece = b"x" * (1 << 20)
    for i in range(megabytes):
        await writer.output(Output(float(i), "a@s", 1, "out", i << 20, piece))
        await writer.append(e.NoteAdded(str(i)))
        if i == 20:
            half_read = frozen.attempt_output("a@s", 1)
            next(half_read)  # a reader that stops in the middle, for the rest of the night
        largest = max(largest, (tmp_path / "journal.db-wal").stat().st_size)
    stop = True
    await reading
    assert largest < BOUND
    assert len(next(half_read)) > 0
    await writer.close()
