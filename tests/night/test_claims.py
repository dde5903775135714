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
