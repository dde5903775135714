"""Read-only access to the rows of a journal, whole at a time, and one family of errors for what can't be read.

Every query is read to its end before it returns: no transaction stays open, whatever a caller does next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cockpit.journal import schema
from cockpit.journal.schema import JournalProblem


class Rows:
    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path, self._db = path, db
        self.version: int = db.execute("PRAGMA user_version").fetchone()[0]

    @classmethod
    def open(cls, path: Path) -> Rows:
        """JournalProblem for a file that is missing, unreadable, no journal, or too new."""
        if not path.is_file():
            raise JournalProblem(f"{path} does not exist or is no file; `cockpit sessions` lists the sessions there are")
        try:
            return cls._connected(path, "mode=ro")
        except JournalProblem as problem:
            if _has_wal(path) or not isinstance(problem.__cause__, sqlite3.OperationalError):
                raise
            return cls._connected(path, "immutable=1")  # a closed journal where nobody may write: no lock is needed

    @classmethod
    def _connected(cls, path: Path, mode: str) -> Rows:
        uri = f"file:{quote(str(path.absolute()))}?{mode}"
        try:
            db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
        except sqlite3.Error as error:
            raise schema.unreadable(error, path) from error
        try:
            db.execute("PRAGMA query_only = 1")
            schema.check(db, path)
            return cls(path, db)
        except sqlite3.Error as error:
            db.close()
            raise schema.unreadable(error, path) from error
        except JournalProblem:
            db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def all(self, sql: str, *args: Any) -> list[Any]:
        try:
            return self._db.execute(sql, args).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise schema.unreadable(error, self.path) from error

    def one(self, sql: str, *args: Any) -> Any:
        """The first value of the first row, or None."""
        rows = self.all(sql, *args)
        return rows[0][0] if rows else None

    def last_before(self, table: str, key: str, at: float) -> int:
        """The newest key whose time is not after `at`, or 0. Keys are 1, 2, 3 … and times never run backwards, so a
        search by halves needs no index on time."""
        low, high = 0, self.one(f"SELECT max({key}) FROM {table}") or 0
        with self.believed():
            while low < high:
                middle = (low + high + 1) // 2
                if self.one(f"SELECT at FROM {table} WHERE {key} = ?", middle) <= at:
                    low = middle
                else:
                    high = middle - 1
        return low

    @contextmanager
    def believed(self) -> Iterator[None]:
        """Around work on rows as they should be: a value of another type is damage that SQLite can't see."""
        try:
            yield
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise schema.unreadable(error, self.path) from error


def _has_wal(path: Path) -> bool:
    wal = path.with_name(path.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0
