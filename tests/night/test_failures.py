"""What goes wrong in a night: failures under each rule, retries, timeouts, outcomes that nobody knows."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.hosts import Host, Hosts
from tests.night.sessions import Cockpit, lines, write_plan

RULES = """
[[steps]]
id = "flaky"
on = "fs01"
retries = 1
on_failure = "continue"
run = "echo try >> /srv/tries; test $(wc -l < /srv/tries) -gt 1"

[[steps]]
id = "optional"
on = "fs01"
on_failure = "continue"
run = "echo no >&2; exit 3"

[[steps]]
id = "slow"
on = "fs01"
timeout = "1s"
run = "trap 'echo ended; exit 1' TERM; echo begun; while :; do sleep 0.05; done"

[[steps]]
id = "after"
on = "fs01"
run = "echo after >> /srv/runs"

[[steps]]
id = "free"
on = "web01"
needs = []
run = "echo free >> /srv/runs"

[[steps]]
id = "stopper"
on = "web01"
needs = ["free"]
on_failure = "stop"
run = "exit 5"

[[steps]]
id = "last"
on = "fs01"
needs = ["after"]
run = "echo last >> /srv/runs"
"""


def test_failures_and_their_rules(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("web01", user="root")
    follower = cockpit.start(write_plan(place, [one, two], RULES))
    cockpit.needs("failed-stopper@web01")
    assert lines(two, "/srv/runs") == ["free"]
    cockpit.until(lambda s: "plan says stop" in str([t["why_waiting"] for t in s["tasks"]]))
    cockpit.do("skip", "stopper@web01", why="it is known")

    cockpit.needs("failed-slow@fs01")
    assert lines(one, "/srv/tries") == ["try", "try"]
    optional, slow = cockpit.task("optional@fs01"), cockpit.task("slow@fs01")
    assert (optional["state"], optional["exit"]) == ("failed", 3)
    assert slow["state"] == "failed" and "timeout" in slow["error"]
    assert cockpit.output("slow@fs01") == b"begun\nended\n"
    assert cockpit.task("after@fs01")["state"] == "blocked"
    cockpit.do("skip", "slow@fs01", why="not tonight", as_="maria")
    assert follower.wait(20) == 1, "something failed, if only what was allowed to"
    assert cockpit.status()["outcome"] == "failed"
    assert lines(one, "/srv/runs") == ["after", "last"]


UNKNOWN = """
[[steps]]
id = "guarded"
on = "fs01"
once = true
probe = "test -e /srv/guarded"
run = "echo guarded >> /srv/runs; test $(grep -c guarded /srv/runs) -gt 1 || sleep 100; touch /srv/guarded"

[[steps]]
id = "again"
on = "fs01"
retries = 1
run = "echo again >> /srv/runs; test $(grep -c again /srv/runs) -gt 1 || sleep 100"

[[steps]]
id = "bare"
on = "fs01"
run = "echo bare >> /srv/runs; sleep 100"

[[steps]]
id = "bare-two"
on = "fs01"
run = "echo two >> /srv/runs; test $(grep -c two /srv/runs) -gt 1 || sleep 100"
"""


def kill_jobs(host: Host) -> None:
    """SIGKILL every job with its wrapper, as a memory hog's end does: nobody is left to record anything."""
    assert host.space.signal(signal.SIGKILL, _is_job), "no job runs"


def _is_job(pid: int) -> bool:
    """The command (its stdout is the record) or its wrapper (which holds that open as its 6)."""
    for fd in (1, 6):
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{fd}").endswith(".out"):
                return True
    return False


def test_an_outcome_that_nobody_knows(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    follower = cockpit.start(write_plan(place, [host], UNKNOWN))
    until_line(cockpit, host, "guarded")
    kill_jobs(host)  # the probe says that it was not done: it may run again
    until_line(cockpit, host, "again")
    kill_jobs(host)  # no probe, but the plan says that it may run twice
    until_line(cockpit, host, "bare")
    kill_jobs(host)  # neither: a person
    assert "gone" in cockpit.needs("unknown-bare@fs01")["what"]
    assert lines(host, "/srv/runs") == ["guarded", "guarded", "again", "again", "bare"]
    cockpit.do("done", "bare@fs01", as_="maria")
    until_line(cockpit, host, "two")
    kill_jobs(host)
    cockpit.needs("unknown-bare-two@fs01")
    cockpit.do("failed", "bare-two@fs01")
    cockpit.needs("failed-bare-two@fs01")
    cockpit.do("retry", "bare-two@fs01")
    assert follower.wait(20) == 0
    assert lines(host, "/srv/runs")[-2:] == ["two", "two"]


def until_line(cockpit: Cockpit, host: Host, line: str) -> None:
    def there(_: object) -> bool:
        return line in lines(host, "/srv/runs") and any(t["state"] == "running" for t in cockpit.status()["tasks"])

    cockpit.until(there)
