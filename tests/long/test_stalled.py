"""Screens not read for a minute, closed, killed: the engine's lag and samples stay as they were. Read again, they are current."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from cockpit.journal.reader import Reader
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, write_plan
from tests.ui.terminal import Terminal

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


class Screen(Terminal):
    """`cockpit attach` in a tmux of its own, whose server can be stopped: then nobody reads the screen's terminal."""

    def attach(self, cockpit: Cockpit) -> psutil.Process:
        attach = f"{shlex.quote(sys.executable)} -m cockpit attach {cockpit.session().id}"
        self.start(attach, (120, 40), {**cockpit.env, "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]})
        self.sees("servers, critical", "line ")
        self.server = int(self.flag("pid"))  # once it is stopped it can't be asked
        return psutil.Process(self.pid())

    def signal(self, number: int) -> None:
        os.kill(self.server, number)

    def behind(self) -> float:
        """Seconds by which the clock in row 1 is not the present one."""
        shown = re.search(r"\b(\d\d):(\d\d):(\d\d)\b", self.text())
        assert shown is not None, self.text()
        now = time.localtime()
        ago = (now.tm_hour - int(shown[1])) * 3600 + (now.tm_min - int(shown[2])) * 60 + now.tm_sec - int(shown[3])
        return (ago + 43200) % 86400 - 43200


@contextmanager
def screen() -> Iterator[Screen]:
    window = Screen(f"cockpit-test-{os.getpid()}-{time.monotonic_ns()}")
    try:
        yield window
    finally:
        with suppress(AttributeError, ProcessLookupError):
            window.signal(signal.SIGCONT)
        window.kill()


@pytest.mark.timeout(400)
def test_a_screen_not_read_then_read_again_closed_and_one_that_is_killed(
    cockpit: Cockpit, hosts: Hosts, place: Path, tmp_path: Path
) -> None:
    steps = STEPS.replace("900", "1500")
    cockpit.start(write_plan(place, [hosts("fs01", user="root"), hosts("web01", user="root")], steps))
    cockpit.until_state("count@fs01", "running")
    with screen() as window, screen() as other:
        process, written = window.attach(cockpit), tmp_path / "written"
        window.tmux("pipe-pane", "-t", "night", f"exec cat > {shlex.quote(str(written))}")
        marks = [time.time()]
        time.sleep(15)
        marks.append(time.time())
        before = written.stat().st_size
        window.signal(signal.SIGSTOP)
        time.sleep(45)
        frozen = sum(process.cpu_times()[:2])
        time.sleep(STALL - 45)
        assert sum(process.cpu_times()[:2]) - frozen < 1, "the screen went on drawing: this terminal did not stall it"
        marks.append(time.time())
        window.signal(signal.SIGCONT)
        caught_up(window, written, before)
        window.kill()
        process.wait(timeout=60)
        marks.append(time.time())
        other.attach(cockpit).kill()
        time.sleep(10)
        marks.append(time.time())
    found = [figures(cockpit, since, until) for since, until in pairwise(marks)]
    print(f"\nlongest gap between samples, p99 of the loop's lag: before, unread, read again, closed and killed: {found}")
    for gap, lag in found[1:]:
        assert gap <= found[0][0] + 1.0
        assert lag <= max(4 * found[0][1], 0.05)
    cockpit.needs("gate-end", seconds=200)
    cockpit.do("go", "end", as_="maria")
    assert cockpit.ended() == "done"
    assert cockpit.output("count@fs01") == b"".join(b"line %d\n" % i for i in range(1500))


def caught_up(window: Screen, written: Path, before: int) -> None:
    """Within two seconds the clock is the present one, and stays it: no minute of frames is drawn first, nor afterwards.
    `before`: bytes that were written in the 15 seconds before nobody read."""
    began, rate = time.monotonic(), before / 15
    while (behind := window.behind()) > 1:
        assert time.monotonic() - began < 2, f"{behind:.0f} s behind\n{window.text()}"
    late, much = time.monotonic() - began, written.stat().st_size - before
    while time.monotonic() - began < late + 4:
        assert window.behind() <= 2, window.text()
    print(f"\ncurrent {late:.2f} s after it was read again, {much / 1000:.0f} kB written until then, {rate:.0f} bytes/s before")
    assert much < 40 * rate, "what it had drawn for nobody: no more than Textual keeps in its queue, not the whole minute"


def figures(cockpit: Cockpit, since: float, until: float) -> tuple[float, float]:
    """(longest gap in seconds, highest p99 in seconds) of the engine's own samples in this time."""
    reader = Reader.open(cockpit.session().journal_path)
    samples = reader.samples("engine", since, until)
    reader.close()
    lags = [float(s.values["lag_p99"] or 0.0) for s in samples]
    return round(max(b.at - a.at for a, b in pairwise(samples)), 3), round(max(lags), 4)
