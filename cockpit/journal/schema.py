"""The tables of a journal, their version, and the refusals: not a journal, a newer one, one that can't be read.

Knows how the lanes are laid out on disk; refuses to know what a fact means.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cockpit.journal.holders import writers

SCHEMA = 1
APPLICATION = 0x434B5054  # "CKPT", in the file's header: tells a journal from any other SQLite file
BLOCK = 1024  # chunks per block of the log's line counts

TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE facts(seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
    who TEXT, why TEXT, peer TEXT);
CREATE TABLE checkpoints(seq INTEGER PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE samples(series INTEGER NOT NULL, at REAL NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY(series, at)) WITHOUT ROWID;
CREATE TABLE streams(id INTEGER PRIMARY KEY, task TEXT NOT NULL, n INTEGER NOT NULL, stream TEXT NOT NULL,
    size INTEGER NOT NULL, open INTEGER NOT NULL, UNIQUE(task, n, stream));
CREATE TABLE chunks(id INTEGER PRIMARY KEY, at REAL NOT NULL, stream INTEGER NOT NULL, offset INTEGER NOT NULL,
    starts INTEGER NOT NULL, fresh INTEGER NOT NULL);
CREATE INDEX chunks_stream ON chunks(stream);
CREATE TABLE bytes(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE blocks(block INTEGER NOT NULL, stream INTEGER NOT NULL, starts INTEGER NOT NULL,
    PRIMARY KEY(block, stream)) WITHOUT ROWID;
"""

NEWEST = """
SELECT max(coalesce((SELECT at FROM facts ORDER BY seq DESC LIMIT 1), 0.0),
    coalesce((SELECT at FROM chunks ORDER BY id DESC LIMIT 1), 0.0),
    coalesce((SELECT max((SELECT max(at) FROM samples WHERE series = id)) FROM series), 0.0))
"""  # times of all lanes; of the samples one look into their index for each series
# chunks: one piece of a stream. starts: how many lines begin in it; fresh: its first byte begins one. The data stands
# in `bytes`, so that counting lines reads no text. blocks: lines that begin in BLOCK chunks, from block * BLOCK on.


class JournalProblem(Exception):
    """The journal can't be opened, read or written; the message says what to do."""


class JournalEmpty(JournalProblem):
    """There is nothing in it yet: its engine ended before its first fact."""


def explain(error: Exception, path: Path) -> str:
    """One sentence for a person about what SQLite or the system said."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return f"disk full: nothing can be written to {path.parent}; free some space there"
    if name.startswith("SQLITE_READONLY"):
        return f"{path} can't be written (read-only file or file system)"
    if name.startswith("SQLITE_IOERR"):
        return f"the disk under {path.parent} gave an error ({error}); check it, and the space on it"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _in_use(path)
    return f"{path}: {error}"


def _in_use(path: Path) -> str:
    """A writer that does not come to the end of its write: stopped, or hung on its disk."""
    pids = writers(path)
    who = " and ".join(f"process {pid}" for pid in pids) or "another process"
    end = f"end it (kill -9 {' '.join(map(str, pids))})" if pids else f"find it (fuser {path}) and end it (kill -9)"
    return (
        f"{path}: {who} is in the middle of a write and does not come to its end: it was stopped, or its disk hangs. Let it go "
        f"on (kill -CONT), or {end}: what it had committed stays. Then cockpit resume {path.parent.name}"
    )


def check(db: sqlite3.Connection, path: Path) -> None:
    """JournalProblem unless `db` is a journal that this program understands."""
    try:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise unreadable(error, path) from error
    if application == 0 and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise JournalEmpty(f"{path} is still empty: its engine has written nothing yet; `cockpit resume` starts one")
    if application != APPLICATION:
        raise JournalProblem(f"{path} is not a cockpit journal; name the session whose directory holds journal.db")
    if version > SCHEMA:
        raise JournalProblem(
            f"{path} was written by a newer cockpit (journal version {version}, this program reads up to {SCHEMA}); "
            "open it with that version"
        )


def unreadable(error: Exception, path: Path) -> JournalProblem:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or not isinstance(error, (sqlite3.Error, OSError)):
        return JournalProblem(
            f"{path} is not readable as a journal ({error}); keep the file and its -wal as they are, and work from a "
            "copy of the session's directory, or start a new session"
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_LOCKED")):
        return JournalProblem(explain(error, path))
    return JournalProblem(f"{path} can't be opened: {error}; check that it exists and that you may read it")


def create(db: sqlite3.Connection) -> None:
    db.executescript(
        f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; {TABLES} COMMIT;"
    )
