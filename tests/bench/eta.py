"""How true the time left is: the cockpit's beside rsync's and rclone's own, over real sshd behind a shaped wire.

Each tool copies the same data at the same time, each over a wire of its own whose rate follows the seed's schedule
(`shaped`). At the moment when a quarter, half, three quarters and nine tenths of the bytes had arrived, by the tool's own
count, the last thing that its screen had said is held against the time that was really left, until the tool was through with
everything (the cockpit: also with its proofs). A tool that says nothing at that moment ("measuring", "-") is off by all of
that time, whichever tool it is: a person has nothing to go by. Errors are absolute, in seconds, and their mean stands
beside the same in shares of the time that was left. `oracle` knows the mean of all schedules, but not what a seed will draw
next: where a tool's error is near its, what is left of it is the dice and not the tool.

    python -m tests.bench.eta [SEED …]
"""

from __future__ import annotations

import math
import shutil
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from cockpit.forecast.follow import Follower
from cockpit.journal.records import Sample
from tests.bench import eta_tools as tools
from tests.bench import shaped
from tests.bench.eta_tools import Moved, Trace
from tests.bench.measure import Row, at_most, table
from tests.bench.peers import versions
from tests.hosts import Host, Hosts

SEEDS = tuple(range(1, 11))
TOOLS = ("rsync", "rclone", "cockpit")
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
    """What the cockpit's screen said at each sample, while it copied: of each second it reads the newest."""
    trace, at = Trace(took=moved.ended - moved.began), [sample.at for sample in moved.samples]

    def seconds(_: str, since: float, until: float, step: int) -> list[Sample]:
        some = moved.samples[bisect_left(at, since) : bisect_right(at, until)]
        return list({int(sample.at) // step: sample for sample in some}.values())

    follower = Follower(seconds)
    for sample in moved.samples:
        now = follower.of("transfer/copy", "copy", moved.began, sample.at).at(sample.at)
        if now is not None and now.phase == "copy":
            trace.seen.append((sample.at - moved.began, now.bytes_done, now.eta))
    return trace


def moment(trace: Trace, total: int, mark: float) -> float:
    """When so much had arrived, by its own count, which rises evenly from one word to the next and ends with the copy."""
    before, had = 0.0, 0
    for at, done in [*((at, done) for at, done, _ in trace.seen), (trace.took, total)]:
        if done >= mark * total:
            return before + (at - before) * max(0.0, mark * total - had) / max(1, done - had)
        before, had = at, done
    raise AssertionError("the end has everything")


@dataclass(frozen=True)
class Error:
    """seconds: told less left; all that was left, below 0, where nothing was told. left: seconds until it ended."""

    seconds: float
    left: float
    told: bool


def error(trace: Trace, total: int, mark: float) -> Error:
    at = moment(trace, total, mark)
    said = [left for when, _, left in trace.seen if when <= at]
    told, left = said[-1] if said else None, trace.took - at
    return Error((told or 0.0) - left, left, told is not None)


def oracle(trace: Trace, total: int, mark: float, fastest: float, slowest: float) -> Error:
    left = trace.took - moment(trace, total, mark)
    mean_rate = (fastest - slowest) / math.log(fastest / slowest)
    return Error((1 - mark) * total / mean_rate - left, left, True)


def collect(hosts: Hosts, work: Path, seeds: Sequence[int]) -> list[Seen]:
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
    rates = shaped.schedule(seed, shape)

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
    for name in TOOLS:
        trace, errors = _trace(seen, name), [_error(seen, name, mark) for mark in MARKS]
        said = " ".join(f"{e.seconds:+.1f}" if e.told else f"--({e.seconds:+.1f})" for e in errors)
        words.append(f"{name} {said} of {trace.took:.0f} s")
    return ", ".join(words)


def rows(found: list[Seen]) -> list[Row]:
    made = [Row("time left: mean absolute error, in s and in shares of the time that was left; at each mark in s")]
    for shape in (*shaped.SHAPES, "all"):
        of_shape = [s for s in found if shape in (s.shape, "all")]
        means = {}
        for name in (*TOOLS, "oracle"):
            at_marks = {mark: [_error(seen, name, mark) for seen in of_shape] for mark in MARKS}
            each = [error for at_mark in at_marks.values() for error in at_mark]
            means[name] = mean(abs(error.seconds) for error in each)
            share = mean(abs(error.seconds) / max(error.left, 0.1) for error in each)
            at = "  ".join(f"{mark:.0%} {mean(abs(e.seconds) for e in at_marks[mark]):.1f}" for mark in MARKS)
            silent = sum(not error.told for error in each)
            figure = f"{means[name]:.2f} s, {share:.0%} ({at}; silent {silent} of {len(each)} times)"
            made.append(Row(f"  {shape}: {name}", figure))
        better = min(means["rsync"], means["rclone"])
        made.append(at_most(means["cockpit"] / better, 0.5, f"  {shape}: cockpit / the better peer", "x"))
    return made


def _trace(seen: Seen, name: str) -> Trace:
    return {"rsync": seen.rsync, "rclone": seen.rclone}.get(name) or trace_of(seen.cockpit)


def _error(seen: Seen, name: str, mark: float) -> Error:
    if name == "oracle":
        return oracle(trace_of(seen.cockpit), seen.total, mark, *shaped.rates_of(seen.shape))
    return error(_trace(seen, name), seen.total, mark)


def told(seeds: Sequence[int]) -> list[Row]:
    """What a person needs to do it again."""
    slow, fast = (rate / 1e6 for rate in (shaped.SLOWEST, shaped.FASTEST))
    wire = f"{slow:g} to {fast:g} MB/s, drawn anew every {shaped.SHORTEST:g} to {shaped.LONGEST:g} s"
    place = ":sftp,host=SOURCE,port=PORT,user=root,key_file=KEY:/srv/data"
    return [
        *versions("rsync", "rclone", "ssh"),
        Row("  peer: rsync", f"{tools.RSYNC} -e 'ssh -F /dev/null -i KEY -p PORT' root@SOURCE:/srv/data/ TARGET"),
        Row("  peer: rclone", f"{tools.RCLONE} --config /dev/null {place} TARGET"),
        Row("  wire", f"{wire}; mixed: {shaped.FASTER:g} times that"), Row("  seeds", " ".join(map(str, seeds))),
    ]  # fmt: skip


def run(_rounds: int, seeds: Sequence[int] = SEEDS) -> list[Row]:
    """Ten seeds whatever the rounds: about a quarter of an hour."""
    if shutil.which("rclone") is None:
        raise RuntimeError("rclone is not installed: apt-get install rclone")
    hosts, work = Hosts(PLACE), PLACE / "eta-work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        return told(seeds) + rows(collect(hosts, work, seeds))
    finally:
        hosts.close()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    print(table(run(1, tuple(map(int, sys.argv[1:])) or SEEDS)))
