"""The login between two servers: by a connection that waits for nothing, by ssh's own where that can't be made, and once more
without being tried where it was gone a moment ago."""

from __future__ import annotations

import array
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet import dialer, openroute
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.routes import find_route
from cockpit.fleet.sides import look
from cockpit.steps import copy
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts import Hosts
from tests.hosts.own import OWN_TOOLS, own_tool


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.77.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def test_the_dialer_passes_a_connection_that_sends_at_once() -> None:
    ours, its = socket.socketpair()
    with ours, listening() as server:
        with its:
            dialing = subprocess.Popen(
                [sys.executable, "-I", "-S", dialer.__file__, *map(str, server.getsockname())], stdin=its, stdout=its
            )
        accepted, _ = server.accept()
        _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_LEN(4))
        passed = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
        with accepted, passed:
            assert dialing.wait(20) == 0, "ssh waits for it"
            assert passed.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert passed.getblocking()
            passed.sendall(b"SSH-2.0-")
            accepted.settimeout(20)
            assert accepted.recv(8) == b"SSH-2.0-"
        ours.settimeout(20)
        assert ours.recv(1) == b"", "what acknowledges holds ssh's own descriptors"


@pytest.mark.parametrize(("where", "why"), [("127.77.0.1", "Connection refused"), ("nowhere.invalid", "[A-Z].+")])
def test_what_a_dialer_can_t_reach_it_says_as_ssh_does(where: str, why: str) -> None:
    with listening() as server:
        port = server.getsockname()[1]
    dialing = [sys.executable, "-I", "-S", dialer.__file__, where, str(port)]
    done = subprocess.run(dialing, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.fullmatch(f"ssh: connect to host {where} port {port}: {why}\n", done.stderr), done.stderr


async def copied(hosts: Hosts, tmp_path: Path, **dst: Any) -> tuple[Context, dict[str, Any]]:
    ours, theirs = hosts("dst", user="root", **dst), hosts("src", user="root")
    trees.make(theirs, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([theirs, ours], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [theirs, ours], step), step, "src")
        outcome = await copy.run(ctx)
    assert outcome.result == "done", (outcome, ctx.said)
    assert trees.left_behind(ours, theirs) == []
    return ctx, dict(outcome.detail)


async def test_a_server_without_python_is_logged_in_from_by_ssh_alone(hosts: Hosts, tmp_path: Path) -> None:
    _, detail = await copied(hosts, tmp_path, without=("python3",))
    assert detail["way"] == "pull"


@pytest.mark.parametrize("broken", ["exit 1", "echo no module named socket >&2; exit 1", "exec sleep 0.1"])
async def test_a_python_that_can_t_dial_is_left_out(hosts: Hosts, tmp_path: Path, broken: str) -> None:
    dst, src = hosts("dst", user="root", sshd_config=OWN_TOOLS), hosts("src", user="root")
    own_tool(dst, "python3", f"case $* in *dialer*) {broken};; esac\nexec /usr/bin/python3 \"$@\"")
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
    assert (outcome.result, outcome.detail["way"]) == ("done", "pull"), (outcome, ctx.said)


async def routes_of(fleet: Any, times: int) -> list[tuple[str, bool]]:
    """So many routes one after another, from dst to src: why, and whether it was believed."""
    found = []
    for n in range(times):
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        route, opened = await find_route(f"cockpit-route-{n}", theirs, ours)
        assert opened is not None, route
        found.append((route.why, opened.believed))
        await opened.permit("echo let in")
        done = await fleet.remote("dst").errand(f"sh {opened.shell} x x </dev/null", become=False)
        assert done.stdout == b"let in\n", done
        await opened.close()
    return found


async def test_a_way_that_was_gone_is_gone_once_more_without_being_tried(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        found = await routes_of(fleet, 3)
    tried, believed = ("dst reaches src", False), ("dst reaches src as it did a moment ago", True)
    assert found == [tried, believed, tried]
    assert trees.left_behind(src, dst) == []


async def test_a_proof_is_none_for_long_and_none_for_others(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        assert not (await routes_of(fleet, 1))[0][1]
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        pushed = OpenRoute("cockpit-route-x", "push", theirs, ours, "/nowhere", "")
        assert not await pushed.believe(), "the other direction is another way"
        monkeypatch.setattr(openroute, "HOLDS", 0.0)
        assert not (await routes_of(fleet, 1))[0][1]


async def test_a_way_that_is_believed_and_can_t_be_gone_any_more_is_tried_the_next_time(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", sshd_config=OWN_TOOLS)
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        assert not (await routes_of(fleet, 1))[0][1]
        own_tool(dst, "ssh", "echo 'ssh: connect to host src port 22: No route to host' >&2; exit 255")
        plan = plan_of(fleet, [src, dst], step)
        first = Context(fleet, plan, step, "src")
        outcome = await copy.run(first)
        assert (outcome.result, outcome.transient) == ("failed", True), outcome
        assert "No route to host" in (outcome.error or "") + first.errors.decode(), outcome
        again = Context(fleet, plan, step, "src", n=2)
        outcome = await copy.run(again)
    assert (outcome.result, outcome.detail["way"]) == ("done", "push"), (outcome, again.said)
    assert trees.left_behind(src, dst) == []
