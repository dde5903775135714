"""Reading a journal, live or long ended: facts, checkpoints, samples, output. Never writes, never holds a transaction.

Each call reads its rows whole and lets go: a reader that stops in the middle can't keep the journal from being trimmed.
Times are UTC epoch seconds. Knows no meaning of an event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from cockpit.journal import upcast
from cockpit.journal.events import Fact
from cockpit.journal.log import LogFilter, LogView
from cockpit.journal.records import LogLine, Output, Sample
from cockpit.journal.rows import Rows
from cockpit.journal.schema import NEWEST, JournalProblem

__all__ = ["JournalProblem", "LogFilter", "LogLine", "LogView", "Output", "Reader", "Sample"]

PAGE = 16  # chunks of output read at a time


class Reader:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.path = rows.path

    @classmethod
    def open(cls, path: Path) -> Reader:
        """JournalProblem, with what to do, for a file that is missing, unreadable, no journal, or too new."""
        return cls(Rows.open(Path(path)))

    def close(self) -> None:
        self._rows.close()

    def newest(self) -> float:
        """The time of the newest of all that it holds; 0 while it is empty. A clock that goes on from there sees it all."""
        return float(self._rows.one(NEWEST))

    # --- facts

    def last_seq(self) -> int:
        """0 while the journal is empty."""
        return self._rows.one("SELECT max(seq) FROM facts") or 0

    def facts(self, after: int = 0, until: int | None = None, limit: int | None = None) -> list[Fact]:
        """Those with after < seq <= until, oldest first, at most `limit`."""
        rows = self._rows.all(
            "SELECT seq, at, kind, data, who, why, peer FROM facts WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            after, until if until is not None else 1 << 62, limit if limit is not None else -1,
        )
        return upcast.facts(rows, self._rows.version)

    def decisions(self, after: int, until: int) -> list[Fact]:
        """Those of them that carry a person's name."""
        rows = self._rows.all(
            "SELECT seq, at, kind, data, who, why, peer FROM facts WHERE seq > ? AND seq <= ? AND who > '' ORDER BY seq",
            after, until,
        )
        return upcast.facts(rows, self._rows.version)

    def seq_at(self, at: float) -> int:
        """The newest seq whose time is not after `at`; 0 when there is none."""
        return self._rows.last_before("facts", "seq", at)

    def time_of(self, seq: int) -> float | None:
        at: float | None = self._rows.one("SELECT at FROM facts WHERE seq = ?", seq)
        return at

    def checkpoint_before(self, seq: int) -> tuple[int, bytes] | None:
        """The newest state picture at or before `seq`, or None."""
        rows = self._rows.all("SELECT seq, state FROM checkpoints WHERE seq <= ? ORDER BY seq DESC LIMIT 1", seq)
        return (rows[0][0], rows[0][1]) if rows else None

    # --- samples

    def series(self) -> list[str]:
        return [name for (name,) in self._rows.all("SELECT name FROM series ORDER BY name")]

    def samples_after(self, series: str, after: float, limit: int) -> list[Sample]:
        """Of one series, at > after, oldest first, at most `limit`."""
        rows = self._rows.all(
            "SELECT at, data FROM samples WHERE series = (SELECT id FROM series WHERE name = ?) AND at > ? ORDER BY at LIMIT ?",
            series, after, limit,
        )
        return self._sampled([(series, *row) for row in rows])

    def samples(self, series: str, since: float, until: float) -> list[Sample]:
        """Of one series, since <= at <= until, oldest first."""
        rows = self._rows.all(
            "SELECT at, data FROM samples WHERE series = (SELECT id FROM series WHERE name = ?) AND at BETWEEN ? AND ? "
            "ORDER BY at", series, since, until,
        )
        return self._sampled([(series, *row) for row in rows])

    def seconds(self, series: str, since: float, until: float, step: int) -> list[Sample]:
        """The same, but of each `step` whole seconds of the clock only the newest: one look into the index for each, however
        many lie between."""
        rows = self._rows.all(
            "WITH RECURSIVE newest(at) AS (SELECT max(at) FROM samples WHERE series = ?1 AND at BETWEEN ?2 AND ?3 UNION ALL "
            "SELECT (SELECT max(at) FROM samples WHERE series = ?1 AND at >= ?2 AND at < CAST(newest.at AS INTEGER) / ?4 * ?4) "
            "FROM newest WHERE at IS NOT NULL) SELECT at, data FROM newest JOIN samples USING (at) WHERE series = ?1 ORDER BY at",
            self._rows.one("SELECT id FROM series WHERE name = ?", series), since, until, step,
        )
        return self._sampled([(series, *row) for row in rows])

    def latest(self, prefix: str, at: float) -> dict[str, Sample]:
        """The newest sample, not after `at`, of every series whose name begins with `prefix`."""
        rows = self._rows.all(
            "SELECT s.name, x.at, x.data FROM series s JOIN samples x ON x.series = s.id AND x.at = "
            "(SELECT max(at) FROM samples WHERE series = s.id AND at <= ?) WHERE s.name >= ? AND s.name < ?",
            at, prefix, prefix + "\U0010ffff",
        )
        return {sample.series: sample for sample in self._sampled(rows)}

    def _sampled(self, rows: list[tuple[str, float, str]]) -> list[Sample]:
        """One parse of many is twice as fast as many of one."""
        with self._rows.believed():
            loaded = json.loads("[" + ",".join(data for _, _, data in rows) + "]")
            return [Sample(at, series, values) for (series, at, _), values in zip(rows, loaded, strict=True)]

    # --- output

    def offsets(self, task: str, n: int) -> tuple[int, int]:
        """How many bytes of an attempt's stdout and stderr are journaled."""
        rows = self._rows.all("SELECT stream, size FROM streams WHERE task = ? AND n = ?", task, n)
        sizes = dict(rows)
        return sizes.get("out", 0), sizes.get("err", 0)

    def outputs(self, after: int, limit: int) -> list[tuple[int, Output]]:
        """Pieces of all attempts' output in the order in which they came, each with its number, from the one after `after` on."""
        rows = self._rows.all(
            "SELECT c.id, c.at, s.task, s.n, s.stream, c.offset, b.data FROM chunks c JOIN streams s ON s.id = c.stream "
            "JOIN bytes b ON b.id = c.id WHERE c.id > ? ORDER BY c.id LIMIT ?", after, limit,
        )
        return [(row[0], Output(*row[1:])) for row in rows]

    def attempt_output(self, task: str, n: int, stream: str = "out") -> Iterator[bytes]:
        """What an attempt printed, byte for byte, in pieces."""
        last = 0
        while True:
            rows = self._rows.all(
                "SELECT c.id, b.data FROM chunks c JOIN bytes b ON b.id = c.id WHERE c.stream = "
                "(SELECT id FROM streams WHERE task = ? AND n = ? AND stream = ?) AND c.id > ? ORDER BY c.id LIMIT ?",
                task, n, stream, last, PAGE,
            )
            for _, data in rows:
                yield data
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def last_output(self, task: str, n: int, stream: str, limit: int) -> bytes:
        """The end of what an attempt printed, at most `limit` bytes: however much it was, a few chunks are read."""
        rows = self._rows.all(
            "SELECT substr(b.data, ?) FROM chunks c JOIN bytes b ON b.id = c.id WHERE c.stream = "
            "(SELECT id FROM streams WHERE task = ? AND n = ? AND stream = ?) ORDER BY c.id DESC LIMIT ?",
            -limit, task, n, stream, PAGE,
        )
        found = b""
        for (data,) in rows:
            found = data + found
            if len(found) >= limit:
                break
        return found[-limit:]

    def log(self, filter: LogFilter | None = None) -> LogView:
        """The lines of all attempts that pass the filter, in the order in which they began."""
        return LogView(self._rows, filter or LogFilter())
