"""What people decide in a night: manual steps, gates, no-go and backout, hold, start, skip, undo, cancel, drop."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.hosts import Hosts
from tests.night.sessions import Cockpit, lines, write_plan

GATES = """
[[steps]]
id = "work"
on = "all"
run = "echo work >> /srv/runs"
undo = "echo undone >> /srv/runs"

[[steps]]
id = "look"
on = "all"
verify = [ { run = "test -e /srv/good", name = "good" } ]

[[steps]]
id = "gate"
title = "Tear down?"
gate = { requires = ["look/good"], approvers = 2 }

[[steps]]
id = "by-hand"
on = "all"
start = "manual"
run = "echo by hand >> /srv/runs"

[[steps]]
id = "each"
on = "all"
manual = "Look at {{ server.name }}"

[[steps]]
id = "last"
gate = { approvers = ["maria"], no_return = true }

[[steps]]
id = "finalize"
on = "all"
run = "echo final >> /srv/runs"

[[backout]]
id = "back"
on = "all"
run = "echo back >> /srv/runs"
"""


def test_a_night_with_people(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("web01", user="root")
    one.path("/srv/good").touch()
    follower = cockpit.start(write_plan(place, [one, two], GATES))

    # A proof fails: that server is held and asked about, the gate does not open by skipping it silently.
    cockpit.needs("failed-look@web01")
    cockpit.until_state("look@fs01", "done")
    assert "not asked yet" in cockpit.do("go", "gate", as_="maria", code=2)
    two.path("/srv/good").touch()
    cockpit.do("retry", "look@web01", as_="maria")

    # Undone and done again while the gate waits: the proof is stale until it is repeated.
    cockpit.needs("gate-gate")
    cockpit.do("undo", "work@fs01")
    cockpit.until_state("work@fs01", "undone")
    cockpit.needs("failed-work@fs01")
    cockpit.do("retry", "work@fs01")
    cockpit.until_state("work@fs01", "done")
    assert lines(one, "/srv/runs") == ["work", "undone", "work"]
    assert "stale" in cockpit.do("go", "gate", as_="maria", code=2)
    assert "is done" in cockpit.do("retry", "work@fs01", code=2), "work that is done is not repeated; a proof may be"
    cockpit.do("retry", "look@fs01", as_="maria")
    cockpit.until_state("look@fs01", "done")
    assert "still needs 1 approval" in cockpit.do("go", "gate", as_="maria")

    cockpit("stop", cockpit.session().id)
    assert follower.wait(20) == 3


def test_gates_take_their_people(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("web01", user="root")
    for host in (one, two):
        host.path("/srv/good").touch()
    follower = cockpit.start(write_plan(place, [one, two], GATES))
    cockpit.needs("gate-gate")
    assert "still needs 1 approval" in cockpit.do("go", "gate", as_="maria")
    assert "said go already" in cockpit.do("go", "gate", as_="maria", code=2)
    cockpit.do("no-go", "gate", as_="otto")
    assert cockpit.needs("no-go-gate")["kind"] == "no-go"
    assert "otto has said no-go" in cockpit.do("no-go", "gate", as_="maria", code=2)
    cockpit.do("go", "gate", as_="otto")
    cockpit.until_state("gate", "done")

    cockpit.needs("start-by-hand@fs01")
    assert lines(one, "/srv/runs") == ["work"]
    cockpit.do("hold", "web01")
    cockpit.do("start", "by-hand@fs01")
    cockpit.do("start", "by-hand@web01")
    cockpit.until_state("by-hand@fs01", "done")
    assert "is held" in cockpit.task("by-hand@web01")["why_waiting"]
    assert "is held already" in cockpit.do("hold", "web01", code=2)
    cockpit.do("release", "web01")
    cockpit.until_state("by-hand@web01", "done")

    assert "web01" in cockpit.needs("manual-each@web01")["what"], "the words are filled in"
    cockpit.needs("manual-each@fs01")
    assert "needs a reason" in cockpit.do("skip", "each@web01", code=2)
    cockpit.do("skip", "each@web01", why="seen by otto", as_="maria")
    cockpit.do("done", "each@fs01", as_="maria")
    cockpit.needs("gate-last")
    assert "you are otto" in cockpit.do("go", "last", as_="otto", code=2)
    cockpit.do("go", "last", as_="maria")
    assert follower.wait(20) == 0
    assert "has ended" in cockpit.do("note", value="too late", code=2)
    assert lines(one, "/srv/runs") == ["work", "by hand", "final"] == lines(two, "/srv/runs")
    skipped = cockpit.task("each@web01")
    assert (skipped["state"], skipped["who"], skipped["why"]) == ("skipped", "maria", "seen by otto")
    whose = {f["data"].get("task"): f["who"] for f in cockpit.facts() if f["kind"] == "TaskMarkedDone"}
    assert whose == {"each@fs01": "maria"}


def test_no_go_backs_the_night_out(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("web01", user="root")
    for host in (one, two):
        host.path("/srv/good").touch()
    follower = cockpit.start(write_plan(place, [one, two], GATES))
    cockpit.needs("gate-gate")
    cockpit.do("no-go", "gate", as_="maria")
    cockpit.needs("no-go-gate")
    assert "reason" in cockpit.do("answer", "no-go-gate", value="backout", code=2)
    cockpit.do("answer", "no-go-gate", value="backout", why="too late", as_="maria")
    assert follower.wait(20) == 1
    status = cockpit.status()
    assert status["outcome"] == "backed-out"
    assert status["needs_you"] == []
    assert lines(one, "/srv/runs") == ["work", "back"] == lines(two, "/srv/runs")


LONG = """
[[steps]]
id = "long"
on = "all"
run = "echo long >> /srv/runs; trap 'echo ended >> /srv/runs; exit 9' TERM; while :; do sleep 0.05; done"
undo = "rm -f /srv/runs"

[[steps]]
id = "after"
on = "all"
run = "echo after >> /srv/runs"

[[backout]]
id = "back"
on = "all"
run = "echo back >> /srv/runs"
"""


def test_cancel_drop_and_backout_while_running(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two, three = (hosts(n, user="root") for n in ("fs01", "web01", "db01"))
    follower = cockpit.start(write_plan(place, [one, two, three], LONG))
    for name in ("fs01", "web01", "db01"):
        cockpit.until_state(f"long@{name}", "running")
    cockpit.do("cancel", "long@fs01", as_="maria")
    cockpit.until_state("long@fs01", "cancelled")
    assert lines(one, "/srv/runs") == ["long", "ended"]
    cockpit.needs("failed-long@fs01")

    assert "reason" in cockpit.do("drop", "web01", code=2)
    cockpit.do("drop", "web01", why="it burns", as_="maria")
    states = cockpit.states()
    assert (states["long@web01"], states["after@web01"]) == ("cancelled", "skipped")
    assert "was dropped" in cockpit.do("retry", "web01", code=2)
    assert "was dropped" in cockpit.do("retry", "long@web01", code=2)

    cockpit.do("backout", why="enough", as_="maria")
    cockpit.until_state("back@fs01", "done")
    assert "long@db01 still runs" in cockpit.task("back@db01")["why_waiting"], "no way back over what still writes"
    cockpit.do("cancel", "long@db01")
    assert follower.wait(20) == 1
    assert cockpit.status()["outcome"] == "backed-out"
    assert lines(three, "/srv/runs") == ["long", "ended", "back"]
    assert "back" not in lines(two, "/srv/runs")


def test_a_gate_that_comes_too_late_says_until_when_it_made_sense(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    cockpit.start(write_plan(place, [host], '[[steps]]\nid = "gate"\ngate = { approvers = 1, by = "+1s" }\n'))
    cockpit.needs("gate-gate")
    begun_before = time.time()
    cockpit.until(lambda _: time.time() > begun_before + 1)
    said = cockpit.do("go", "gate", as_="maria", code=2)
    assert re.search(r"gate made sense until \d\d:\d\d: say why", said), said
    cockpit.do("go", "gate", as_="maria", why="the window was moved")
    assert cockpit.ended() == "done"
