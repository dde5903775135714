"""What the writer promises: durable and in order, shared commits, no byte twice, bounded queues."""

import asyncio
import sqlite3

import pytest

from cockpit.journal import events as e
from cockpit.journal import writer as writing
from cockpit.journal.reader import Reader
from cockpit.journal.writer import JournalProblem, Output, Sample, Writer


@pytest.fixture
async def journal(tmp_path):
    writer = Writer.open(tmp_path / "journal.db")
    yield writer
    await writer.close()


def read(writer):
    return Reader.open(writer._store.path)


async def test_an_appended_fact_is_there_for_a_reader_as_it_was_given_back(journal):
    facts = await journal.append(
        e.AttemptStarted("a@s", 1, "a-1", spec={"path": "/srv", "sizes": [1, 2]}), e.NoteAdded("caf\u00e9 \udcff"),
        who="lead\udcff", why="because", peer={"uid": 0, "tty": "pts/1"},
    )
    assert [f.seq for f in facts] == [1, 2] and journal.seq == 2
    assert read(journal).facts() == facts
    assert facts[0].who == "lead?" and facts[0].peer == {"uid": 0, "tty": "pts/1"}


async def test_what_is_given_back_is_what_json_keeps(journal):
    [fact] = await journal.append(e.AttemptNoted("a@s", 1, {"paths": ("x", "y"), "by": {1: 2}}))
    assert fact.event.detail == {"paths": ["x", "y"], "by": {"1": 2}}


async def test_events_of_one_call_stay_together_and_calls_keep_their_order(journal):
    calls = [journal.append(e.NoteAdded(f"{i}a"), e.NoteAdded(f"{i}b")) for i in range(200)]
    given = [fact for facts in await asyncio.gather(*calls) for fact in facts]
    assert [f.seq for f in given] == list(range(1, 401))
    assert [f.event.text for f in read(journal).facts()] == [f"{i}{x}" for i in range(200) for x in "ab"]


async def test_many_callers_share_commits(journal, monkeypatch):
    commits = []
    commit = journal._store.commit
    monkeypatch.setattr(journal._store, "commit", lambda batch: commits.append(1) or commit(batch))
    await asyncio.gather(*(journal.append(e.NoteAdded(str(i))) for i in range(500)))
    assert len(commits) < 20


async def test_a_cancelled_caller_takes_nothing_down(journal):
    task = asyncio.create_task(journal.append(e.NoteAdded("given up")))
    await asyncio.sleep(0)
    task.cancel()
    await journal.append(e.NoteAdded("after"))
    assert read(journal).facts()[-1].event.text == "after"


async def test_an_event_that_is_no_json_is_the_callers_error_and_blocks_nobody(journal):
    with pytest.raises(ValueError):
        await journal.append(e.AttemptNoted("a@s", 1, {"rate": float("nan")}))
    with pytest.raises(TypeError):
        journal.sample(Sample(1.0, "x", {"v": object()}))
    assert await journal.append(e.NoteAdded("goes on"))


async def test_times_never_run_backwards(journal):
    await journal.append(e.NoteAdded("a"), at=100.0)
    await journal.append(e.NoteAdded("b"), at=50.0)
    await journal.append(e.NoteAdded("c"), at=101.0)
    reader = read(journal)
    assert [f.at for f in reader.facts()] == [100.0, 100.0, 101.0]
    assert [reader.seq_at(t) for t in (99.9, 100.0, 100.5, 101.0, 1e12)] == [0, 2, 2, 3, 3]


async def test_output_given_twice_is_kept_once_and_offsets_say_how_far_it_is(journal):
    for offset, data in ((0, b"one\ntw"), (4, b"two\n"), (0, b"one\n"), (8, b"three"), (6, b"o\nthree!")):
        await journal.output(Output(1.0, "a@s", 1, "out", offset, data))
        await journal.flush()
    await journal.output(Output(1.0, "a@s", 1, "err", 0, b"\xff\x00"))
    await journal.flush()
    reader = read(journal)
    assert b"".join(reader.attempt_output("a@s", 1, "out")) == b"one\ntwo\nthree!"
    assert reader.offsets("a@s", 1) == (14, 2)
    assert reader.offsets("never", 1) == (0, 0)


async def test_the_end_of_an_output_is_read_without_the_rest(journal):
    for at, data in ((1.0, b"x" * 300_000 + b"\n"), (9.0, b"the "), (19.0, b"end\n")):  # chunks of their own
        offset = 0 if at == 1.0 else 300_001 if at == 9.0 else 300_005
        await journal.output(Output(at, "a@s", 1, "err", offset, data))
        await journal.flush()
    reader = read(journal)
    assert [reader.last_output("a@s", 1, "err", n) for n in (2, 6, 11)] == [b"d\n", b"e end\n", b"xx\nthe end\n"]
    assert reader.last_output("a@s", 1, "out", 9) == b""


async def test_notes_are_lines_of_their_own(journal):
    for text in (b"first", b"second\n"):
        await journal.output(Output(1.0, "a@s", 1, "note", 0, text))
    await journal.flush()
    assert b"".join(read(journal).attempt_output("a@s", 1, "note")) == b"first\nsecond\n"


async def test_large_output_comes_back_byte_for_byte(journal):
    data = bytes(range(256)) * 40_000
    await journal.output(Output(1.0, "a@s", 1, "out", 0, data))
    await journal.flush()
    assert b"".join(read(journal).attempt_output("a@s", 1)) == data


async def test_output_waits_while_too_much_is_queued(journal, tmp_path):
    await journal.flush()
    blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # the disk that doesn't answer
    piece = b"x" * (1 << 20)
    fast = [asyncio.create_task(journal.output(Output(1.0, "a@s", 1, "out", i << 20, piece))) for i in range(20)]
    done, waiting = await asyncio.wait(fast, timeout=0.3)
    assert len(done) == (writing.OUTPUT_LIMIT >> 20) + 1 and waiting
    blocker.execute("ROLLBACK")
    await asyncio.gather(*fast)
    await journal.flush()
    assert read(journal).offsets("a@s", 1) == (20 << 20, 0)


async def test_samples_never_wait_and_are_counted_when_dropped(journal):
    for i in range(writing.SAMPLE_LIMIT + 7_000):
        journal.sample(Sample(float(i), "transfer/a@s", {"bytes": i}))
    await journal.flush()
    reader = read(journal)
    kept = reader.samples("transfer/a@s", 0, 1e9)
    assert len(kept) + journal.dropped_samples == writing.SAMPLE_LIMIT + 7_000
    assert [s.values["bytes"] for s in kept[:3]] == [0, 1, 2]


async def test_newest_samples_at_any_time(journal):
    for at in (1.0, 2.0, 3.0):
        journal.sample(Sample(at, "latency/a", {"s": at}))
    journal.sample(Sample(2.5, "latency/b", {"s": None}))
    journal.sample(Sample(2.5, "latencz", {"s": 1}))
    await journal.flush()
    reader = read(journal)
    assert {n: s.at for n, s in reader.latest("latency/", 2.7).items()} == {"latency/a": 2.0, "latency/b": 2.5}
    assert reader.latest("latency/", 0.5) == {}
    assert [s.at for s in reader.samples("latency/a", 2.0, 3.0)] == [2.0, 3.0]


async def test_the_newest_sample_of_each_second(journal):
    for at in (0.5, 1.0, 1.25, 1.75, 3.0, 3.5, 9.9):
        journal.sample(Sample(at, "transfer/a@s", {"at": at}))
    journal.sample(Sample(1.9, "transfer/b@s", {"at": 1.9}))
    await journal.flush()
    reader = read(journal)
    assert [s.at for s in reader.seconds("transfer/a@s", 0.0, 9.95, 1)] == [0.5, 1.75, 3.5, 9.9]
    assert [s.at for s in reader.seconds("transfer/a@s", 0.0, 9.95, 3)] == [1.75, 3.5, 9.9], "of three seconds of the clock each"
    assert [s.values["at"] for s in reader.seconds("transfer/a@s", 1.25, 3.25, 1)] == [1.75, 3.0]
    assert reader.seconds("transfer/a@s", 1.3, 1.7, 1) == reader.seconds("transfer/none", 0.0, 9.0, 1) == []


async def test_what_people_decided_among_all_facts(journal):
    await journal.append(e.NoteAdded("one"), e.NoteAdded("two"))
    await journal.append(e.NoteAdded("three"), who="ann")
    await journal.append(e.NoteAdded("four"), who="bob")
    reader = read(journal)
    assert [(f.seq, f.who) for f in reader.decisions(0, 4)] == [(3, "ann"), (4, "bob")]
    assert [f.seq for f in reader.decisions(3, 3)] == [] and [f.seq for f in reader.decisions(0, 3)] == [3]


async def test_samples_and_output_are_committed_without_any_fact(journal):
    journal.sample(Sample(1.0, "x", {"v": 1}))
    await journal.output(Output(1.0, "a@s", 1, "out", 0, b"soon\n"))
    reader = read(journal)
    async with asyncio.timeout(30):
        while not (reader.offsets("a@s", 1)[0] and reader.latest("x", 2.0)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_checkpoints_are_found_by_the_nearest_before(journal):
    await journal.append(*(e.NoteAdded(str(i)) for i in range(10)))
    for seq in (3, 7):
        await journal.checkpoint(seq, b"state %d" % seq)
    reader = read(journal)
    assert [reader.checkpoint_before(s) for s in (2, 3, 6, 10)] == [None, (3, b"state 3"), (3, b"state 3"), (7, b"state 7")]


async def test_closing_writes_what_is_queued_and_refuses_more(tmp_path):
    writer = Writer.open(tmp_path / "journal.db")
    append = asyncio.create_task(writer.append(e.NoteAdded("last words")))
    writer.sample(Sample(1.0, "x", {"v": 1}))
    await writer.output(Output(1.0, "a@s", 1, "out", 0, b"x" * 100))
    await asyncio.sleep(0)
    await writer.close()
    assert (await append)[0].seq == 1
    with pytest.raises(JournalProblem):
        await writer.append(e.NoteAdded("too late"))
    reader = Reader.open(tmp_path / "journal.db")
    assert reader.last_seq() == 1 and reader.offsets("a@s", 1) == (100, 0) and reader.latest("x", 2)
