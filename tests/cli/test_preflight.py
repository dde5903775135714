"""`cockpit preflight` on real servers: what it finds is there, and nothing of it stays behind.

tests/long/test_preflight.py has a target that is full of names, and one that is read-only.
"""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path
from typing import Any

from tests.copy import disks
from tests.hosts import Host, Hosts
from tests.night.sessions import Cockpit, write_plan

LOOK = '[[steps]]\nid = "look"\non = "all"\nrun = "true"\n'
COPY = """
[[steps]]
id = "backup"
on = ["fs01"]
copy = { from = "/srv/data/", to = "nas01:/srv/vault/" }
%s
"""
PINNED = COPY.replace(" }", ', route = "%s" }') % ("%s", "")
PULLED = PINNED % "pull"  # for what is no matter of ways: each that is tried takes a second


def levels(found: dict[str, Any], server: str) -> dict[str, str]:
    """What was looked at on a server -> good, warn or bad."""
    return {f["what"]: f["level"] for s in found["servers"] if s["name"] == server for f in s["findings"]}


def asked(cockpit: Cockpit, plan: Path, code: int, **env: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cockpit("preflight", str(plan), "--json", code=code, **env).stdout)
    assert found["ok"] == (code == 0)
    return found


def data(host: Host, size: int) -> None:
    host.path("/srv/data").mkdir(parents=True)
    host.path("/srv/data/one").write_bytes(os.urandom(size))


def test_seven_servers_each_of_its_sort(apart: Cockpit, seven: dict[str, Host], place: Path) -> None:
    plan = write_plan(place, seven.values(), LOOK.replace('"all"', str([n for n in seven if n != "nas01"]).replace("'", '"')))
    found = asked(apart, plan, 0, COCKPIT_SECRET_SUDO_PASSWORD=seven["fs01"].password or "")
    for name in seven:
        assert levels(found, name)["login"] == "good", name
    assert levels(found, "fs01")["sudo"] == "good"
    assert "sudo" not in levels(found, "db01")
    assert levels(found, "web01")["clock"] == "good"
    assert next(s for s in found["servers"] if s["name"] == "old01")["tools"].get("rsync") is None
    assert next(s for s in found["servers"] if s["name"] == "db01")["versions"]["rsync"].startswith("rsync")


def test_the_way_of_a_copy_is_tried_and_measured(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = hosts("fs01", user="root"), hosts("nas01", user="root")
    data(fs01, 3_000_000)
    found = asked(cockpit, write_plan(place, [fs01, nas01], COPY % ""), 0)
    copy = found["copies"][0]
    assert copy["way"] == "pull" and copy["rate"] > 1_000_000 and "zeros" in copy["measured"]
    assert [(way["way"], way["job"], way["taken"]) for way in copy["ways"]] == [
        ("pull", "nas01", True), ("push", "fs01", False), ("tunnel", "nas01", False),
    ]  # fmt: skip
    assert all(way["rate"] > 1_000_000 and way["problem"] is None for way in copy["ways"]), copy["ways"]
    assert copy["bytes"] == 3_000_000 and copy["bytes_from"] == "counted"
    assert [f["level"] for f in found["room"]] == ["good"]
    for host in (fs01, nas01):
        assert "cockpit-route" not in host.path("/root/.ssh/authorized_keys").read_text()
        assert not list(host.path("/root/.cockpit/routes").glob("*")) if host.path("/root/.cockpit/routes").exists() else True


def test_what_does_not_fit_fails_tonight(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = hosts("fs01", user="root"), hosts("nas01", user="root", small={"/srv": "8m"})
    data(fs01, 20_000_000)
    found = asked(cockpit, write_plan(place, [fs01, nas01], PULLED), 1)
    assert found["room"][0]["level"] == "bad" and "/srv" in found["room"][0]["text"]
    said = cockpit("preflight", str(place / "night.toml"), code=1).stdout
    assert "1 would fail tonight" in said and "make room" in said


def test_what_a_target_cannot_keep_is_said_tonight(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = hosts("fs01", user="root"), hosts("nas01", user="root")
    disks.mount(nas01, "/srv/vault", "exfat")
    data(fs01, 1000)
    fs01.path("/srv/data/twin").hardlink_to(fs01.path("/srv/data/one"))
    fs01.path("/srv/data/ONE").write_text("another")
    copy = asked(cockpit, write_plan(place, [fs01, nas01], PULLED), 1)["copies"][0]
    assert copy["survey"]["link_groups"] == 1 and copy["survey"]["files"] == 2
    assert copy["target"]["able"]["hard_links"] is False and copy["target"]["place"] == "/srv/vault"
    grave = {p["what"]: p["grave"] for p in copy["problems"]}
    assert grave["names"] == "refuse" and grave["hard links"] == "ask"
    levels = {f["what"]: f["level"] for f in copy["findings"]}
    assert levels["names"] == "bad" and levels["hard links"] == "warn"
    said = cockpit("preflight", str(place / "night.toml"), code=1).stdout
    assert "ONE" in said and "the copy will ask whether to go on without" in said


def test_an_estimate_that_the_network_cannot_keep_is_a_warning(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = hosts("fs01", user="root"), hosts("nas01", user="root")
    data(fs01, 1000)
    hopeful, narrow = 'estimate = { bytes = "1GB", rate = "900GB/s" }', '[limits]\nbandwidth = "1MB/s"\n'
    plan = write_plan(place, [fs01, nas01], COPY % hopeful, head=narrow)
    copy = asked(cockpit, plan, 0)["copies"][0]
    rate = next(f for f in copy["findings"] if f["what"] == "rate")
    assert rate["level"] == "warn" and "correct its estimate" in rate["instead"] and "limited to 1.00 MB/s" in rate["text"]


def test_a_server_with_only_sftp_is_measured_through_the_cockpit(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = hosts("fs01", user="root"), hosts("nas01", sftp_only=True)
    data(fs01, 2_000_000)
    plan = write_plan(place, [fs01, nas01], COPY % "")
    copy = asked(cockpit, plan, 0)["copies"][0]
    assert copy["way"] == "relay" and copy["rate"] > 100_000 and "removed again" in copy["measured"]
    assert not list(nas01.seen("/srv").rglob(".cockpit*"))


def test_what_is_wrong_with_each_server_is_said(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    dead, changed, locked, good = (hosts(n, user="root") for n in ("dead01", "chg01", "lck01", "ok01"))
    plan = write_plan(place, [dead, changed, locked, good], LOOK)
    dead.stop()
    changed.swap_host_key()
    locked.path("/root/.ssh/authorized_keys").write_text("")
    found = asked(cockpit, plan, 1)
    assert levels(found, "dead01") == {"contact": "bad"}
    assert levels(found, "chg01") == {"host key": "bad"}
    assert levels(found, "lck01") == {"login": "bad"}
    assert set(levels(found, "ok01").values()) == {"good"}


def test_sudo_without_its_password_and_a_missing_interpreter(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", sudo="password", without=("python3",))
    (place / "x.py").write_text("#!/usr/bin/env python3\nprint(1)\n")
    plan = write_plan(place, [host], '[[steps]]\nid = "x"\non = "all"\nscript = "x.py"\n')
    found = asked(cockpit, plan, 1)
    assert levels(found, "fs01")["sudo"] == "bad" and levels(found, "fs01")["script"] == "bad"


def test_a_password_is_asked_for_on_the_terminal_and_never_shown(hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", sudo="password")
    said, code = on_a_terminal([sys.executable, "-m", "cockpit", "preflight", str(write_plan(place, [host], LOOK))],
                               {"Password for sudo on fs01: ": f"{host.password}\n"})
    assert code == 0 and "works with the password" in said and str(host.password) not in said


def on_a_terminal(line: list[str], answers: dict[str, str]) -> tuple[str, int]:
    """What a command showed on a terminal of its own, each question answered when it comes; and its exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(line[0], line)
    said = b""
    while True:
        try:
            said += os.read(fd, 4096)
        except OSError:  # EIO: the other side has ended
            break
        for question in [q for q in answers if q.encode() in said]:
            os.write(fd, answers.pop(question).encode())
    os.close(fd)
    return said.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_login_that_depends_on_a_forwarded_agent(cockpit: Cockpit, hosts: Hosts, place: Path, agent: str) -> None:
    host = hosts("fs01", user="root")
    plan = write_plan(place, [host], LOOK)
    plan.write_text("\n".join(line for line in plan.read_text().splitlines() if not line.startswith("key =")))
    found = asked(cockpit, plan, 0, SSH_AUTH_SOCK=agent, SSH_CONNECTION="10.0.0.1 50000 10.0.0.2 22")
    assert found["here"][0]["level"] == "warn" and "fs01" in found["here"][0]["text"]
    found = asked(cockpit, plan, 0, SSH_AUTH_SOCK=agent)
    assert found["here"] == []
