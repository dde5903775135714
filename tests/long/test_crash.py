"""The engine killed before and after every named commit and effect of three nights, one that goes as planned, one that does
not, and one of seven servers, each time resumed. Prints what was hit. And one night killed at one point after the other.

    python -m pytest tests/long/test_crash.py -s            (COCKPIT_POINTS="copy|claim": all points that match, and only these)

Seven servers pass nine hundred points: they are killed at two of each name (COCKPIT_POINTS=. is every one: hours).
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import pytest

from tests.hosts import Hosts
from tests.night import test_crash as crash
from tests.night.crashes import Ground, Night, points
from tests.night.seven import Seven, on_seven
from tests.night.turns import Turns, turned

AT_ONCE = 2
TRIES = 4  # of a name to which only some nights come: what is found running may be over by then
COMMITS = (
    "before SessionStarted", "after EngineStarted", "after AttemptStarted#3", "before AttemptEnded", "before capture",
    "after CheckFinished", "before NightEnded",
)
EFFECTS = (
    "after claim#1", "before job.start#2", "after job.start", "after output#2", "after job.end", "copy.route-made",
    "copy.job-started",
)


@pytest.mark.parametrize("points", [COMMITS, EFFECTS], ids=["commits", "effects"])
def test_killed_again_and_again(hosts: Hosts, place: Path, points: tuple[str, ...]) -> None:
    """One night for all of these points; what its engines held to be so is what a reader folds."""
    crash.test_killed_there_nothing_is_lost_or_done_twice(hosts, place, points)


def every(passed: list[str]) -> list[str]:
    return passed


def two_of_each(passed: list[str]) -> list[str]:
    """Of each name the first time that it was passed, and one in the middle."""
    times = Counter(map(name_of, passed))
    chosen = {f"{name}#{number}" for name, count in times.items() for number in (1, count // 2 + 1)}
    return [point for point in passed if point in chosen]


NIGHTS: dict[str, tuple[type[Night], Callable[[Hosts, Path], Ground], Callable[[list[str]], list[str]]]] = {
    "as-planned": (Night, Ground.make, every),
    "with-turns": (Turns, turned, every),
    "of-seven": (Seven, on_seven, two_of_each),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("sort", "make", "chosen"), NIGHTS.values(), ids=NIGHTS)
def test_killed_at_every_point(
    hosts: Hosts, place: Path, sort: type[Night], make: Callable[[Hosts, Path], Ground],
    chosen: Callable[[list[str]], list[str]],
) -> None:
    grounds: Queue[Ground] = Queue()
    for number in range(AT_ONCE):
        grounds.put(make(hosts, place / str(number)))
    first, asked = grounds.get(), os.environ.get("COCKPIT_POINTS")
    passed = points(first, sort)
    wanted = [p for p in passed if re.search(asked, p)] if asked else chosen(passed)
    grounds.put(first)
    begun = time.monotonic()

    def killed(point: str) -> Killed:
        ground = grounds.get()
        night, problem = sort(ground, (point,)), ""
        try:
            night.run().check()
        except Exception as wrong:
            problem = str(wrong)
            print(f"\n{point}: {problem}", flush=True)
            night.end()
            ground = make(hosts, place / f"after-{point.replace(' ', '-')}")
        grounds.put(ground)
        return Killed(point, point in night.passed(), night.middle, problem)

    results: list[Killed] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(TRIES):
            results += pool.map(killed, [point for point in wanted if name_of(point) not in hit(results)])
    report(passed, results, time.monotonic() - begun)
    bad = [(result.point, result.problem) for result in results if result.problem]
    assert not bad, "\n\n".join(f"{point}: {problem}" for point, problem in bad[:3])
    assert hit(results) == set(map(name_of, wanted))
    broken = {what for result in results for what in result.middle}
    assert asked or broken >= set(sort.LONG), f"never killed in the middle of {set(sort.LONG) - broken}"


@dataclass(frozen=True)
class Killed:
    """At a point, if the night came to it; in the middle of what; and what then was wrong."""

    point: str
    hit: bool
    middle: Counter[str]
    problem: str


def hit(results: list[Killed]) -> set[str]:
    return {name_of(result.point) for result in results if result.hit}


def name_of(point: str) -> str:
    return point.partition("#")[0]


def report(passed: list[str], results: list[Killed], seconds: float) -> None:
    """One row for each name: how many times a night passes it, was killed there, and came out right."""
    names = {name_of(result.point) for result in results}
    passes = Counter(name for name in map(name_of, passed) if name in names)
    met = Counter(name_of(result.point) for result in results if result.hit)
    good = Counter(name_of(result.point) for result in results if not result.problem)
    middle = Counter(what for result in results for what in result.middle)
    print(f"\n{'point':32} {'passed':>6} {'killed':>6} {'right':>6}")
    for name in passes:
        print(f"{name:32} {passes[name]:6} {met[name]:6} {good[name]:6}")
    print(f"{'in all':32} {passes.total():6} {met.total():6} {good.total():6}   {seconds:.0f} s")
    for what, count in middle.items():
        print(f"{'in the middle of ' + what:39} {count:6}")
