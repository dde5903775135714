"""Two servers that can't reach each other: the payload goes through this machine's OpenSSH, sealed from one to the other."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.openroute import remove
from cockpit.fleet.routes import find_route, route_tag
from cockpit.fleet.sides import look
from cockpit.fleet.tunnel import revive
from cockpit.fleet.way import Tap
from cockpit.steps import copy
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

MARKER = b"the payload that nobody on the way may read "
SIZE = 48 << 20


def routes() -> Path:
    return Path("~/.cockpit/routes").expanduser()


def holders(kind: str = "") -> list[str]:
    """What holds tunnels on this machine: processes (of this kind) in their directories, and the directories."""
    found = [str(path) for path in routes().glob("*-t")] if not kind else []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(proc / "cwd").startswith(str(routes())):
                found.append((proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [words for words in found if words.startswith(kind)]


async def nothing_held() -> None:
    async with asyncio.timeout(10):
        while holders():  # noqa: ASYNC110 - they are processes of the machine, and tell nobody when they end
            await asyncio.sleep(0.1)


@contextmanager
def sniffing() -> Iterator[dict[str, int]]:
    """Every packet of this machine's interfaces: how many bytes, and how often the marker was among them."""
    seen, stop = {"bytes": 0, "marker": 0}, threading.Event()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    wire.settimeout(0.1)

    def listen() -> None:
        while not stop.is_set():
            try:
                packet = wire.recv(1 << 17)
            except TimeoutError:
                continue
            seen["bytes"] += len(packet)
            seen["marker"] += MARKER in packet

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
        wire.close()


@pytest.fixture
def through_python(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes that came into this process over SSH."""
    seen = {"bytes": 0}
    real = Tap.data_received

    def counted(self: Tap, data: bytes, datatype: int | None = None) -> None:
        seen["bytes"] += len(data)
        real(self, data, datatype)

    monkeypatch.setattr(Tap, "data_received", counted)
    return seen


async def run(fleet: Any, hosts: list[Host], step: Any, server: str, **more: Any) -> tuple[Any, Context]:
    ctx = Context(fleet, plan_of(fleet, hosts, step), step, server, **more)
    return await copy.run(ctx), ctx


async def test_sealed_from_one_to_the_other(hosts: Hosts, tmp_path: Path, through_python: dict[str, int]) -> None:
    a, b = hosts("a", user="root", bastion=True), hosts("b", user="root", bastion=True)
    a.path("/srv/d").mkdir()
    a.path("/srv/d/f").write_bytes((MARKER * (SIZE // len(MARKER) + 1))[:SIZE])
    async with fleet_of([a, b], tmp_path) as fleet:
        with sniffing() as wire:
            outcome, ctx = await run(fleet, [a, b], copying("a:/srv/d/", "b:/srv/d/"), "a")
    assert (outcome.result, outcome.detail["way"]) == ("done", "tunnel"), (outcome, ctx.said, ctx.errors)
    assert trees.listing(b.path("/srv/d")) == trees.listing(a.path("/srv/d"))
    assert through_python["bytes"] < SIZE // 16, "the payload went through this process"
    assert wire["bytes"] > SIZE, "the payload crossed this machine"
    assert wire["marker"] == 0
    assert trees.left_behind(a, b) == []
    await nothing_held()


@pytest.mark.parametrize("ways", [("near", "far"), ("far", "near"), ("far", "other"), ("local", "far"), ("far", "local")])
async def test_behind_jump_hosts(ways: tuple[str, str], hosts: Hosts, tmp_path: Path) -> None:
    """One or both behind a bastion, of their own or the same, this machine as one side; root through sudo on all of them."""
    one, two = hosts("one", bastion=True, shell="csh"), hosts("two", bastion=True)
    far, other = hosts("far", sudo="nopasswd", via=one), hosts("other", sudo="nopasswd", via=two)
    near = hosts("near", sudo="nopasswd")
    all_ = [one, two, far, other, near]
    by_name = {host.name: host for host in all_}
    at = {name: tmp_path / name if name == "local" else by_name[name].path("/srv/d") for name in ways}
    for place in at.values():
        place.mkdir(parents=True)
    (at[ways[0]] / "f").write_bytes(os.urandom(3 << 20))
    ends = [f"{name}:{tmp_path / name if name == 'local' else '/srv/d'}/" for name in ways]
    async with fleet_of(all_, tmp_path) as fleet:
        outcome, ctx = await run(fleet, all_, copying(ends[0], ends[1]), next(name for name in ways if name != "local"))
    assert (outcome.result, outcome.detail["way"]) == ("done", "tunnel"), (outcome, ctx.said, ctx.errors)
    assert trees.listing(at[ways[1]]) == trees.listing(at[ways[0]])
    assert trees.left_behind(*all_) == []
    await nothing_held()


@pytest.mark.parametrize(("what", "words"), [
    ({"sshd_config": "AllowTcpForwarding no"}, "forwarding failed"),
    ({"server": "dropbear"}, "Permission denied"),  # it takes no line with permitlisten=, and none with from=
])  # fmt: skip
async def test_where_it_cant_be_dug_the_relay_says_why(what: dict[str, Any], words: str, hosts: Hosts, tmp_path: Path) -> None:
    a, b = hosts("a", user="root", bastion=True, **what), hosts("b", user="root", bastion=True, **what)
    a.path("/srv/f").write_text("f")
    async with fleet_of([a, b], tmp_path) as fleet:
        outcome, ctx = await run(fleet, [a, b], copying("a:/srv/f", "b:/srv/"), "a")
        assert (outcome.result, outcome.detail["way"]) == ("done", "relay"), (outcome, ctx.said)
        assert any("through this machine" in said and words in said for said in ctx.said), ctx.said
        outcome, ctx = await run(fleet, [a, b], copying("a:/srv/f", "b:/srv/", route="tunnel"), "a", night="s2")
        assert outcome.result == "failed" and "pins the route tunnel" in (outcome.error or ""), outcome
    assert trees.left_behind(a, b) == []
    await nothing_held()


@pytest.mark.parametrize(("pin", "way"), [("pull", "pull"), ("push", "push"), ("tunnel", "tunnel"), ("sftp", "relay")])
async def test_the_plan_pins_a_route(pin: str, way: str, hosts: Hosts, tmp_path: Path) -> None:
    a, b = hosts("a", user="root"), hosts("b", user="root")
    a.path("/srv/f").write_text("f")
    async with fleet_of([a, b], tmp_path) as fleet:
        outcome, ctx = await run(fleet, [a, b], copying("a:/srv/f", "b:/srv/", route=pin), "a")
        assert (outcome.result, outcome.detail["way"]) == ("done", way), (outcome, ctx.said)
    await nothing_held()


async def test_what_the_key_of_a_tunnel_may_do(hosts: Hosts, tmp_path: Path) -> None:
    """Listen at one port of the loopback, and nothing else: no command, no other port, no way further."""
    a, b = hosts("a", user="root", bastion=True), hosts("b", user="root", bastion=True)
    async with fleet_of([a, b], tmp_path) as fleet:
        here, tag = fleet.remote("local"), route_tag("s1-copy-1")
        sides = await look(fleet.remote("a"), False), await look(fleet.remote("b"), False)
        route, opened = await find_route(tag, *sides, here=here)
        assert opened is not None and route.name == "tunnel" and route.way == "pull", route
        directory = routes() / f"{tag}-t"
        line = next(line for line in b.path("/root/.ssh/authorized_keys").read_text().splitlines() if line.endswith("-t"))
        assert all(option in line for option in ("restrict,", "from=", "expiry-time=", 'permitopen="127.0.0.1:1"')), line
        port = int(line.split('permitlisten="127.0.0.1:')[1].split('"')[0])
        for words in ("true", "-N -R 127.0.0.1:19999:x:1", f"-N -R 0.0.0.0:{port + 1}:x:1", f"-W {b.address}:{b.port}"):
            options, command = (words, "") if words.startswith("-") else ("", words)
            ssh = f"cd {directory} && ssh -F ./config -o ClearAllForwardings=no {options} near0 {command} </dev/null"
            plain = ssh.replace("-F ./config", "-F ./plain")
            (directory / "plain").write_text("".join(
                row + "\n" for row in (directory / "config").read_text().splitlines() if "Forward 1" not in row
            ))
            done = await here.run(plain, timeout=20)
            assert done.exit != 0, (words, done)
        await remove(tag, *sides, here=here)
    assert trees.left_behind(a, b) == []
    await nothing_held()


async def test_it_goes_on_without_the_engine_and_is_held_again(hosts: Hosts, tmp_path: Path) -> None:
    """The engine dies during the copy, and the holder with it (a session's end): the next engine holds the tunnel again and the
    copy ends whole."""
    a, b = hosts("a", user="root", bastion=True), hosts("b", user="root", bastion=True)
    a.path("/srv/d").mkdir()
    for n in range(8):
        a.path(f"/srv/d/{n}").write_bytes(os.urandom(2 << 20))
    async with fleet_of([a, b], tmp_path) as fleet:
        step = copying("a:/srv/d/", "b:/srv/d/", limit=4e6)
        ctx = Context(fleet, plan_of(fleet, [a, b], step), step, "a")
        engine = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 30)
        engine.cancel()
        await asyncio.wait({engine})
        assert holders(), "it lives on"
        again = Context(fleet, ctx.plan, step, "a", detail=ctx.detail, errors=ctx.errors, resumed=True)
        outcome = await copy.run(again)
        assert (outcome.result, outcome.detail["way"]) == ("done", "tunnel"), (outcome, again.said, again.errors)
    assert trees.listing(b.path("/srv/d")) == trees.listing(a.path("/srv/d"))
    assert trees.left_behind(a, b) == []
    await nothing_held()


async def test_a_dead_holder_is_replaced(hosts: Hosts, tmp_path: Path) -> None:
    a, b = hosts("a", user="root", bastion=True), hosts("b", user="root", bastion=True)
    async with fleet_of([a, b], tmp_path) as fleet:
        here, tag = fleet.remote("local"), route_tag("s1-copy-2")
        sides = await look(fleet.remote("a"), False), await look(fleet.remote("b"), False)
        _, opened = await find_route(tag, *sides, here=here)
        assert opened is not None
        await revive(here, tag)
        assert len(holders("ssh ")) == 1, "a living one is left alone"
        os.killpg(os.getpgid(int((routes() / f"{tag}-t/pid").read_text())), signal.SIGKILL)
        async with asyncio.timeout(10):
            while holders("ssh "):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        port = int(re.search(r"^ck_port=(\d+)$", b.path(opened.shell).read_text(), re.MULTILINE)[1])
        await revive(here, tag)
        async with asyncio.timeout(20):
            while await opened.prove("127.0.0.1", port):  # noqa: ASYNC110 - each try is a login of its own
                await asyncio.sleep(0.1)
        await opened.close()
    assert trees.left_behind(a, b) == []
    await nothing_held()
