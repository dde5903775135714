"""The pace of transfers on real servers, from outside: the limit, a pause, who goes first. And words of people that come late."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tests.hosts import Host, Hosts
from tests.night.sessions import Cockpit, task_name, write_plan

MB = 1_000_000
HEAD = '[limits]\nbandwidth = "1MB/s"\ntransfers = 1\n\n'


def copies(*names: str, after: str = "") -> str:
    steps = [
        f'\n[[steps]]\nid = "{name}"\non = "fs01"\nneeds = []\n'
        f'copy = {{ from = "/srv/{name}/", to = "db01:/srv/{name}/", method = "sftp" }}\n' for name in names
    ]  # fmt: skip
    return "".join(steps) + after


def filled(hosts: Hosts, size: int, *names: str) -> tuple[Host, Host]:
    one, two = hosts("fs01", user="root"), hosts("db01", user="root")
    for name in names:
        one.path(f"/srv/{name}").mkdir()
        one.path(f"/srv/{name}/file").write_bytes(os.urandom(size))
    return one, two


def moved(status: dict[str, Any], name: str) -> int:
    return int(next(t["bytes_done"] or 0 for t in status["tasks"] if task_name(t) == name))


def same(one: Host, two: Host, name: str) -> bool:
    return bool(one.path(f"/srv/{name}/file").read_bytes() == two.path(f"/srv/{name}/file").read_bytes())


def test_a_limit_pause_and_front_take_hold_while_transfers_run(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = filled(hosts, 12 * MB, "a", "b", "c")
    follower = cockpit.start(write_plan(place, [one, two], copies("a", "b", "c"), head=HEAD))
    status = cockpit.until(lambda s: moved(s, "a@fs01") > MB)
    assert status["transfers"] == {"limit": MB, "limit_by": None, "queue": ["b@fs01", "c@fs01"]}

    # A limit of next to nothing, then the next in the queue is another.
    assert "within a minute" in cockpit.do("limit", "80kbit/s", as_="maria")
    assert "that is the limit already, by maria" in cockpit.do("limit", "80kbit/s", as_="otto", code=2)
    assert "c@fs01 is the next transfer" in cockpit.do("front", "c", as_="otto")
    assert "the larger part of" in cockpit.do("front", "a")
    assert "is the first already" in cockpit.do("front", "a", code=2)
    status = cockpit.status()
    assert status["transfers"] == {"limit": 10_000, "limit_by": "maria", "queue": ["c@fs01", "b@fs01"]}
    before, since = moved(status, "a@fs01"), time.monotonic()
    cockpit.until(lambda s: time.monotonic() - since > 4)
    assert moved(cockpit.status(), "a@fs01") - before <= 3 * MB, "what was under way arrives; then 40 kB in 4 s"

    # Paused, it gives its turn away, keeps its attempt, and does not move.
    assert "a@fs01 is paused" in cockpit.do("pause", "a", as_="maria")
    assert "paused already, by maria" in cockpit.do("pause", "a", as_="otto", code=2)
    assert cockpit.until_state("c@fs01", "running")["attempt"] == 1
    task = cockpit.task("a@fs01")
    assert (task["state"], task["why_waiting"], task["paused_by"]) == ("running", "paused by maria", "maria")
    assert "the plan's" in cockpit.do("limit", "none", as_="maria")
    cockpit.do("limit", "100MB/s", as_="maria")
    cockpit.until_state("b@fs01", "done")
    assert cockpit.task("c@fs01")["ended"] <= cockpit.task("b@fs01")["started"], "one at a time, the fronted one first"
    stood = moved(cockpit.status(), "a@fs01")
    assert stood < 12 * MB and cockpit.task("a@fs01")["state"] == "running"

    # It goes on where it was, to the end.
    cockpit.do("unpause", "a", as_="otto")
    assert follower.wait(30) == 0
    assert all(same(one, two, name) for name in "abc")
    assert [t["attempt"] for t in cockpit.status()["tasks"]] == [1, 1, 1]
    said = cockpit("log").stdout
    for words in ("a@fs01: paused, by maria", "a@fs01: unpaused, by otto", "c@fs01: goes before the other transfers, by otto"):
        assert words in said


def test_a_pause_outlives_the_engine(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = filled(hosts, 6 * MB, "a")
    cockpit.start(write_plan(place, [one, two], copies("a"), head=HEAD))
    cockpit.until(lambda s: moved(s, "a@fs01") > MB)
    cockpit.do("pause", "a", as_="maria")
    cockpit.kill_engine()
    cockpit("resume", "--headless", code=4)  # nothing goes on without a person: it says so and leaves
    task = cockpit.until_state("a@fs01", "running")
    assert task["paused_by"] == "maria" and not two.path("/srv/a/file").exists()
    cockpit.do("unpause", "a", as_="maria")
    assert cockpit.ended() == "done" and same(one, two, "a")


def test_verbs_about_what_is_no_transfer_are_refused_with_what_to_do(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one = hosts("fs01", user="root")
    talk = '\n[[steps]]\nid = "talk"\nmanual = "Call"\n'
    cockpit.start(write_plan(place, [one], talk))
    cockpit.needs("manual-talk")
    assert "not a transfer" in cockpit.do("pause", "talk", code=2)
    for wrong in ("fast", "", "0Mbit/s"):
        assert "pause it" in cockpit.do("limit", wrong, code=2) or wrong == ""
    assert "say what you have seen" in cockpit.do("ack", code=2)
    cockpit.do("limit", "40MB/s")
    cockpit.do("done", "talk", as_="maria")


def test_a_cancel_is_heard_while_another_nights_lock_is_asked_about(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    """Two copies wait for the same word: the question goes with the second of them."""
    one, two = filled(hosts, 1000, "a", "b")
    two.run("umask 077; mkdir -p $HOME/.cockpit/jobs; printf '%s\\n' another-night 1 otto > $HOME/.cockpit/claim")
    cockpit.start(write_plan(place, [one, two], copies("a", "b"), head="[limits]\ntransfers = 2\n\n"))
    cockpit.needs("lock-db01")
    cockpit.do("cancel", "a", as_="maria")
    assert cockpit.until_state("a@fs01", "cancelled")["error"] == "cancelled before it was begun"
    cockpit.needs("lock-db01")
    cockpit.do("cancel", "b", as_="maria")
    cockpit.until_state("b@fs01", "cancelled")
    cockpit.until(lambda s: not any(n["kind"] == "lock" for n in s["needs_you"]))
    cockpit.do("retry", "b", as_="maria")
    cockpit.needs("lock-db01")
    cockpit.do("answer", "lock-db01", value="take", as_="maria")
    cockpit.until_state("b@fs01", "done")
    cockpit.do("skip", "a", why="not needed", as_="maria")
    assert cockpit.ended() == "done"


def test_what_was_skipped_can_be_run_after_all(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one = hosts("fs01", user="root")
    steps = (
        '\n[[steps]]\nid = "work"\non = "fs01"\nstart = "manual"\nneeds = []\nrun = "echo x >> /srv/runs"\n'
        '\n[[steps]]\nid = "talk"\nneeds = []\nmanual = "Call"\n'
    )
    cockpit.start(write_plan(place, [one], steps))
    cockpit.needs("start-work@fs01")
    cockpit.do("skip", "work", why="later", as_="maria")
    cockpit.until_state("work@fs01", "skipped")
    cockpit.do("retry", "work", as_="maria")
    cockpit.do("start", "work", as_="maria")
    cockpit.until_state("work@fs01", "done")
    assert one.path("/srv/runs").read_text() == "x\n"
    cockpit.do("done", "talk", as_="maria")
    assert cockpit.ended() == "done"


UNDO = (
    '\n[[steps]]\nid = "work"\non = "fs01"\nonce = true\nprobe = "test -e /srv/never"\nrun = "echo x >> /srv/runs"\n'
    'undo = "test -e /srv/may"\n'
    '\n[[steps]]\nid = "talk"\nneeds = []\nmanual = "Call"\n'
    '\n[[steps]]\nid = "more"\non = "fs01"\nneeds = ["talk"]\nrun = "echo more >> /srv/runs"\n'
)


def test_an_undo_that_fails_asks_and_holds_its_server(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one = hosts("fs01", user="root")
    cockpit.start(write_plan(place, [one], UNDO))
    cockpit.until_state("work@fs01", "done")
    cockpit.do("undo", "work", why="wrong", as_="maria")
    assert "its undo failed: exit 1" in cockpit.needs("undo-work@fs01")["what"]
    cockpit.do("done", "talk", as_="maria")
    cockpit.until(lambda s: any("work@fs01 needs a decision" in (t["why_waiting"] or "") for t in s["tasks"]))
    assert "must not run twice" in cockpit.do("retry", "work", code=2)
    cockpit.do("answer", "undo-work@fs01", value="undo", as_="maria")
    cockpit.until(lambda s: [(a["purpose"], a["result"]) for a in s["attempts"]].count(("undo", "failed")) == 2)
    cockpit.needs("undo-work@fs01")
    cockpit.do("answer", "undo-work@fs01", value="keep", as_="maria")
    assert cockpit.ended() == "done"
    assert one.path("/srv/runs").read_text() == "x\nmore\n"
