"""Screens not read for a minute, closed and killed: the engine's lag and the gaps between its samples stay as they were."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import psutil
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


class Screen:
    """`cockpit attach` on a terminal of its own, which is read only while `reading` is set."""

    def __init__(self, cockpit: Cockpit) -> None:
        self.terminal, other = pty.openpty()
        environment = {**os.environ, **cockpit.env} | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        command = [sys.executable, "-m", "cockpit", "attach", cockpit.session().id]
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=other, stdout=other, stderr=other, env=environment,
        )  # its controlling terminal: closing it hangs up, as closing a window does
        os.close(other)
        self.reading, self.seen, self.painted = threading.Event(), 0, threading.Event()
        self.reading.set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while self.reading.wait() and (data := os.read(self.terminal, 65536)):
                self.seen += len(data)
                if self.seen > 4000:
                    self.painted.set()
        except OSError:
            pass  # the terminal was closed

    def cpu(self) -> float:
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])


@pytest.mark.timeout(400)
def test_a_screen_not_read_then_closed_and_one_that_is_killed(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    steps = STEPS.replace("900", "1500")
    cockpit.start(write_plan(place, [hosts("fs01", user="root"), hosts("web01", user="root")], steps))
    cockpit.until_state("count@fs01", "running")
    screen = Screen(cockpit)
    assert screen.painted.wait(30)
    marks = [time.time()]
    time.sleep(15)
    marks.append(time.time())
    screen.reading.clear()
    time.sleep(5)
    frozen = screen.cpu()
    time.sleep(STALL - 5)
    assert screen.cpu() - frozen < 2, "the screen went on drawing: this terminal did not stall it"
    marks.append(time.time())
    os.close(screen.terminal)
    screen.process.wait(timeout=60)
    other = Screen(cockpit)
    assert other.painted.wait(30)
    other.process.kill()
    time.sleep(10)
    marks.append(time.time())
    found = [figures(cockpit, since, until) for since, until in pairwise(marks)]
    print(f"\nlongest gap between samples, p99 of the loop's lag: before, unread, closed and killed: {found}")
    for gap, lag in found[1:]:
        assert gap <= found[0][0] + 1.0
        assert lag <= max(4 * found[0][1], 0.05)
    cockpit.needs("gate-end", seconds=200)
    cockpit.do("go", "end", as_="maria")
    assert cockpit.ended() == "done"
    assert cockpit.output("count@fs01") == b"".join(b"line %d\n" % i for i in range(1500))


def figures(cockpit: Cockpit, since: float, until: float) -> tuple[float, float]:
    """(longest gap in seconds, highest p99 in seconds) of the engine's own samples in this time."""
    reader = Reader.open(cockpit.session().journal_path)
    samples = reader.samples("engine", since, until)
    reader.close()
    lags = [float(s.values["lag_p99"] or 0.0) for s in samples]
    return round(max(b.at - a.at for a, b in pairwise(samples)), 3), round(max(lags), 4)
