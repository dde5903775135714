"""Faults of servers, of the way to them, and of the machine that cockpit runs on: found or unknown, never guessed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from cockpit.journal.reader import Reader
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, lines, write_plan

COUNT = """
[[steps]]
id = "count"
on = "all"
run = "echo ran >> /srv/runs; i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.1; done"
"""
COUNTED = b"".join(b"line %d\n" % i for i in range(30))


def test_sshd_is_killed_and_comes_back(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", shell="csh", sudo="nopasswd"), hosts("web01", user="root")
    follower = cockpit.start(write_plan(place, [one, two], COUNT))
    cockpit.until_state("count@fs01", "running")
    cockpit.until(lambda s: len(cockpit.output("count@fs01")) > 30)
    one.kill_sshd()
    cockpit.until_state("count@fs01", "unknown")
    assert cockpit.states()["count@web01"] in ("running", "done")
    one.start_sshd()
    assert follower.wait(40) == 0
    assert cockpit.output("count@fs01") == COUNTED == cockpit.output("count@web01")
    assert lines(one, "/srv/runs") == lines(two, "/srv/runs") == ["ran"]


REBOOTED = """
[[steps]]
id = "guarded"
on = "fs01"
once = true
probe = "test -e /srv/guarded"
run = "echo guarded >> /srv/runs; test $(grep -c guarded /srv/runs) -gt 1 || { sync; sleep 100; }; touch /srv/guarded"

[[steps]]
id = "had-been"
on = "fs01"
once = true
probe = "test -e /srv/had-been"
run = "echo had-been >> /srv/runs; touch /srv/had-been; sync; sleep 100"

[[steps]]
id = "plain"
on = "fs01"
run = "echo plain >> /srv/runs; echo half a line; sync; sleep 100"

[[steps]]
id = "restart"
on = "fs01"
reboot = true

[[steps]]
id = "last"
on = "fs01"
run = "echo last >> /srv/runs"
"""


def test_a_server_reboots_in_the_middle(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    follower = cockpit.start(write_plan(place, [host], REBOOTED))
    for line in ("guarded", "had-been", "plain"):
        cockpit.until(lambda s, line=line: line in lines(host, "/srv/runs"))
        cockpit.until_state(f"{line}@fs01", "running")
        host.reboot()
    assert "rebooted" in cockpit.needs("unknown-plain@fs01")["what"]
    assert cockpit.states()["restart@fs01"] == "blocked", "an unknown outcome is nobody's need met"
    cockpit.do("done", "plain@fs01", why="the file is there", as_="maria")
    assert follower.wait(40) == 0
    assert lines(host, "/srv/runs") == ["guarded", "guarded", "had-been", "plain", "last"]
    assert host.boot_count == 5
    assert cockpit.output("plain@fs01") == b"half a line\n"


COPY = """
[[steps]]
id = "copy"
on = "fs01"
copy = { from = "/srv/data/", to = "db01:/srv/copy/", limit = "8MB/s" }
"""


@pytest.mark.parametrize("which", ["fs01", "db01"])
def test_a_reboot_in_the_middle_of_a_copy(cockpit: Cockpit, hosts: Hosts, place: Path, which: str) -> None:
    made = {"fs01": hosts("fs01", user="root"), "db01": hosts("db01", user="root")}
    made["fs01"].path("/srv/data").mkdir()
    data = os.urandom(24_000_000)
    for part in range(8):
        made["fs01"].path(f"/srv/data/{part}").write_bytes(data[part * 3_000_000 :][:3_000_000])
    follower = cockpit.start(write_plan(place, made.values(), COPY))
    cockpit.until(lambda s: (s["tasks"][0]["bytes_done"] or 0) > 4_000_000)
    made[which].reboot()
    assert follower.wait(60) == 0
    assert b"".join(made["db01"].path(f"/srv/copy/{part}").read_bytes() for part in range(8)) == data
    for host in made.values():
        assert not list(host.root.glob("**/.cockpit/routes/*"))
        assert "cockpit-route" not in host.path("/root/.ssh/authorized_keys").read_text()


def test_a_swapped_host_key_stops_exactly_that_server(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("web01", user="root")
    plan = write_plan(place, [one, two], COUNT)
    one.swap_host_key()
    follower = cockpit.start(plan)
    cockpit.until_state("count@web01", "done")
    server = next(s for s in cockpit.status()["servers"] if s["name"] == "fs01")
    assert server["problem"] and "key" in str(server).lower()
    assert not lines(one, "/srv/runs")
    assert cockpit.states()["count@fs01"] == "ready"
    cockpit.do("drop", "fs01", why="its key changed and nobody knows why", as_="maria")
    assert follower.wait(20) == 0


REBUILT = """
[[steps]]
id = "rebuild"
on = "fs01"
new_host_key = true
run = "echo rebuilt >> /srv/runs; sleep 3; echo end"

[[steps]]
id = "last"
on = "fs01"
run = "echo last >> /srv/runs"
"""


def test_a_rebuilt_server_has_its_new_key_confirmed(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    follower = cockpit.start(write_plan(place, [host], REBUILT))
    cockpit.until(lambda s: lines(host, "/srv/runs") == ["rebuilt"])
    host.swap_host_key()
    host.drop_connections()
    asked = cockpit.needs("host-key-fs01")
    assert "SHA256:" in asked["what"]
    cockpit.do("answer", "host-key-fs01", value="accept", as_="maria")
    assert follower.wait(40) == 0
    assert lines(host, "/srv/runs") == ["rebuilt", "last"]


def test_an_engine_that_wakes_up_after_a_take_over(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    steps = COUNT + '\n[[steps]]\nid = "next"\non = "all"\nrun = "echo next >> /srv/runs"\n'
    steps += '\n[[steps]]\nid = "end"\ngate = {}\n'
    follower = cockpit.start(write_plan(place, [host], steps))
    cockpit.until_state("count@fs01", "running")
    cockpit.until(lambda s: lines(host, "/srv/runs") == ["ran"])
    old = cockpit.status()["engine"]["pid"]
    os.kill(old, signal.SIGSTOP)
    try:
        assert "take-over" in cockpit("resume", "--headless", code=2).stderr
        cockpit("resume", "--headless", "--take-over", code=4, timeout=60)
        new = cockpit.status()["engine"]
        assert new["pid"] != old and new["epoch"] == 2
        before = cockpit.facts()
    finally:
        os.kill(old, signal.SIGCONT)
    ended = wait_gone(old)
    assert ended, "the stale engine ends by itself"
    assert cockpit.facts()[: len(before)] == before
    assert not [f for f in cockpit.facts()[len(before) :] if f["kind"] != "PromptOpened"], "it wrote nothing"
    cockpit.do("go", "end", as_="maria")
    assert cockpit.ended() == "done"
    assert lines(host, "/srv/runs") == ["ran", "next"]
    assert cockpit.output("count@fs01") == COUNTED
    follower.wait(20)


def wait_gone(pid: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_stopped_follower_changes_nothing(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    """The one who looks is stopped, its pipe is full or it is killed: the engine's samples and its lag don't show it."""
    host = hosts("fs01", user="root")
    steps = COUNT.replace("-lt 30", "-lt 60") + '\n[[steps]]\nid = "end"\ngate = {}\n'
    follower = cockpit.start(write_plan(place, [host], steps))
    cockpit.until_state("count@fs01", "running")
    follower.send_signal(signal.SIGSTOP)
    stopped = time.time()
    cockpit.until(lambda s: s["tasks"][0]["state"] == "done", seconds=60)
    follower.kill()
    reader = Reader.open(cockpit.session().journal_path)
    samples = reader.samples("engine", 0, time.time())
    reader.close()
    gaps = [b.at - a.at for a, b in pairwise(samples) if a.at > stopped]
    assert gaps and max(gaps) < 4.0, gaps
    cockpit.do("go", "end", as_="maria")
    assert cockpit.ended() == "done"
    assert cockpit.output("count@fs01") == b"".join(b"line %d\n" % i for i in range(60))


def test_a_full_disk_starts_nothing_new_and_says_so(
    cockpit: Cockpit, hosts: Hosts, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=True)
    try:
        monkeypatch.setenv("XDG_STATE_HOME", str(small))
        host = hosts("fs01", user="root")
        steps = COUNT + '\n[[steps]]\nid = "next"\non = "all"\nrun = "echo next >> /srv/runs"\n'
        follower = cockpit.start(write_plan(place, [host], steps))
        cockpit.until(lambda s: lines(host, "/srv/runs") == ["ran"])
        filler = small / "filler"
        with pytest.raises(OSError), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        cockpit.until(lambda s: "full" in (s["engine"]["problem"] or ""), seconds=20)
        refused = cockpit.do("note", value="is it?", code=2)
        assert "cannot be written" in refused and "full" in refused
        time.sleep(3)
        assert lines(host, "/srv/runs") == ["ran"], "nothing new starts"
        filler.unlink()
        assert follower.wait(40) == 0
        assert cockpit.output("count@fs01") == COUNTED
        assert lines(host, "/srv/runs") == ["ran", "next"]
        troubles = [f["data"]["problem"] for f in cockpit.facts() if f["kind"] == "EngineTroubled"]
        assert len(troubles) >= 2 and "full" in troubles[0] and troubles[-1] is None
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
