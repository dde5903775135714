"""A server loses power, and with it the youngest records of jobs: what may have run is not simply begun again."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.hosts import Hosts
from tests.night.sessions import Cockpit, lines, write_plan

STEPS = """
[[steps]]
id = "rebuild"
on = "fs01"
run = "echo rebuild >> /srv/runs; sync; sleep 100"
"""


def test_a_job_whose_record_a_power_cut_took_is_asked_about(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    follower = cockpit.start(write_plan(place, [host], STEPS))
    cockpit.until(lambda s: lines(host, "/srv/runs"))
    cockpit.kill_engine()
    assert follower.wait(20) == 3
    records = list(host.root.glob("**/.cockpit/jobs"))
    assert records
    host.reboot()
    for there in records:
        shutil.rmtree(there)
    cockpit("resume", "--headless", code=4)
    assert "rebooted" in cockpit.needs("unknown-rebuild@fs01")["what"]
    assert lines(host, "/srv/runs") == ["rebuild"]
    cockpit.do("done", "rebuild@fs01", why="the disk is written", as_="maria")
    assert cockpit.ended() == "done"
