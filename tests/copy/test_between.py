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
from dataclasses import replace
from pathlib import Path
from shlex import quote
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.fleet import dialer, openroute
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.routes import find_route
from cockpit.fleet.sides import Side, look, read_side
from cockpit.steps import copy
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, piping, plan_of
from tests.hosts import Host, Hosts
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
                [sys.executable, "-I", "-S", dialer.__file__, *map(str, server.getsockname()), "8"], stdin=its, stdout=its
            )
        accepted, _ = server.accept()
        _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_LEN(4))
        passed = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
        with accepted, passed:
            assert dialing.wait(20) == 0, "ssh waits for it"
            assert passed.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert passed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), "as ssh has it"
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
    dialing = [sys.executable, "-I", "-S", dialer.__file__, where, str(port), "8"]
    done = subprocess.run(dialing, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.fullmatch(f"ssh: connect to host {where} port {port}: {why}\n", done.stderr), done.stderr


async def pulled(src: Host, dst: Host, tmp_path: Path) -> None:
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        outcome = await copy.run(ctx := Context(fleet, plan_of(fleet, [src, dst], step), step, "src"))
    assert (outcome.result, outcome.detail["way"]) == ("done", "pull"), (outcome, ctx.said)
    assert trees.left_behind(src, dst) == []


async def test_a_server_without_python_is_logged_in_from_by_ssh_alone(hosts: Hosts, tmp_path: Path) -> None:
    await pulled(hosts("src", user="root"), hosts("dst", user="root", without=("python3",)), tmp_path)


@pytest.mark.parametrize("broken", ["exit 1", "echo no module named socket >&2; exit 1", "exec sleep 0.1"])
async def test_a_python_that_can_t_dial_is_left_out(hosts: Hosts, tmp_path: Path, broken: str) -> None:
    dst = hosts("dst", user="root", sshd_config=OWN_TOOLS)
    own_tool(dst, "python3", f"case $* in *dialer*) {broken};; esac\nexec /usr/bin/python3 \"$@\"")
    await pulled(hosts("src", user="root"), dst, tmp_path)


async def routes_of(fleet: Any, times: int, **of_ours: Any) -> list[tuple[str, bool]]:
    """So many routes one after another, from dst to src: why, and whether it was believed."""
    found = []
    for n in range(times):
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        route, opened = await find_route(f"cockpit-route-{n}", theirs, replace(ours, **of_ours), believe=True)
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
    tried, believed = ("dst reaches src", False), ("dst reached src a moment ago, and it is not tried again", True)
    assert found == [tried, believed, tried]
    assert trees.left_behind(src, dst) == []


async def test_a_proof_is_none_for_long_and_none_for_others(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        assert not (await routes_of(fleet, 1))[0][1]
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        pushed = OpenRoute("cockpit-route-x", "push", theirs, ours, "/tmp", "")
        assert not await pushed.believe(), "the other direction is another way"
        _, tried = await find_route("cockpit-route-y", theirs, ours)
        assert tried is not None and not tried.believed, "who does not ask for belief gets none"
        await tried.close()
        monkeypatch.setattr(type(theirs.remote), "host_key", "ssh-ed25519 another")
        assert not await OpenRoute("cockpit-route-x", "pull", ours, theirs, "/tmp", "").believe(), "another host key"
        monkeypatch.undo()
        monkeypatch.setattr(openroute, "HOLDS", 0.0)
        assert not (await routes_of(fleet, 1))[0][1]


async def test_what_is_seen_by_another_address_or_through_a_tunnel_proves_nothing(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        elsewhere = frozenset({"192.0.2.9"})
        assert [believed for _, believed in await routes_of(fleet, 2, own=elsewhere)] == [False, False]
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        _, opened = await find_route("cockpit-route-t", theirs, ours, here=fleet.remote("local"), pin="tunnel")
        assert opened is not None and opened.here is not None
        await opened.close()
        assert await routes_of(fleet, 1) == [("dst reaches src", False)]


async def test_a_way_whose_script_can_t_be_written_is_not_believed(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        assert not (await routes_of(fleet, 1))[0][1]
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        assert not await OpenRoute("cockpit-route-x", "pull", ours, theirs, "/nowhere", "").believe()


def unreachable(dst: Host) -> None:
    own_tool(dst, "ssh", "echo 'ssh: connect to host src port 22: No route to host' >&2; exit 255")


async def test_a_way_that_is_believed_and_can_t_be_gone_any_more_is_tried_the_next_time(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", sshd_config=OWN_TOOLS)
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        assert not (await routes_of(fleet, 1))[0][1]
        unreachable(dst)
        plan = plan_of(fleet, [src, dst], step)
        first = Context(fleet, plan, step, "src")
        outcome = await copy.run(first)
        assert (outcome.result, outcome.transient) == ("failed", True), outcome
        assert "No route to host" in (outcome.error or "") + first.errors.decode(), outcome
        again = Context(fleet, plan, step, "src", n=2)
        outcome = await copy.run(again)
    assert (outcome.result, outcome.detail["way"]) == ("done", "push"), (outcome, again.said)
    assert trees.left_behind(src, dst) == []


async def test_what_is_not_tried_again_by_itself_tries_its_way(hosts: Hosts, tmp_path: Path) -> None:
    """A pipe, whose consumer may have begun; a step that must not run twice."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root", sshd_config=OWN_TOOLS)
    trees.make(src, "/srv/d", files=5)
    once = replace(copying("/srv/d/", "dst:/srv/d/"), once=True)
    piped = piping("echo words", "cat > /srv/out", "src", "dst")
    async with fleet_of([src, dst], tmp_path) as fleet:
        assert not (await routes_of(fleet, 1))[0][1]
        unreachable(dst)
        for n, step in enumerate((piped, once), 1):
            outcome = await copy.run(ctx := Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=n))
            assert (outcome.result, outcome.detail["way"]) == ("done", "push"), (outcome, ctx.said)
    assert dst.path("/srv/out").read_text() == "words\n"


def test_what_another_server_says_of_its_address_is_no_shell_text(tmp_path: Path) -> None:
    """An ssh before 9.6 puts any %h into a ProxyCommand; here one is that does so with all that it is given."""
    side = Side(SimpleNamespace(target=SimpleNamespace(name="src")))  # type: ignore[arg-type]
    assert read_side(side, "conn 10.0.0.9 5 $(touch${IFS}owned) 22\n").address == ""
    assert read_side(side, "conn fe80::9%eth0 5 fe80::1%eth0 22\n").address == "fe80::1%eth0"
    route, ssh = tmp_path / "route", tmp_path / "bin/ssh"
    route.mkdir()
    ssh.parent.mkdir()
    ssh.write_text(UNPATCHED)
    ssh.chmod(0o755)
    (route / "dialer").write_text("import sys; open(sys.argv[0] + '.asked', 'w').write(repr(sys.argv[1:]))")
    (route / "ciphers").write_text("\n")
    words = {"address": "$(touch owned)", "port": "22", "user": "root", "ciphers": "x", "kex": "x", "timeout": "8"}
    script = "".join(f"ck_{name}={quote(value)}\n" for name, value in words.items())
    (route / "ssh").write_text(script + (Path(dialer.__file__).parent / "between.sh").read_text())
    environ = {"PATH": f"{ssh.parent}:/usr/bin:/bin", "SHELL": "/bin/false"}
    subprocess.run(["sh", str(route / "ssh"), "host", "x"], cwd=tmp_path, env=environ, check=True, timeout=60)
    assert (route / "dialer.asked").read_text() == "['$(touch owned)', '22', '8']"
    assert not (tmp_path / "owned").exists()


UNPATCHED = """#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    ProxyCommand=*) command=${1#ProxyCommand=} ;;
    -p) port=$2 ;;
    --) host=$2 ;;
  esac
  shift
done
exec "$SHELL" -c "exec $(printf %s "$command" | sed "s/%h/$host/; s/%p/$port/")"
"""
