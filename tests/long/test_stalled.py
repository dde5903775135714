"""A screen that is not read for a minute, then killed: the engine's lag and the gaps between its samples stay as they were."""

from __future__ import annotations

import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from cockpit.journal.reader import Reader
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, write_plan

STALL = 60.0
STEPS = """
[[steps]]
id = "count"
on = "all"
run = "i=0; while [ $i -lt 900 ]; do echo line $i; i=$((i+1)); sleep 0.1; done"

[[steps]]
id = "end"
gate = {}
"""


@pytest.mark.timeout(300)
def test_a_follower_stopped_for_a_minute(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    follower = cockpit.start(write_plan(place, [hosts("fs01", user="root"), hosts("web01", user="root")], STEPS))
    cockpit.until_state("count@fs01", "running")
    begun = time.time()
    time.sleep(15)  # the measure before
    stopped = time.time()
    follower.send_signal(signal.SIGSTOP)
    time.sleep(STALL)
    follower.kill()
    ended = time.time()
    cockpit.needs("gate-end", seconds=60)
    before, during = figures(cockpit, begun, stopped), figures(cockpit, stopped, ended)
    print(f"\nlongest gap between samples, p99 of the loop's lag: before {before}, stopped {during}")
    assert during[0] <= before[0] + 1.0
    assert during[1] <= max(4 * before[1], 0.05)
    cockpit.do("go", "end", as_="maria")
    assert cockpit.ended() == "done"
    assert cockpit.output("count@fs01") == b"".join(b"line %d\n" % i for i in range(900))


def figures(cockpit: Cockpit, since: float, until: float) -> tuple[float, float]:
    """(longest gap in seconds, highest p99 in seconds) of the engine's own samples in this time."""
    reader = Reader.open(cockpit.session().journal_path)
    samples = reader.samples("engine", since, until)
    reader.close()
    lags = [float(s.values["lag_p99"] or 0.0) for s in samples]
    return round(max(b.at - a.at for a, b in pairwise(samples)), 3), round(max(lags), 4)
