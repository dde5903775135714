"""The thin thread: plan → job → journal → status over a real sshd, and an engine killed in the middle."""

from __future__ import annotations

from pathlib import Path

from tests.hosts import Hosts
from tests.night.sessions import Cockpit, lines, write_plan

STEPS = """
[[steps]]
id = "hello"
on = "all"
run = "echo hello from {{ server.name }}; echo careful >&2; echo {{ server.name }} > /srv/mark"

[[steps]]
id = "look"
on = "all"
run = "cat /srv/mark"
capture = "mark"

[[steps]]
id = "use"
on = "all"
run = "echo got {{ captured.mark }}"
"""


def test_a_plan_runs_to_its_end(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    made = [hosts("fs01", user="root"), hosts("web01", shell="csh", user="root")]
    plan = write_plan(place, made, STEPS)
    cockpit("run", str(plan), "--headless")
    assert set(cockpit.states().values()) == {"done"}
    assert cockpit.status()["outcome"] == "done"
    assert cockpit.output("hello@fs01") == b"hello from fs01\n"
    assert cockpit.output("hello@fs01", stream="err") == b"careful\n"
    assert cockpit.output("use@web01") == b"got web01\n"
    assert lines(made[0], "/srv/mark") == ["fs01"]


SLOW = """
[[steps]]
id = "slow"
on = "all"
run = '''
echo started >> /srv/runs
i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.1; done
'''

[[steps]]
id = "after"
on = "all"
run = "echo after >> /srv/runs"
"""


def test_a_killed_engine_is_resumed_and_nothing_runs_twice(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    plan = write_plan(place, [host], SLOW)
    cockpit("run", str(plan), "--headless", "--wait", code=3, COCKPIT_CRASH="after AttemptStarted")
    cockpit("resume", "--headless")
    assert lines(host, "/srv/runs") == ["started", "after"]
    assert cockpit.output("slow@fs01") == b"".join(b"line %d\n" % i for i in range(40))


def test_a_job_goes_on_while_no_engine_is_there(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    plan = write_plan(place, [host], SLOW)
    follower = cockpit.start(plan)
    cockpit.until(lambda s: any(t["state"] == "running" for t in s["tasks"]))
    cockpit.kill_engine()
    assert follower.wait(20) == 3
    cockpit("resume", "--headless")
    assert lines(host, "/srv/runs") == ["started", "after"]
    assert cockpit.output("slow@fs01") == b"".join(b"line %d\n" % i for i in range(40))

