"""The lock that a session leaves on each server before it changes anything there."""

from __future__ import annotations

from pathlib import Path

from tests.hosts import Hosts
from tests.night.sessions import Cockpit, write_plan

COPY = """
[[steps]]
id = "copy"
on = "fs01"
copy = { from = "/srv/data/", to = "db01:/srv/copy/" }
"""


def test_a_copy_asks_before_it_writes_into_another_nights_server(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("db01", user="root")
    one.path("/srv/data").mkdir()
    one.path("/srv/data/file").write_text("data")
    two.run("umask 077; mkdir -p $HOME/.cockpit/jobs; printf '%s\\n' another-night 1 otto > $HOME/.cockpit/claim")
    follower = cockpit.start(write_plan(place, [one, two], COPY))
    assert "otto" in cockpit.needs("lock-db01")["what"]
    assert not two.path("/srv/copy").exists()
    cockpit.do("answer", "lock-db01", value="take", as_="maria")
    assert follower.wait(30) == 0
    assert two.path("/srv/copy/file").read_text() == "data"


def test_a_dropped_copy_leaves_no_key_on_the_other_side(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("db01", user="root")
    two.path("/srv/data").mkdir()
    two.path("/srv/data/file").write_bytes(bytes(range(256)) * 40_000)
    keys = two.path("/root/.ssh/authorized_keys")
    steps = '\n[[steps]]\nid = "copy"\non = "fs01"\ncopy = { from = "db01:/srv/data/", to = "/srv/copy/", limit = "200KB/s" }\n'
    talk = '\n[[steps]]\nid = "talk"\nmanual = "Call the customer"\n'
    cockpit.start(write_plan(place, [one, two], steps + talk))
    cockpit.until(lambda s: (s["tasks"][0]["bytes_done"] or 0) > 100_000)
    assert "cockpit-route" in keys.read_text()
    cockpit.do("drop", "fs01", why="it burns", as_="maria")
    cockpit.until(lambda s: "cockpit-route" not in keys.read_text())
