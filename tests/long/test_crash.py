"""The engine killed before and after every named commit and effect of two nights, one that goes as planned and one that does
not, each time resumed. Prints what was hit. And one night killed at one point after the other.

    python -m pytest tests/long/test_crash.py -s            (COCKPIT_POINTS="copy|claim": only points that match)
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest

from tests.hosts import Hosts
from tests.night import test_crash as crash
from tests.night.crashes import Ground, Night, points
from tests.night.turns import Turns, turned

AT_ONCE = 2
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


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("sort", "make"), [(Night, Ground.make), (Turns, turned)], ids=["as-planned", "with-turns"])
def test_killed_at_every_point(hosts: Hosts, place: Path, sort: type[Night], make: Callable[[Hosts, Path], Ground]) -> None:
    grounds: Queue[Ground] = Queue()
    for number in range(AT_ONCE):
        grounds.put(make(hosts, place / str(number)))
    first = grounds.get()
    wanted = [p for p in points(first, sort) if re.search(os.environ.get("COCKPIT_POINTS", ""), p)]
    grounds.put(first)
    begun = time.monotonic()

    def killed(point: str) -> tuple[str, int, str]:
        ground = grounds.get()
        night = sort(ground, (point,))
        try:
            night.run().check()
            return point, night.kills, ""
        except Exception as problem:
            print(f"\n{point}: {problem}", flush=True)
            night.end()
            ground = make(hosts, place / f"after-{point.replace(' ', '-')}")
            return point, 0, str(problem)
        finally:
            grounds.put(ground)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(killed, wanted))
    report(results, time.monotonic() - begun)
    bad = [(point, problem) for point, _, problem in results if problem]
    assert not bad, "\n\n".join(f"{point}: {problem}" for point, problem in bad[:3])


def report(results: list[tuple[str, int, str]], seconds: float) -> None:
    """One row for each name: how many times it was passed, killed at, and came out right."""
    passed, hit, good = Counter[str](), Counter[str](), Counter[str]()
    for point, kills, problem in results:
        name = point.partition("#")[0]
        passed[name] += 1
        hit[name] += kills > 0
        good[name] += not problem
    print(f"\n{'point':32} {'passed':>6} {'killed':>6} {'right':>6}")
    for name in passed:
        print(f"{name:32} {passed[name]:6} {hit[name]:6} {good[name]:6}")
    print(f"{'in all':32} {passed.total():6} {hit.total():6} {good.total():6}   {seconds:.0f} s")
