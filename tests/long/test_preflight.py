"""`cockpit preflight` of targets on which nothing more can be made: no inodes left, read-only; and of a way that is not there."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_preflight import COPY, asked, data
from tests.copy import disks, trees
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, write_plan


def test_too_few_inodes_and_a_read_only_target_fail_tonight(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = hosts("fs01", user="root"), hosts("nas01", user="root")
    disks.mount(nas01, "/srv/vault", "few")
    data(fs01, 10)
    for n in range(200):
        fs01.path(f"/srv/data/f{n}").write_text("x")
    found = asked(cockpit, write_plan(place, [fs01, nas01], COPY % ""), 1)
    assert {f["what"]: f["level"] for f in found["room"]} == {"room": "good", "inodes": "bad"}
    nas01.run("mount -o remount,ro /srv/vault")
    copy = asked(cockpit, place / "night.toml", 1)["copies"][0]
    assert {f["what"]: f["level"] for f in copy["findings"]}["writing"] == "bad"


PINNED = """
[[steps]]
id = "pinned"
on = "a"
copy = { from = "/srv/vm.img", to = "b:/srv/vm.img", route = "pull" }
"""


def test_a_pinned_route_that_cannot_be_gone_fails_tonight(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    a, b = hosts("a", user="root", bastion=True), hosts("b", user="root", bastion=True)
    trees.sparse(a.path("/srv/vm.img"), 8 << 20, data=1 << 20)
    pinned = cockpit("preflight", str(write_plan(place, [a, b], PINNED)), "--json", code=None)
    assert pinned.returncode != 0 and "pins the route pull" in pinned.stdout
