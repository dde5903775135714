"""The writing side of the SQLite file: one call, one transaction, all three lanes. Used by the writer's thread alone.

Knows no asyncio and keeps no queue. Every commit checks that no later engine has claimed the journal: an engine that
wakes up after a take-over can't add a fact.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.journal import schema
from cockpit.journal.records import Output
from cockpit.journal.schema import BLOCK, JournalProblem

FactRow = tuple[float, str, str, str | None, str | None, str | None]  # at, kind, data, who, why, peer
SampleRow = tuple[str, float, str]  # series, at, values as JSON
PIECE = 256 * 1024  # a larger output is kept in pieces, so that showing one line never loads megabytes
MERGE = 64 * 1024  # neighbouring small outputs of one stream share a chunk up to this size …
MERGE_SPAN = 0.25  # … and this many seconds


class Fenced(JournalProblem):
    """A later engine has taken the session over; nothing more may be written by this one."""


@dataclass(slots=True)
class Batch:
    facts: list[FactRow] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    samples: list[SampleRow] = field(default_factory=list)
    checkpoints: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class _Stream:
    id: int
    size: int
    open: bool  # its last byte was not a newline


class Store:
    """`seq` and `at`: of the newest fact; `epoch`: of this claim; `newest`: the time up to which the journal had come
    when it was claimed. Errors of SQLite leave it as before the call."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path, self._db = path, db
        self._inode = os.stat(path).st_ino
        self.epoch = self._claim()
        self.seq, self.at = _newest(db, "SELECT seq, at FROM facts ORDER BY seq DESC LIMIT 1")
        self._chunk, self._chunk_at = _newest(db, "SELECT id, at FROM chunks ORDER BY id DESC LIMIT 1")
        self.newest = float(db.execute(schema.NEWEST).fetchone()[0])
        self.at_first = self.at  # the newest time before the last batch
        self._streams: dict[tuple[str, int, str], _Stream] = {}
        self._series: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path) -> Store:
        """Creates the journal when there is none, and claims it. JournalProblem when it can't be used."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        except (OSError, sqlite3.Error) as error:
            raise schema.unreadable(error, path) from error
        try:
            _prepare(db, path)
            return cls(path, db)
        except sqlite3.Error as error:
            db.close()
            raise schema.unreadable(error, path) from error
        except JournalProblem:
            db.close()
            raise

    def commit(self, batch: Batch) -> int:
        """All of the batch or nothing; durable when it returns. Returns the seq of the first fact of the batch."""
        if not self._there():
            raise JournalProblem(f"{self.path} was removed or replaced while in use; put it back")
        first, chunk, chunk_at = self.seq + 1, self._chunk, self._chunk_at
        self.at_first = self.at
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._check_claim()
            last_at = self._put_facts(batch.facts)
            self._put_outputs(batch.outputs)
            self._put_samples(batch.samples)
            self._db.executemany("INSERT OR REPLACE INTO checkpoints VALUES(?, ?)", batch.checkpoints)
            self._db.execute("COMMIT")
        except BaseException:
            self._forget(chunk, chunk_at)
            raise
        self.seq, self.at = self.seq + len(batch.facts), last_at
        return first

    def close(self) -> None:
        self._db.close()

    def _there(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self._inode
        except OSError:
            return False

    def _claim(self) -> int:
        row = self._db.execute(
            "INSERT INTO meta VALUES('epoch', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchall()
        return int(row[0][0])

    def _check_claim(self) -> None:
        newest = self._db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        if newest != self.epoch:
            raise Fenced(f"another engine (epoch {newest}) took this session over from this one (epoch {self.epoch})")

    def _forget(self, chunk: int, chunk_at: float) -> None:
        """Roll back, and drop what was remembered from the failed transaction."""
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # a full disk may have rolled it back already
        self._chunk, self._chunk_at = chunk, chunk_at
        self._streams.clear()
        self._series.clear()

    def _put_facts(self, facts: list[FactRow]) -> float:
        """Times never run backwards in the journal: a search by time relies on it."""
        at = self.at
        rows: list[tuple[Any, ...]] = []
        for seq, fact in enumerate(facts, self.seq + 1):
            at = max(at, fact[0])
            rows.append((seq, at, *fact[1:]))
        self._db.executemany("INSERT INTO facts VALUES(?, ?, ?, ?, ?, ?, ?)", rows)
        return at

    def _put_samples(self, samples: list[SampleRow]) -> None:
        rows = [(self._series_id(series), at, values) for series, at, values in samples]
        self._db.executemany("INSERT OR REPLACE INTO samples VALUES(?, ?, ?)", rows)

    def _series_id(self, name: str) -> int:
        if name not in self._series:
            self._db.execute("INSERT OR IGNORE INTO series(name) VALUES(?)", (name,))
            self._series[name] = int(self._db.execute("SELECT id FROM series WHERE name = ?", (name,)).fetchone()[0])
        return self._series[name]

    def _put_outputs(self, outputs: list[Output]) -> None:
        chunks: list[tuple[int, float, int, int, int, bool]] = []
        data: list[tuple[int, bytes]] = []
        blocks: defaultdict[tuple[int, int], int] = defaultdict(int)
        touched: dict[int, _Stream] = {}
        for output in merged(outputs):
            stream = self._stream(output)
            for offset, piece in self._unseen(stream, output):
                fresh = not stream.open or offset > stream.size
                starts = piece.count(b"\n", 0, -1) + fresh
                self._chunk, self._chunk_at = self._chunk + 1, max(self._chunk_at, output.at)
                chunks.append((self._chunk, self._chunk_at, stream.id, offset, starts, fresh))
                data.append((self._chunk, piece))
                blocks[self._chunk // BLOCK, stream.id] += starts
                stream.size, stream.open = offset + len(piece), not piece.endswith(b"\n")
            touched[stream.id] = stream
        self._db.executemany("INSERT INTO chunks VALUES(?, ?, ?, ?, ?, ?)", chunks)
        self._db.executemany("INSERT INTO bytes VALUES(?, ?)", data)
        self._db.executemany(
            "INSERT INTO blocks VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET starts = starts + excluded.starts",
            [(*key, starts) for key, starts in blocks.items()],
        )
        self._db.executemany(
            "UPDATE streams SET size = ?, open = ? WHERE id = ?", [(s.size, s.open, s.id) for s in touched.values()]
        )

    def _stream(self, output: Output) -> _Stream:
        key = (output.task, output.n, output.stream)
        if key not in self._streams:
            self._db.execute("INSERT OR IGNORE INTO streams(task, n, stream, size, open) VALUES(?, ?, ?, 0, 0)", key)
            row = self._db.execute("SELECT id, size, open FROM streams WHERE task = ? AND n = ? AND stream = ?", key)
            id_, size, open_ = row.fetchone()
            self._streams[key] = _Stream(id_, size, bool(open_))
        return self._streams[key]

    def _unseen(self, stream: _Stream, output: Output) -> list[tuple[int, bytes]]:
        """What of it is not journaled yet, in pieces. What is given twice is kept once; a gap stays a gap."""
        data, offset = output.data, output.offset
        if output.stream == "note":
            data, offset = data if data.endswith(b"\n") else data + b"\n", stream.size
        if offset < stream.size:
            data, offset = data[stream.size - offset :], stream.size
        return [(offset + i, data[i : i + PIECE]) for i in range(0, len(data), PIECE)]


def merged(outputs: list[Output]) -> list[Output]:
    """Neighbours that continue each other become one: many small reads don't make many rows."""
    result: list[Output] = []
    parts: list[bytes] = []
    size = 0
    for output in outputs:
        last = result[-1] if result else None
        if (
            last is not None and output.stream != "note" and output.offset == last.offset + size
            and (output.task, output.n, output.stream) == (last.task, last.n, last.stream)
            and size + len(output.data) <= MERGE and output.at - last.at <= MERGE_SPAN
        ):
            parts.append(output.data)
            size += len(output.data)
            continue
        if last is not None and len(parts) > 1:
            result[-1] = Output(last.at, last.task, last.n, last.stream, last.offset, b"".join(parts))
        result.append(output)
        parts, size = [output.data], len(output.data)
    if len(parts) > 1:
        last = result[-1]
        result[-1] = Output(last.at, last.task, last.n, last.stream, last.offset, b"".join(parts))
    return result


def _newest(db: sqlite3.Connection, sql: str) -> tuple[int, float]:
    row = db.execute(sql).fetchone()
    return (int(row[0]), float(row[1])) if row else (0, 0.0)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """WAL and synchronous=FULL: a commit is on the disk when it returns (sqlite.org/pragma.html)."""
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        schema.check(db, path)
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise JournalProblem(f"{path} can't be kept in WAL mode on this file system ({mode}); use a local disk")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_size_limit = 16777216")
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        schema.create(db)
