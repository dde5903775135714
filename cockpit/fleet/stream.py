"""The bytes of one file, from one open SFTP file to another, by our own loop of offsets: parallel, short reads continued, holes
left out, resumable. Knows neither names nor attributes; the caller sets the size at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

BLOCK = 128 * 1024
WINDOW = 16  # blocks of one file under way
AHEAD = WINDOW * BLOCK  # what lies below a part's size minus this was all written
CHECKED = 4 << 20  # bytes before a part's safe end that are compared with the source before it is continued
LOOK = 0.5  # seconds until a transfer that waits looks at its rate again
FINE = 0.01  # seconds that are not worth a wait


class SourceChanged(Exception):
    """A file of the source was other at the end than at the beginning."""


class Pace:
    """Holds a transfer to a rate (bytes per second) that may change at any time; None is as fast as it goes, 0 stands still.
    Bytes that were taken are owed, and paid at whatever the rate is meanwhile: no wait outlives the rate that it was for."""

    def __init__(self, rate: Callable[[], float | None]) -> None:
        self._rate, self._turn = rate, asyncio.Lock()
        self._owed, self._at = 0.0, 0.0

    async def take(self, n: int) -> None:
        async with self._turn:
            while (wait := self._wait()) > FINE:  # noqa: ASYNC110 - the rate is a function: nobody tells of its change
                await asyncio.sleep(min(wait, LOOK))
            self._owed += n

    def _wait(self) -> float:
        """Seconds until nothing is owed, as it looks now."""
        rate, now = self._rate(), time.monotonic()
        since, self._at = now - self._at, now
        self._owed = 0.0 if rate is None else max(0.0, self._owed - rate * since)
        if rate is None:
            return 0.0
        return self._owed / rate if rate else LOOK


class Stream:
    """One file's bytes. block: bytes per request that both servers take; counts: told of every block that has arrived."""

    def __init__(self, source: Any, target: Any, block: int, pace: Pace, counts: Callable[[int], None]) -> None:
        self._from, self._to, self._block, self._pace, self._counts = source, target, block, pace, counts

    async def safe_start(self, size: int, had: int) -> int:
        """Where an earlier try with `had` bytes can be continued: below its size minus the window all was written. The last
        bytes before that are compared first: a server that lost power may have lost what it had not yet on its disk."""
        safe = min(had, size) - AHEAD
        safe -= safe % self._block
        if safe <= 0:
            return 0
        for offset in range(max(0, safe - CHECKED) // self._block * self._block, safe, self._block):
            ours, theirs = await asyncio.gather(
                self._read(self._from, offset, self._block), self._read(self._to, offset, self._block, short=True)
            )
            if ours != theirs:
                return 0
        return safe

    async def run(self, start: int, size: int, written: int, heard: Callable[[bytes], None]) -> None:
        """All of the source is heard, in order; from `start` on it is moved, and what an earlier try moved is only read. written:
        how far the target has ever been written; beyond it zeros are holes already. SourceChanged when the source is shorter."""
        await self._in_order(0, start, self._moved_before, heard)
        await self._in_order(start, size, lambda offset, n: self._move(offset, n, written), heard)

    async def read_back(self, start: int, end: int, heard: Callable[[bytes], None]) -> None:
        """What the target has between the two, in order; less where it is shorter."""
        await self._in_order(start, end, self._back, heard)

    async def _in_order(
        self, start: int, end: int, work: Callable[[int, int], Coroutine[Any, Any, bytes]], heard: Callable[[bytes], None],
    ) -> None:  # fmt: skip
        """Blocks in parallel, begun and heard in order, and never more than the window ahead of the first unfinished one."""
        under_way: deque[asyncio.Task[bytes]] = deque()
        try:
            for offset in range(start, end, self._block):
                if len(under_way) * self._block >= AHEAD:
                    heard(await under_way.popleft())
                under_way.append(asyncio.create_task(work(offset, min(self._block, end - offset))))
            while under_way:
                heard(await under_way.popleft())
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _moved_before(self, offset: int, n: int) -> bytes:
        await self._pace.take(n)
        data = await self._read(self._from, offset, n)
        self._counts(n)
        return data

    async def _back(self, offset: int, n: int) -> bytes:
        await self._pace.take(n)
        return await self._read(self._to, offset, n, short=True)

    async def _move(self, offset: int, n: int, written: int) -> bytes:
        """A block of zeros beyond what was ever written is left out: it is a hole, and the size is set at the end."""
        data = await self._read(self._from, offset, n)
        await self._pace.take(n)
        if offset < written or data.count(0) != n:
            await self._to.write(data, offset)
        self._counts(n)
        return data

    async def _read(self, file: Any, offset: int, n: int, *, short: bool = False) -> bytes:
        """n bytes by as many requests as the server needs; SourceChanged when they are not there (or fewer, if `short`)."""
        data = bytes(await file.read(n, offset))
        while len(data) < n:
            more = await file.read(n - len(data), offset + len(data))
            if not more:
                if short:
                    return data
                raise SourceChanged
            data += more
        return data
