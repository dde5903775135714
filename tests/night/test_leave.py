"""What a night leaves on its servers: nothing of its jobs once it is done, everything of them where it is not."""

from __future__ import annotations

import time
from pathlib import Path

from tests.hosts import Host, Hosts
from tests.night.sessions import Cockpit, write_plan

STEPS = '\n[[steps]]\nid = "work"\non = "all"\nrun = "echo hello"\n\n[[steps]]\nid = "talk"\nmanual = "Call"\n'


def records(host: Host) -> list[str]:
    """The files that jobs have in this host's homes."""
    found = host.run("find /root/.cockpit/jobs /home/*/.cockpit/jobs /var/tmp/cockpit* -type f -name '*.record' 2>/dev/null")
    return found.stdout.decode().split()


def test_a_night_that_is_done_takes_its_records_away(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    """Of the login and of root, and the locks; another night's records stay. What was printed is in the journal."""
    one, two = hosts("fs01", user="root"), hosts("web01", shell="csh", sudo="nopasswd")
    follower = cockpit.start(write_plan(place, [one, two], STEPS))
    cockpit.needs("manual-talk")
    assert len(records(one)) == len(records(two)) == 1
    one.run("mkdir -p /root/.cockpit/jobs/other; touch /root/.cockpit/jobs/other/x.record")
    cockpit.do("done", "talk", as_="maria")
    assert follower.wait(30) == 0
    assert records(one) == ["/root/.cockpit/jobs/other/x.record"] and records(two) == []
    assert not one.path("/root/.cockpit/claim").exists()
    assert not [host.name for host in (one, two) if list(host.path("/var/tmp").glob("cockpit-night~*"))]
    assert cockpit.output("work@fs01") == b"hello\n"


def test_an_engine_that_comes_back_only_to_end_the_night_leaves_no_more(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    """It ends at its first look, while its servers are still being told that it is the newer one."""
    both = hosts("fs01", user="root"), hosts("web01", shell="csh", sudo="nopasswd")
    steps = '\n[[steps]]\nid = "work"\non = "all"\nrun = "echo hello"\n'
    cockpit("run", str(write_plan(place, both, steps)), "--headless", COCKPIT_CRASH="before NightEnded", code=3)
    cockpit("resume", "--headless")
    assert [left for host in both for left in host.root.glob("**/.cockpit/jobs/[!.]*")] == []


def test_one_that_failed_leaves_them_to_be_looked_at(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one = hosts("fs01", user="root")
    steps = '\n[[steps]]\nid = "work"\non = "fs01"\nrun = "exit 3"\non_failure = "continue"\n'
    cockpit("run", str(write_plan(place, [one], steps)), "--headless", code=1)
    assert len(records(one)) == 1


def test_a_server_that_hangs_does_not_hold_up_the_end(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("web01", user="root")
    cockpit.start(write_plan(place, [one, two], STEPS))
    cockpit.needs("manual-talk")
    one.freeze()
    try:
        cockpit.do("done", "talk", as_="maria")
        began = time.monotonic()
        assert cockpit.ended(seconds=60) == "done"
        assert time.monotonic() - began < 20
        assert records(two) == [], "the others are tidied up all the same"
    finally:
        one.thaw()
