"""How the journal of a long night opens, resumes, replays, seeks and scrolls, and what that takes of memory."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import psutil

from cockpit.engine import start
from cockpit.journal.lease import SessionDir
from cockpit.journal.log import LogFilter, LogView
from cockpit.journal.reader import Reader
from cockpit.state.tail import Tail
from tests.bench import long_night
from tests.bench.measure import Row, at_most, median
from tests.bench.screen import COCKPIT
from tests.bench.scripted import ScriptedFleet
from tests.bench.terminal import Terminal

FACTS, SAMPLES, OUTPUT = 200_000, 1_000_000, 10**9
FAST = 600.0  # replay's speed: 14 hours in 84 s


def run(rounds: int) -> list[Row]:
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        session, sizes = long_night.make(place)
        rows = [*_counted(session), _memory("engine, over the night", sizes[len(sizes) // 4][1], sizes[-1][1])]
        return rows + _journal(session, rounds) + _resumed(session, rounds) + _screen(session, place, rounds)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _counted(session: SessionDir) -> list[Row]:
    """Whether it is as long a night as was promised."""
    with sqlite3.connect(f"file:{session.journal_path}?mode=ro", uri=True) as journal:
        facts, samples = (journal.execute(f"select count(*) from {table}").fetchone()[0] for table in ("facts", "samples"))
        size = journal.execute("select sum(size) from streams").fetchone()[0]
    lines, whole = Reader.open(session.journal_path).log().count(), session.journal_path.stat().st_size / 1e6
    counted = (("facts", facts, FACTS), ("samples", samples, SAMPLES), ("bytes of output", size, OUTPUT))
    return [
        *(Row(f"14 hours: {what}", f"{count:,}", f"at least {least:,}", count >= least) for what, count, least in counted),
        Row("14 hours: lines, size of the journal", f"{lines:,} lines, {whole:,.0f} MB"),
    ]


def _memory(what: str, early: float, late: float) -> Row:
    return Row(f"14 hours: memory of the {what}", f"{early:.0f} MB, then {late:.0f} MB", bound="flat", good=late <= early * 1.5)


def _journal(session: SessionDir, rounds: int) -> list[Row]:
    reader, rng = Reader.open(session.journal_path), random.Random(2)
    tail, every = _opened(session), reader.log()
    last = reader.last_seq()
    first, end = reader.time_of(1) or 0.0, reader.time_of(last) or 0.0
    one = reader.log(LogFilter(server="server2"))

    def moment() -> float:
        return rng.uniform(first, end)

    return [
        _timed("opened to its end", 2000, rounds, lambda: _opened(session)),
        _timed("seek to a random time", 300, 10 * rounds, lambda: tail.seek(time=moment())),
        _timed("seek to a random fact", 300, 10 * rounds, lambda: tail.seek(seq=rng.randrange(last))),
        _timed("newest samples at a random time", 50, 10 * rounds, lambda: reader.latest("transfer/", moment())),
        _timed("log opened and counted", 300, rounds, lambda: reader.log().count()),
        _timed("log, 50 lines anywhere", 100, 10 * rounds, lambda: every.lines(rng.randrange(every.count()), 50)),
        _timed("log of one server, 50 lines anywhere", 100, 10 * rounds, lambda: one.lines(rng.randrange(one.count()), 50)),
        _timed("log as it was at a random time", 100, 10 * rounds, lambda: _as_of(every, moment())),
    ]


def _opened(session: SessionDir) -> Tail:
    tail = Tail(Reader.open(session.journal_path))
    tail.seek()
    return tail


def _as_of(view: LogView, at: float) -> None:
    view.lines(view.count(at) - 50, 50, at)


def _timed(what: str, limit: float, runs: int, work: Callable[[], object]) -> Row:
    """ms; the worst of all runs stays under `limit`."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return _within(what, limit, took)


def _within(what: str, limit: float, took: list[float]) -> Row:
    figure = f"{median(took):.0f} ms, worst {max(took):.0f} ms"
    return Row(f"14 hours: {what}", figure, bound=f"at most {limit:g} ms", good=max(took) <= limit)


def _resumed(session: SessionDir, rounds: int) -> list[Row]:
    with patch.object(start, "Fleet", ScriptedFleet):
        took = [asyncio.run(long_night.resume(session)) for _ in range(rounds)]
    return [at_most(max(took), 2, "14 hours: engine resumes, the worst", " s")]


def _screen(session: SessionDir, place: Path, rounds: int) -> list[Row]:
    terminal, environment = Terminal(), {"XDG_STATE_HOME": str(place)}
    reader = Reader.open(session.journal_path)
    first, end = reader.time_of(1) or 0.0, reader.time_of(reader.last_seq()) or 0.0
    middle = time.strftime("%H:%M", time.gmtime((first + end) / 2))

    def painted(*command: str) -> float:
        return -terminal.start([COCKPIT, *command], environment) + terminal.until(_painted)

    try:
        watched = [painted("watch", session.id) for _ in range(rounds)]
        replayed = [painted("replay", session.id, "--at", middle) for _ in range(rounds)]
        terminal.type("Space")
        sought = [_sought(terminal, random.Random(n).uniform(first, end)) for n in range(4 * rounds)]
        painted("replay", session.id, "--speed", str(FAST))
        sizes = [_size_after(terminal, seconds) for seconds in (20, 64)]
    finally:
        terminal.close()
    return [
        at_most(max(watched), 2, "14 hours: the screen's first full paint, the worst", " s"),
        at_most(max(replayed), 2, "14 hours: replay's first full paint in the middle, the worst", " s"),
        _within("replay sought by hand, until the screen shows that time", 300, [one * 1000 for one in sought]),
        _memory(f"screen, in replay at {FAST:g} times", *sizes),
    ]


def _sought(terminal: Terminal, moment: float) -> float:
    """Seconds from the Enter that ends a time of the night until the clock of a screen that is all there says it."""
    wanted = time.strftime("%H:%M:%S", time.gmtime(moment))
    terminal.type("t")
    terminal.until(lambda text: "Go to a time" in text)
    terminal.type(*wanted)
    terminal.until(lambda text: wanted in text)
    began = time.perf_counter()
    terminal.type("Enter")
    return terminal.until(lambda text: wanted in text.splitlines()[0] and "Go to a time" not in text and _painted(text)) - began


def _painted(text: str) -> bool:
    return all(word in text for word in ("server0 ", "server6 ", "TRANSFER", "? help"))


def _size_after(terminal: Terminal, seconds: float) -> float:
    """MB of the program in it, after so many more seconds: what it keeps shows only over time."""
    time.sleep(seconds)
    return psutil.Process(terminal.pid()).memory_info().rss / 1e6
