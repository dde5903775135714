"""`cockpit preflight` tries and measures every way between two servers, and leaves nothing of any, cut off or not."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet import trial
from cockpit.preflight import copies
from tests.cli.test_preflight import COPY, PINNED, asked, data
from tests.copy import trees
from tests.hosts import Host, Hosts, require
from tests.hosts.tools import find
from tests.long.test_copy_tunnel import holders, nothing_held
from tests.night.sessions import Cockpit, write_plan

LOGIN = "printf x >> /root/logins\n"


def two(hosts: Hosts, ours: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None) -> tuple[Host, Host]:
    """fs01 and nas01 of `COPY`, with something to copy."""
    fs01, nas01 = hosts("fs01", user="root", **ours or {}), hosts("nas01", user="root", **theirs or {})
    data(fs01, 3_000_000)
    return fs01, nas01


def ways(copy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name; what is said of the copy as a whole is what is said of the way that it takes."""
    taken = [way for way in copy["ways"] if way["taken"]]
    assert [(way["way"], way["rate"], way["measured"]) for way in taken] == [(copy["way"], copy["rate"], copy["measured"])]
    for way in copy["ways"]:
        assert (way["problem"] is None) != (way["measured"] is None), way
    return {way["way"]: way for way in copy["ways"]}


def test_push_where_the_target_cannot_log_in_anywhere(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = two(hosts, {"sshd_config": "AllowTcpForwarding no"}, {"without": ("ssh",)})
    plan = write_plan(place, [fs01, nas01], COPY % "")
    found = ways(asked(cockpit, plan, 0)["copies"][0])
    assert {name: bool(way["rate"]) for name, way in found.items()} == {"pull": False, "push": True, "tunnel": False}
    assert found["push"]["taken"] and found["push"]["job"] == "fs01"
    assert "nas01 has no OpenSSH client" in found["pull"]["problem"] and "forwarding failed" in found["tunnel"]["problem"]
    said = cockpit("preflight", str(plan)).stdout
    assert "push: fs01 reaches nas01\n" in said and "no pull    nas01 has no OpenSSH client" in said, said
    assert trees.left_behind(fs01, nas01) == []


def test_a_tunnel_where_they_cannot_reach_each_other(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = two(hosts, {"bastion": True}, {"bastion": True})
    copy = asked(cockpit, write_plan(place, [fs01, nas01], COPY % ""), 0)["copies"][0]
    found = ways(copy)
    assert {name: bool(way["rate"]) for name, way in found.items()} == {"pull": False, "push": False, "tunnel": True}
    assert "nas01 can't log in to fs01" in copy["why"] and "through a tunnel of this machine" in copy["why"]
    assert trees.left_behind(fs01, nas01) == []
    asyncio.run(nothing_held())


def test_over_sftp_where_there_is_no_way_between_them(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = two(hosts, {"without": ("ssh",)}, {"without": ("ssh",)})
    found = ways(asked(cockpit, write_plan(place, [fs01, nas01], COPY % ""), 0)["copies"][0])
    assert {name: bool(way["rate"]) for name, way in found.items()} == {
        "pull": False, "push": False, "tunnel": False, "relay": True,
    }  # fmt: skip


@pytest.mark.parametrize("route", ["pull", "push", "tunnel"])
def test_a_pinned_way_alone_is_tried(route: str, cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = two(hosts)
    found = ways(asked(cockpit, write_plan(place, [fs01, nas01], PINNED % route), 0)["copies"][0])
    assert list(found) == [route] and found[route]["rate"] > 1_000_000
    assert trees.left_behind(fs01, nas01) == []


def test_a_pinned_way_that_cannot_be_gone_has_no_other_in_its_place(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = two(hosts, None, {"without": ("ssh",)})
    copy = asked(cockpit, write_plan(place, [fs01, nas01], PINNED % "pull"), 1)["copies"][0]
    assert [(way["way"], way["taken"], way["rate"]) for way in copy["ways"]] == [("pull", False, None)]
    assert copy["rate"] is None and "no OpenSSH client" in copy["ways"][0]["problem"]


def slow_pulls(host: Host, rate: str) -> None:
    """What leaves through its sshd is slow, as behind a firewall that looks into everything; logins of its own are not."""
    enter = [str(find("nsenter")), f"--net=/proc/{host.wire.holder}/ns/net", str(find("tc"))]
    for words in (
        "qdisc add dev eth0 root handle 1: htb default 1",
        "class add dev eth0 parent 1: classid 1:1 htb rate 10gbit quantum 60000",
        f"class add dev eth0 parent 1: classid 1:2 htb rate {rate}",
        f"filter add dev eth0 parent 1: protocol ip u32 match ip sport {host.port} 0xffff flowid 1:2",
    ):
        subprocess.run([*enter, *words.split()], check=True, capture_output=True)


def test_a_way_that_is_clearly_faster_is_named_with_how_to_take_it(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    require("tc")
    fs01, nas01 = two(hosts, {"bastion": True}, {"bastion": True})
    for host in (fs01, nas01):
        host.wire.join()
    slow_pulls(fs01, "24mbit")
    copy = asked(cockpit, write_plan(place, [fs01, nas01], COPY % ""), 0)["copies"][0]
    found = ways(copy)
    assert copy["way"] == "pull" and found["pull"]["rate"] < 4_000_000 < found["push"]["rate"], found
    faster = next(f for f in copy["findings"] if f["what"] == "faster")
    assert faster["level"] == "warn" and "push" in faster["text"] and 'route = "push"' in faster["instead"]

    for words in (PINNED % "push", COPY.replace(" }", ', limit = "1MB/s" }') % ""):
        copy = asked(cockpit, write_plan(place, [fs01, nas01], words), 0)["copies"][0]
        assert [f for f in copy["findings"] if f["what"] == "faster"] == [], "it is taken, or would not be felt"
    assert trees.left_behind(fs01, nas01) == []


def test_a_way_that_hangs_is_given_up_where_another_works(
    cockpit: Cockpit, hosts: Hosts, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At nas01's storage address somebody takes connections and says nothing."""
    monkeypatch.setattr(trial, "PATIENCE", 2.0)
    fs01, nas01 = two(hosts)
    with socket.create_server(("127.88.0.1", nas01.port)):
        plan = write_plan(place, [fs01, nas01], COPY % "", nas01={"data_host": "127.88.0.1"})
        found = ways(asked(cockpit, plan, 0)["copies"][0])
    assert found["pull"]["taken"] and found["push"]["problem"] == "given up after 2 s"
    assert trees.left_behind(fs01, nas01) == []
    assert fs01.run("ps ax | grep '[s]sh -F'").stdout == b""


def test_the_time_for_ways_that_no_copy_takes_is_bounded(
    cockpit: Cockpit, hosts: Hosts, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be hundreds of pairs: the copy's own way is always tried."""
    monkeypatch.setattr(copies, "Allowance", lambda: trial.Allowance(0.0))
    found = ways(asked(cockpit, write_plan(place, two(hosts), COPY % ""), 0)["copies"][0])
    assert found["pull"]["taken"] and found["pull"]["rate"]
    assert "not tried" in found["push"]["problem"] and "not tried" in found["tunnel"]["problem"]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_cut_off_in_the_middle_it_leaves_nothing(told: signal.Signals, times: int, hosts: Hosts, place: Path) -> None:
    fs01, nas01 = two(hosts)
    plan = write_plan(place, [fs01, nas01], COPY % "")
    lines = [host.path("/root/.ssh/authorized_keys").read_text() for host in (fs01, nas01)]
    for reached in (lambda: "cockpit-route" in key(fs01), lambda: "cockpit-route" in key(nas01), lambda: holders("ssh ")):
        process = subprocess.Popen([sys.executable, "-m", "cockpit", "preflight", str(plan)], stderr=subprocess.PIPE, text=True)
        while not reached():
            assert process.poll() is None, process.communicate()
        process.send_signal(told)
        if times == 2:  # whoever is impatient, while what was made is being taken away
            held = key(fs01), key(nas01), holders("ssh ")
            while process.poll() is None and (key(fs01), key(nas01), holders("ssh ")) == held:
                pass
            process.send_signal(told)
        said = process.communicate(timeout=30)[1]
        assert process.returncode in (130, -told if times == 2 else 130), "the second may come when all is done"
        assert "interrupted" in said and "taken away" in said, said
        assert trees.left_behind(fs01, nas01) == []
        assert [key(host) for host in (fs01, nas01)] == lines
        asyncio.run(nothing_held())


def key(host: Host) -> str:
    return host.path("/root/.ssh/authorized_keys").read_text()
