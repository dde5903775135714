"""The log as numbered lines: any window of a million of them, filtered, live or as of a time.

A line belongs where it began: its number never changes, and its text grows until it ends. Text is raw bytes; cleaning
it is for those who show it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from cockpit.journal.records import LogLine, Stream
from cockpit.journal.rows import Rows
from cockpit.journal.schema import BLOCK

LINE_LIMIT = 16 * 1024  # bytes shown of one line


@dataclass(frozen=True, slots=True)
class LogFilter:
    """None: any. `n` with `task` or `step` names an attempt."""

    server: str | None = None
    step: str | None = None
    task: str | None = None
    n: int | None = None
    streams: frozenset[Stream] | None = None

    def passes(self, task: str, n: int, stream: Stream) -> bool:
        step, _, server = task.partition("@")
        return (
            (self.server is None or server == self.server)
            and (self.step is None or step == self.step)
            and (self.task is None or task == self.task)
            and (self.n is None or n == self.n)
            and (self.streams is None or stream in self.streams)
        )


class LogView:
    """Numbered lines of one filter. `until`: as of that time, or None for all there is."""

    def __init__(self, rows: Rows, filter: LogFilter) -> None:
        self._rows, self.filter = rows, filter
        self._streams: dict[int, tuple[str, int, Stream]] = {}  # those that pass
        self._seen = 0  # newest stream id looked at
        self._ids = "[]"
        self._blocks: list[tuple[int, int, int]] = []  # block, lines before it, lines in it; the last may still grow

    def count(self, until: float | None = None) -> int:
        """How many lines have begun."""
        with self._rows.believed():
            return self._count(self._end(until))

    def lines(self, first: int, n: int, until: float | None = None) -> list[LogLine]:
        """Lines first … first + n - 1 (the first line of all is 0); fewer at the end."""
        with self._rows.believed():
            return self._lines(first, n, self._end(until))

    def _lines(self, first: int, n: int, end: int) -> list[LogLine]:
        self._refresh()
        result: list[LogLine] = []
        at = self._find(max(0, first))
        while at is not None and len(result) < n:
            block, skip = at
            result += self._block_lines(block, skip, n - len(result), end)
            following = [b for b, _, _ in self._blocks if b > block][:1]
            at = (following[0], 0) if following and following[0] * BLOCK <= end else None
        return result

    def _end(self, until: float | None) -> int:
        return (1 << 60) if until is None else self._rows.last_before("chunks", "id", until)

    def _count(self, end: int) -> int:
        self._refresh()
        for block, before, starts in reversed(self._blocks):
            if (block + 1) * BLOCK <= end + 1:
                return before + starts
            if block * BLOCK <= end:
                return before + sum(row[2] for row in self._chunks(block, end))
        return 0

    def _refresh(self) -> None:
        """Adds what came since: only the last known block can have grown."""
        new = self._rows.all("SELECT id, task, n, stream FROM streams WHERE id > ?", self._seen)
        for id_, task, number, stream in new:
            self._seen = max(self._seen, id_)
            if self.filter.passes(task, number, stream):
                self._streams[id_] = (task, number, stream)
        if new:
            self._ids = json.dumps(list(self._streams))
        block, lines, _ = self._blocks.pop() if self._blocks else (0, 0, 0)
        for key, starts in self._rows.all(
            "SELECT block, sum(starts) FROM blocks WHERE block >= ? "
            "AND (?2 OR stream IN (SELECT value FROM json_each(?3))) GROUP BY block ORDER BY block",
            block, self.filter == LogFilter(), self._ids,
        ):
            self._blocks.append((key, lines, starts))
            lines += starts

    def _find(self, line: int) -> tuple[int, int] | None:
        """The block in which this line begins, and how many lines begin there before it."""
        low, high = 0, len(self._blocks)
        while low < high:
            middle = (low + high) // 2
            if self._blocks[middle][1] + self._blocks[middle][2] > line:
                high = middle
            else:
                low = middle + 1
        return (self._blocks[low][0], line - self._blocks[low][1]) if low < len(self._blocks) else None

    def _chunks(self, block: int, end: int) -> list[tuple[int, float, int, int, int]]:
        """id, at, starts, stream, fresh of the block's chunks that pass, up to chunk `end`."""
        rows = self._rows.all(
            "SELECT id, at, starts, stream, fresh FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id",
            block * BLOCK, min(end, (block + 1) * BLOCK - 1),
        )
        return [row for row in rows if row[3] in self._streams]

    def _block_lines(self, block: int, skip: int, n: int, end: int) -> list[LogLine]:
        result: list[LogLine] = []
        for id_, at, starts, stream, fresh in self._chunks(block, end):
            if skip >= starts:
                skip -= starts
                continue
            result += self._chunk_lines(id_, at, stream, fresh, skip, n - len(result), end)
            skip = 0
            if len(result) >= n:
                break
        return result

    def _chunk_lines(self, id_: int, at: float, stream: int, fresh: int, skip: int, n: int, end: int) -> list[LogLine]:
        """Lines that begin in one chunk, from number `skip` on, at most n."""
        data: bytes = self._rows.all("SELECT data FROM bytes WHERE id = ?", id_)[0][0]
        texts = data.split(b"\n")
        tail = texts.pop()  # b"" where the chunk ends with a newline
        whole = texts if fresh else texts[1:]  # the first ends a line that began earlier
        task, number, name = self._streams[stream]
        result = [
            LogLine(at, task, number, name, text[:LINE_LIMIT], len(text) > LINE_LIMIT)
            for text in whole[skip : skip + n]
        ]
        if tail and len(result) < n and skip <= len(whole) and (fresh or texts):
            text, partial = self._continued(tail, stream, id_, end)
            result.append(LogLine(at, task, number, name, text, partial))
        return result

    def _continued(self, text: bytes, stream: int, id_: int, end: int) -> tuple[bytes, bool]:
        """The rest of a line whose chunk ended first, up to LINE_LIMIT. Reads few pieces at first, for they may be big;
        then more, for they may be single bytes (a row of dots)."""
        page = 2
        while len(text) <= LINE_LIMIT:
            rows = self._rows.all(
                "SELECT c.id, c.fresh, b.data FROM chunks c JOIN bytes b ON b.id = c.id "
                "WHERE c.stream = ? AND c.id > ? AND c.id <= ? ORDER BY c.id LIMIT ?", stream, id_, end, page,
            )
            for _, fresh, data in rows:
                head, newline, _ = data.partition(b"\n")
                text += b"" if fresh else head
                if newline or fresh:
                    return text[:LINE_LIMIT], bool(fresh) or len(text) > LINE_LIMIT
            if len(rows) < page:
                break
            id_, page = rows[-1][0], min(page * 2, 512)
        return text[:LINE_LIMIT], True
