"""How a long night's journal opens, resumes, seeks and scrolls. Run: python tests/bench/journal_size.py [--keep DIR]

Writes a 14-hour night with the real Writer (200,000 facts, 1,000,000 samples, 1,000,000 log lines, 1 GB of output), then
prints one row per operation: the median and the worst of its runs, and the limit it has to stay under.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cockpit.journal import events as e
from cockpit.journal.log import LogFilter, LogView
from cockpit.journal.reader import Reader
from cockpit.journal.writer import Output, Sample, Writer
from cockpit.state.fold import apply
from cockpit.state.model import State
from cockpit.state.snapshot import pack
from cockpit.state.tail import Tail

SERVERS = [f"server{i}" for i in range(7)]
STEPS = [f"step{i:02d}" for i in range(17)]
TASKS = [f"{step}@{server}" for step in STEPS for server in SERVERS]
START, MINUTES = 1_795_000_000.0, 14 * 60
FACTS, SAMPLES, LINES = 200_000, 1_000_000, 1_000_000
LINE = 1_000  # bytes: a million lines make 1 GB
CHECKPOINT = 5_000


def facts_of(minute: int, rng: random.Random, attempts: dict[str, int]) -> list[e.Event]:
    """One attempt of each of a few tasks, with details, verdicts and contact, and alarms for the rest."""
    count, events = FACTS // MINUTES, list[e.Event]()
    for task in rng.sample(TASKS, 8):
        attempts[task] = n = attempts.get(task, 0) + 1
        events += [
            e.RetryAsked(task, by_plan=True), e.AttemptStarted(task, n, f"{task}-{n}-{minute:06d}", spec={"method": "rsync"}),
            e.AttemptNoted(task, n, {"total": minute * 1000, "boot_id": "0d1b5c3e"}), e.AttemptUnknown(task, n, "lost"),
            e.AttemptFound(task, n), e.CheckFinished(task, n, "content", "compare", "pass", "40 of 40 the same", START),
            e.AttemptEnded(task, n, "failed" if rng.random() < 0.9 else "done", exit=12, error="rsync: connection reset"),
        ]
    for server in SERVERS:
        events += [e.ServerLost(server, "unreachable", "no route"), e.ServerContacted(server, "boot", {"os": "Debian 12"})]
    return events + [e.AlarmAcknowledged("late")] * (count - len(events))


async def write(path: Path) -> None:
    rng, attempts, state, checkpointed = random.Random(1), dict[str, int](), State(), 0
    writer = Writer.open(path)
    rows = [
        {"id": t, "step": t.partition("@")[0], "server": t.partition("@")[2], "kind": "run", "title": t, "phase": "night",
         "planned_start": START, "planned_end": START + 60} for t in TASKS
    ]
    offsets: dict[str, int] = {}
    batch: list[e.Event] = [e.SessionStarted("bench", "bench", "live", START, START + MINUTES * 60), e.PlanAdopted("", rows)]
    for minute in range(MINUTES):
        at = START + minute * 60
        for fact in await writer.append(*batch, *facts_of(minute, rng, attempts), at=at):
            apply(state, fact)
        batch = []
        if state.seq - checkpointed >= CHECKPOINT:
            checkpointed = state.seq
            await writer.checkpoint(state.seq, pack(state))
        for i in range(LINES // MINUTES + 1):
            task = rng.choice(TASKS[:30])
            data = f"{minute} {i} ".encode().ljust(LINE - 1, b"x") + b"\n"
            await writer.output(Output(at + i / 20, task, 1, "out", offsets.get(task, 0), data))
            offsets[task] = offsets.get(task, 0) + LINE
        for i in range(SAMPLES // MINUTES + 1):
            values = {"phase": "copy", "bytes_done": minute * 1000 + i, "bytes_total": 10**12}
            writer.sample(Sample(at + i / 20, f"transfer/{TASKS[i % 40]}", values))
        await writer.flush()
    await writer.close()
    print(f"facts {writer.seq:,}  samples dropped {writer.dropped_samples}  journal {path.stat().st_size / 1e6:,.0f} MB")


def timed(name: str, limit: float, runs: int, work: Callable[[int], object]) -> None:
    took = []
    for run in range(runs):
        started = time.perf_counter()
        work(run)
        took.append((time.perf_counter() - started) * 1000)
    word = "" if max(took) <= limit else "  OVER"
    print(f"{name:<58}{statistics.median(took):>9.1f}{max(took):>9.1f}{limit:>9.0f}{word}")


def opened(path: Path) -> Tail:
    tail = Tail(Reader.open(path))
    tail.seek()
    return tail


def measure(path: Path) -> None:
    rng, reader, tail, end_of = random.Random(2), Reader.open(path), opened(path), opened(path)
    last, end = reader.last_seq(), reader.time_of(reader.last_seq()) or START
    one, server = reader.log(LogFilter(task=TASKS[3])), reader.log(LogFilter(server=SERVERS[2]))
    every = reader.log()

    def moment() -> float:
        return rng.uniform(START, end)

    print(f"{'operation':<58}{'median':>9}{'worst':>9}{'limit':>9}  (ms)")
    timed("open and fold to the end, from checkpoints", 2000, 5, lambda _: opened(path))
    timed("seek to a random time", 300, 50, lambda _: tail.seek(time=moment()))
    timed("seek to a random fact", 300, 50, lambda _: tail.seek(seq=rng.randrange(last)))
    timed("newest samples of 40 series at a random time", 50, 50, lambda _: reader.latest("transfer/", moment()))
    timed("ten minutes of one series at a random time", 50, 50, lambda _: reader.samples("transfer/" + TASKS[3], *span()))
    timed("open the log and count its lines", 300, 5, lambda _: reader.log().count())
    timed("open the log of one server and count", 300, 5, lambda _: reader.log(LogFilter(server=SERVERS[1])).count())
    timed("50 lines anywhere, all servers", 100, 50, lambda _: every.lines(rng.randrange(LINES), 50))
    timed("50 lines anywhere, one server", 100, 50, lambda _: server.lines(rng.randrange(server.count()), 50))
    timed("50 lines anywhere, one task", 100, 50, lambda _: one.lines(rng.randrange(one.count()), 50))
    timed("lines as of a random time, and the last 50 of them", 100, 50, lambda _: replayed(every, moment()))
    timed("poll with nothing new", 5, 50, lambda _: end_of.poll())
    started = time.perf_counter()
    whole = Tail(reader)
    whole.poll()
    print(f"fold of all facts without checkpoints: {time.perf_counter() - started:.2f} s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB; lines {every.count():,}")


def span() -> tuple[float, float]:
    at = random.uniform(START, START + MINUTES * 60)
    return at - 600, at


def replayed(view: LogView, at: float) -> None:
    view.lines(view.count(at) - 50, 50, at)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--keep", type=Path, help="write the journal here, and use it again when it is there")
    keep = options.parse_args().keep
    with tempfile.TemporaryDirectory() as temporary:
        path = (keep or Path(temporary)) / "journal.db"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            started = time.perf_counter()
            asyncio.run(write(path))
            print(f"written in {time.perf_counter() - started:.0f} s")
        measure(path)


if __name__ == "__main__":
    main()
