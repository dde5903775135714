"""Journals that can't be read: each gets a message that says what to do, and never a traceback of SQLite's."""

import asyncio
import random
import sqlite3

import pytest

from cockpit.journal import events as e
from cockpit.journal.reader import JournalProblem, LogFilter, Reader
from cockpit.journal.writer import Output, Sample, Writer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a journal that was closed."""
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    asyncio.run(written(path))
    return path.read_bytes()


async def written(path):
    writer = Writer.open(path)
    for i in range(200):
        await writer.append(e.NoteAdded(f"note {i} " + "x" * 200))
        writer.sample(Sample(float(i), "x", {"v": i}))
        await writer.output(Output(float(i), "a@s", 1, "out", i * 10, b"123456789\n"))
    await writer.close()


@pytest.fixture
def path(tmp_path, whole):
    path = tmp_path / "journal.db"
    path.write_bytes(whole)
    return path


def refused(path, *words):
    for opener in (Reader.open, Writer.open):
        with pytest.raises(JournalProblem) as problem:
            opener(path)
        assert all(w in str(problem.value) for w in (str(path), *words)), problem.value


async def test_a_newer_journal_is_refused_by_readers_and_writers(path):
    before = path.read_bytes()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    refused(path, "newer cockpit", "99")
    assert len(path.read_bytes()) == len(before)


async def test_a_newer_event_is_refused_by_name(path):
    db = sqlite3.connect(path)
    db.execute("UPDATE facts SET kind = 'MoonPhase' WHERE seq = 5")
    db.commit()
    with pytest.raises(JournalProblem, match=r"fact 5 .MoonPhase. is not known"):
        Reader.open(path).facts()


async def test_a_damaged_fact_is_named(path):
    db = sqlite3.connect(path)
    db.execute("UPDATE facts SET data = '{' WHERE seq = 5")
    db.commit()
    with pytest.raises(JournalProblem, match="damaged"):
        Reader.open(path).facts()


def test_another_programs_database_is_refused_untouched(tmp_path):
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t(x)")
    db.commit()
    db.close()
    before = path.read_bytes()
    refused(path, "not a cockpit journal")
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path):
    path = tmp_path / "journal.db"
    path.write_text("[plan]\nname = 'not a journal'\n" * 200)
    before = path.read_bytes()
    refused(path, "not readable as a journal")
    assert path.read_bytes() == before


def test_a_missing_and_an_empty_journal_say_so(tmp_path):
    with pytest.raises(JournalProblem, match="does not exist or is no file"):
        Reader.open(tmp_path / "journal.db")
    (tmp_path / "journal.db").touch()
    with pytest.raises(JournalProblem, match="still empty"):
        Reader.open(tmp_path / "journal.db")


def test_a_directory_in_its_place_and_a_missing_directory_are_refused(tmp_path):
    (tmp_path / "journal.db").mkdir()
    refused(tmp_path / "journal.db")
    with pytest.raises(JournalProblem):
        Writer.open(tmp_path / "nowhere" / "journal.db")


def look_at_everything(path):
    reader = Reader.open(path)
    try:
        reader.facts()
        reader.seq_at(1e10)
        reader.samples("x", 0, 1e9)
        reader.latest("", 1e9)
        reader.offsets("a@s", 1)
        list(reader.attempt_output("a@s", 1))
        reader.checkpoint_before(10)
        view = reader.log(LogFilter(server="s"))
        view.count(50.0)
        view.lines(0, 500)
    finally:
        reader.close()


@pytest.mark.parametrize("seed", range(40))
async def test_a_torn_or_scribbled_file_is_read_or_refused(path, seed):
    rng = random.Random(seed)
    data = bytearray(path.read_bytes())
    if seed % 2:
        del data[rng.randrange(len(data)) :]
    else:
        for _ in range(rng.choice((1, 10, 500))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)
    try:
        look_at_everything(path)
    except JournalProblem as problem:
        assert "journal" in str(problem)


async def test_a_torn_wal_loses_no_committed_fact_before_the_tear(tmp_path):
    writer = Writer.open(tmp_path / "journal.db")
    for i in range(20):
        await writer.append(e.NoteAdded(str(i)))
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "journal.db").read_bytes())
    wal = (tmp_path / "journal.db-wal").read_bytes()
    (tmp_path / "copy.db-wal").write_bytes(wal[: len(wal) - 3000])
    await writer.close()
    texts = [f.event.text for f in Reader.open(copy).facts()]
    assert texts == [str(i) for i in range(len(texts))] and len(texts) >= 18
