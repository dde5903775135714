"""A night whose data goes through a tunnel, a pipe and a conversion: preflight finds the ways, the engine goes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.copy import trees
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, write_plan

STEPS = """
[[steps]]
id = "image"
on = "a"
copy = { from = "/srv/vm.img", to = "b:/srv/vm.img", convert = "qcow2" }

[[steps]]
id = "dump"
on = "a"
estimate = { bytes = "1MB", rate = "1MB/s" }
copy = { pipe = ["cat /srv/{{ server.name }}.sql", "cat > /srv/restored"], to = "b" }

[[steps]]
id = "broken"
on = "a"
on_failure = "continue"
copy = { pipe = ["cat /srv/nothing-there", "cat > /srv/nothing"], to = "b" }
"""


def test_through_a_tunnel(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    a, b = hosts("a", user="root", bastion=True), hosts("b", user="root", bastion=True)
    trees.sparse(a.path("/srv/vm.img"), 8 << 20, data=1 << 20)
    a.path("/srv/a.sql").write_bytes(os.urandom(1_000_000))
    plan = write_plan(place, [a, b], STEPS)
    found: dict[str, Any] = json.loads(cockpit("preflight", str(plan), "--json").stdout)
    assert [copy["way"] for copy in found["copies"]] == ["tunnel"] * 3, found["copies"]
    assert all(copy["rate"] for copy in found["copies"])
    assert {f["what"]: f["level"] for f in found["copies"][0]["findings"]}["convert"] == "good"
    ended = cockpit("run", str(plan), "--headless", code=None)
    assert b.path("/srv/restored").read_bytes() == a.path("/srv/a.sql").read_bytes(), ended
    assert b.path("/srv/vm.qcow2").exists(), ended
    status = json.loads(cockpit("status", "--json", code=None).stdout)
    states = {f"{task['step']}@{task['server']}": task["state"] for task in status["tasks"]}
    assert states == {"image@a": "done", "dump@a": "done", "broken@a": "failed"}, states
    assert trees.left_behind(a, b) == []
