"""The one writer of a session's journal: three lanes in front of one thread that owns the store.

Facts: `append` returns when they are durable. Output: waits while too much of it is queued. Samples: never wait, and
are dropped and counted when there are too many. Each commit takes all that is queued. Knows no meaning of an event.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.journal import schema
from cockpit.journal.clock import Clock, LiveClock
from cockpit.journal.events import Event, Fact, decode, encode
from cockpit.journal.records import Output, Sample
from cockpit.journal.schema import JournalProblem
from cockpit.journal.store import Batch, FactRow, Fenced, SampleRow, Store

__all__ = ["Fenced", "JournalProblem", "Output", "Sample", "Writer"]

OUTPUT_LIMIT = 8 << 20  # bytes queued before `output` waits
SAMPLE_LIMIT = 20_000
OUTPUT_WAIT = 0.1  # seconds that output may wait for company before it is committed
SAMPLE_WAIT = 0.5
OUTPUT_SOON = 1 << 20  # as many bytes are committed at once
RETRY = 1.0  # seconds between tries while the disk is full


@dataclass(slots=True)
class _Append:
    rows: list[FactRow]
    done: asyncio.Future[list[Fact]]


class Writer:
    """`seq`: of the newest durable fact. `epoch`: of this claim on the journal, one more than the last engine's.
    `problem`: why nothing can be written now, or None; `on_problem` is told each change, in the event loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.epoch, self.seq = store.epoch, store.seq
        self.problem: str | None = None
        self.on_problem: Callable[[str | None], None] | None = None
        self.dropped_samples = 0
        self._wake = threading.Condition()
        self._appends: deque[_Append] = deque()
        self._outputs: list[Output] = []
        self._output_bytes = 0  # queued or being committed
        self._samples: list[SampleRow] = []
        self._checkpoints: list[tuple[int, bytes]] = []
        self._closing = False
        self._failed: JournalProblem | None = None  # this writer can never write again
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room: set[asyncio.Future[None]] = set()
        self._thread: threading.Thread | None = None

    @classmethod
    def open(cls, path: Path, clock: Clock | None = None) -> Writer:
        """Claims the journal at `path`, made when there is none. JournalProblem when it can't be used."""
        store = Store.open(Path(path))
        return cls(store, clock or LiveClock(since=store.newest))

    def now(self) -> float:
        """By the journal's clock. What is put into it has its time of it: by the wall's, which may be set back, a sample would
        come before those that a reader has seen, and before the attempt that it is of."""
        return self._clock.now()

    async def append(
        self, *events: Event, who: str | None = None, why: str | None = None, peer: dict[str, Any] | None = None,
        at: float | None = None,
    ) -> list[Fact]:
        """Durable, together and in order, when it returns; a cancelled call may still be written.
        The facts are as a reader will see them. Raises JournalProblem when this writer can never write again."""
        moment = self.now() if at is None else at
        rest = (_text(who), _text(why), json.dumps(peer) if peer else None)
        rows: list[FactRow] = []
        for event in events:
            kind, data = encode(event)
            rows.append((moment, kind, json.dumps(data, separators=(",", ":"), allow_nan=False), *rest))
        return await self._put(rows)

    async def output(self, output: Output) -> None:
        """Queued when it returns; waits while more than OUTPUT_LIMIT is."""
        self._start()
        while self._output_bytes > OUTPUT_LIMIT and not self._failed:
            room = asyncio.get_running_loop().create_future()
            self._room.add(room)
            try:
                await room
            finally:
                self._room.discard(room)
        with self._wake:
            self._check()
            self._outputs.append(output)
            self._output_bytes += len(output.data)
            self._wake.notify()

    def sample(self, sample: Sample) -> None:
        """Never waits. Dropped, and counted in `dropped_samples`, when SAMPLE_LIMIT are queued."""
        row = (sample.series, sample.at, json.dumps(sample.values, separators=(",", ":")))
        with self._wake:
            if len(self._samples) >= SAMPLE_LIMIT or self._closing or self._failed:
                self.dropped_samples += 1
                return
            self._samples.append(row)
            if len(self._samples) == 1:
                self._wake.notify()

    async def checkpoint(self, seq: int, blob: bytes) -> None:
        """A disposable picture of the state after `seq`. Durable when it returns."""
        with self._wake:
            self._checkpoints.append((seq, blob))
        await self.flush()

    async def flush(self) -> None:
        """Everything given so far is durable when it returns."""
        await self._put([])

    async def close(self) -> None:
        """Writes what is queued, with one more try if the disk is full. JournalProblem for what can't be."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread:
            await asyncio.to_thread(self._thread.join)
        else:
            self._store.close()
        if self._failed and not isinstance(self._failed, Fenced):
            raise self._failed

    # --- the event loop's side

    def _start(self) -> None:
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def _check(self) -> None:
        if self._failed:
            raise self._failed
        if self._closing:
            raise JournalProblem("the journal is closed")

    async def _put(self, rows: list[FactRow]) -> list[Fact]:
        self._start()
        done: asyncio.Future[list[Fact]] = asyncio.get_running_loop().create_future()
        with self._wake:
            self._check()
            self._appends.append(_Append(rows, done))
            self._wake.notify()
        return await done

    def _tell(self, call: Callable[..., None], *args: Any) -> None:
        """From the thread into the loop; a loop that is gone has nobody left to tell."""
        assert self._loop
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            pass

    def _committed(self, appends: list[_Append], facts: list[list[Fact]], seq: int) -> None:
        self.seq = seq
        self._set_problem(None)
        for append, result in zip(appends, facts, strict=True):
            if not append.done.done():
                append.done.set_result(result)
        self._make_room()

    def _refused(self, appends: list[_Append], error: JournalProblem) -> None:
        for append in appends:
            if not append.done.done():
                append.done.set_exception(error)
        self._make_room()

    def _make_room(self) -> None:
        for room in self._room:
            if not room.done():
                room.set_result(None)

    def _set_problem(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            if self.on_problem:
                self.on_problem(problem)

    # --- the thread's side

    def _run(self) -> None:
        while taken := self._take():
            appends, batch = taken
            if error := self._commit(appends, batch):
                with self._wake:
                    self._failed = error
                    appends = [*appends, *self._appends]
                    self._appends.clear()
                self._tell(self._refused, appends, error)
                break
        self._store.close()

    def _take(self) -> tuple[list[_Append], Batch] | None:
        """All that is queued, as soon as it is due; None when closing and nothing is left."""
        with self._wake:
            self._wait()
            if self._closing and not (self._appends or self._outputs or self._samples or self._checkpoints):
                return None
            appends = list(self._appends)
            batch = Batch([r for a in appends for r in a.rows], self._outputs, self._samples, self._checkpoints)
            self._appends.clear()
            self._outputs, self._samples, self._checkpoints = [], [], []
            return appends, batch

    def _wait(self) -> None:
        since = time.monotonic()
        while not self._closing and not self._appends and self._output_bytes < OUTPUT_SOON:
            limit = OUTPUT_WAIT if self._outputs else SAMPLE_WAIT if self._samples else None
            left = None if limit is None else since + limit - time.monotonic()
            if left is not None and left <= 0:
                return
            self._wake.wait(left)
            if limit is None:
                since = time.monotonic()

    def _commit(self, appends: list[_Append], batch: Batch) -> JournalProblem | None:
        """Until it is written: a full disk keeps the batch, tried again each second. Else the error."""
        while True:
            last = self._closing
            try:
                first = self._store.commit(batch)
                break
            except Fenced as error:
                return error
            except (sqlite3.Error, JournalProblem, OSError) as error:
                words = str(error) if isinstance(error, JournalProblem) else schema.explain(error, self._store.path)
                self._tell(self._set_problem, words)
                if last:
                    return JournalProblem(f"lost: {len(batch.facts)} facts, {len(batch.outputs)} outputs: {words}")
                with self._wake:
                    self._wake.wait_for(lambda: self._closing, RETRY)
            except Exception as error:  # a value that SQLite can't hold: never a silent thread
                return JournalProblem(f"the journal's writer failed: {error!r}")
        with self._wake:
            self._output_bytes -= sum(len(o.data) for o in batch.outputs)
        self._tell(self._committed, appends, _facts(appends, first, self._store.at_first), self._store.seq)
        return None


def _facts(appends: list[_Append], seq: int, at: float) -> list[list[Fact]]:
    """What readers will read: decoded from what was stored, so that a live fold and a replayed one can't differ."""
    result = []
    for append in appends:
        facts = []
        for moment, kind, data, who, why, peer in append.rows:
            at = max(at, moment)
            facts.append(Fact(seq, at, decode(kind, json.loads(data)), who, why, json.loads(peer) if peer else None))
            seq += 1
        result.append(facts)
    return result


def _text(text: str | None) -> str | None:
    """Names and reasons come from argv and sockets: a stray byte becomes `?` instead of an error at the commit."""
    return None if text is None else text.encode("utf-8", "replace").decode()
