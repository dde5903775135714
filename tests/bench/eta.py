"""How true the time left is: the cockpit's beside rsync's and rclone's own, over real sshd behind a shaped wire.

Each tool copies the same data at the same time, each over a wire of its own whose rate follows the seed's schedule
(`shaped`). The error is of what the tool's screen said when a quarter, half, three quarters and nine tenths of the bytes
had arrived, against when it really ended. `oracle` knows the mean of all schedules, but not what a seed will draw next:
where a tool's error is near its, what is left of it is the dice and not the tool. Prints seeds, versions and commands.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from cockpit import __version__
from cockpit.forecast.rates import Transfer
from tests.bench import eta_tools as tools
from tests.bench import shaped
from tests.bench.eta_tools import Moved, Trace
from tests.bench.measure import Row, at_most
from tests.hosts import Host, Hosts

SEEDS = tuple(range(1, 11))
MARKS = (0.25, 0.5, 0.75, 0.9)
PLACE = Path("/dev/shm")


@dataclass
class Seen:
    """One seed and shape: what all three showed."""

    seed: int
    shape: str
    total: int
    rsync: Trace
    rclone: Trace
    cockpit: Moved


def trace_of(moved: Moved) -> Trace:
    """What the cockpit's screen said at each sample, while it copied."""
    fold, trace = Transfer("copy"), Trace(took=moved.ended - moved.began)
    for sample in moved.samples:
        fold.feed(sample)
        now = fold.at(sample.at)
        if now is not None and now.phase == "copy":
            trace.seen.append((sample.at - moved.began, now.bytes_done, now.eta))
    return trace


def error(trace: Trace, total: int, mark: float) -> float | None:
    """Seconds told less seconds left, at the first word from the mark on; None where nothing was said."""
    for at, done, left in trace.seen:
        if done >= mark * total and left is not None:
            return left - (trace.took - at)
    return None


def oracle(trace: Trace, total: int, mark: float) -> float | None:
    mean_rate = (shaped.FASTEST - shaped.SLOWEST) / math.log(shaped.FASTEST / shaped.SLOWEST)
    for at, done, _ in trace.seen:
        if done >= mark * total:
            return (total - done) / mean_rate - (trace.took - at)
    return None


def collect(hosts: Hosts, work: Path, seeds: tuple[int, ...]) -> list[Seen]:
    source = {name: shaped.Shaped(hosts, f"src{name}") for name in ("cockpit", "rsync", "rclone")}
    target, found = hosts("dst", user="root"), list[Seen]()
    for seed in seeds:
        for shape in shaped.SHAPES:
            data = work / "data"
            shutil.rmtree(data, ignore_errors=True)
            shaped.fill(data, shape, seed)
            for each in source.values():
                each.take(data)
            found.append(_one(source, target, work, seed, shape, shaped.size_of(data)))
            print(f"  seed {seed} {shape}: {_line(found[-1])}", file=sys.stderr, flush=True)
    return found


def _one(source: dict[str, shaped.Shaped], target: Host, work: Path, seed: int, shape: str, total: int) -> Seen:
    rates = shaped.schedule(seed)

    def peer(name: str, run: Callable[[shaped.Shaped, Path], Trace]) -> Trace:
        to = work / f"to-{name}"
        shutil.rmtree(to, ignore_errors=True)
        source[name].follow(rates)
        try:
            return run(source[name], to)
        finally:
            source[name].stop()

    def ours() -> Moved:
        place = work / "night"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        target.run("rm -rf /srv/copy")
        try:
            return tools.cockpit(source["cockpit"], target, place, rates)
        finally:
            source["cockpit"].stop()

    with ThreadPoolExecutor(3) as pool:
        one, other, third = pool.submit(peer, "rsync", tools.rsync), pool.submit(peer, "rclone", tools.rclone), pool.submit(ours)
        return Seen(seed, shape, total, one.result(), other.result(), third.result())


def _line(seen: Seen) -> str:
    words = []
    for name, trace in (("rsync", seen.rsync), ("rclone", seen.rclone), ("cockpit", trace_of(seen.cockpit))):
        errors = [error(trace, seen.total, mark) for mark in MARKS]
        words.append(f"{name} " + " ".join("--" if e is None else f"{e:+.1f}" for e in errors) + f" of {trace.took:.0f} s")
    return ", ".join(words)


def rows(found: list[Seen]) -> list[Row]:
    made = []
    for shape in (*shaped.SHAPES, "all"):
        of_shape = [s for s in found if shape in (s.shape, "all")]
        means = {}
        for name in ("rsync", "rclone", "cockpit", "oracle"):
            errors = {mark: [e for s in of_shape if (e := _error(s, name, mark)) is not None] for mark in MARKS}
            each = [abs(e) for at_mark in errors.values() for e in at_mark]
            means[name] = mean(each)
            at = "  ".join(f"{mark:.0%} {mean([abs(e) for e in errors[mark]]):.1f}" for mark in MARKS if errors[mark])
            made.append(Row(f"{shape}: {name}, mean absolute error", f"{means[name]:.2f} s ({at}; {len(each)} told)"))
        better = min(means["rsync"], means["rclone"])
        made.append(at_most(means["cockpit"] / better, 0.5, f"{shape}: cockpit / the better peer", "x"))
    return made


def _error(seen: Seen, name: str, mark: float) -> float | None:
    if name == "oracle":
        return oracle(trace_of(seen.cockpit), seen.total, mark)
    traces = {"rsync": seen.rsync, "rclone": seen.rclone}
    return error(traces[name] if name in traces else trace_of(seen.cockpit), seen.total, mark)


def run(_rounds: int) -> list[Row]:
    """Ten seeds whatever the rounds: about twenty minutes."""
    if shutil.which("rclone") is None:
        raise RuntimeError("rclone is not installed: apt-get install rclone")
    for command in (["rsync", "--version"], ["rclone", "version"]):
        print(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0], file=sys.stderr)
    print(f"cockpit {__version__}\n{tools.RSYNC} -e ssh …\n{tools.RCLONE} :sftp:…\nseeds {SEEDS}", file=sys.stderr)
    hosts, work = Hosts(PLACE), PLACE / "eta-work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        return rows(collect(hosts, work, SEEDS))
    finally:
        hosts.close()
        shutil.rmtree(work, ignore_errors=True)
