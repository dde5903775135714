"""A server that has left the night: nobody waits for it, asks about it or contacts it any longer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh

from cockpit.journal.events import Fact, ServerLost
from tests.engine.ground import night, session_of
from tests.hosts import Host, Hosts, known_hosts, section

SERVER = """
[servers.{name}]
host = "127.0.0.1"
port = {port}
user = "ops"
{more}
"""
TALK = '\n[[steps]]\nid = "talk"\nmanual = "Call the customer"\n'


async def test_a_question_that_a_dropped_server_asked_for_all_is_asked_by_the_next(tmp_path: Path) -> None:
    key = tmp_path / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key, passphrase="locked")
    servers = "".join(SERVER.format(name=name, port=1, more=f'key = "{key}"') for name in ("one", "two"))
    async with night(session_of(tmp_path, servers + TALK)) as here:
        asked = (await here.until(lambda s: any(p.kind == "passphrase" for p in s.prompts.values()))).prompts.values()
        first = next(p.server for p in asked if p.kind == "passphrase")
        other = {"one": "two", "two": "one"}[str(first)]
        assert (await here.do("drop", str(first), why="it burns"))["ok"]
        await here.until(lambda s: any(p.kind == "passphrase" and p.server == other for p in s.prompts.values()))


async def test_a_dropped_server_is_left_alone_by_the_next_engine_too(tmp_path: Path) -> None:
    calls, called, doors = {"gone": 0, "there": 0}, asyncio.Event(), {}
    for name in calls:

        def door(_: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name) -> None:
            calls[name] += 1
            called.set()
            writer.close()

        doors[name] = await asyncio.start_server(door, "127.0.0.1", 0)
    servers = "".join(SERVER.format(name=n, port=d.sockets[0].getsockname()[1], more="") for n, d in doors.items())
    session = session_of(tmp_path, servers + TALK)
    async with night(session) as here:
        await here.until(lambda s: "gone" in s.servers and s.servers["gone"].contact == "lost")
        assert (await here.do("drop", "gone", why="it burns"))["ok"]
    before = dict(calls)
    async with night(session) as here:
        async with asyncio.timeout(30):
            while calls["there"] < before["there"] + 2:
                called.clear()
                await called.wait()
        assert calls["gone"] == before["gone"]
        assert here.state.servers["gone"].contact == "dropped"
    for door_ in doors.values():
        door_.close()


def jump_and_inner(hosts: Hosts, place: Path) -> tuple[Host, Host]:
    bastion = hosts("bastion", user="root", bastion=True)
    app = hosts("app01", user="root", via=bastion)
    known_hosts([bastion, app], place / "night.toml.known_hosts")
    return bastion, app


def lost(facts: list[Fact]) -> list[str]:
    return [fact.event.server for fact in facts if isinstance(fact.event, ServerLost)]


BEHIND = """
[[steps]]
id = "talk"
manual = "Call the customer"

[[steps]]
id = "work"
on = "all"
run = "touch /srv/worked"

[[steps]]
id = "copy"
on = "app01"
copy = { from = "/srv/worked", to = "bastion:/srv/copied" }
"""


async def test_a_dropped_jump_host_stays_the_way_to_those_behind_it(hosts: Hosts, tmp_path: Path) -> None:
    bastion, app = jump_and_inner(hosts, tmp_path)
    session = session_of(tmp_path, section(bastion) + section(app) + BEHIND)
    async with night(session) as here:
        await here.until(lambda s: all(server.contact == "up" for server in s.servers.values()) and "manual-talk" in s.prompts)
        said = await here.do("drop", "bastion", why="not tonight")
        assert said["ok"] and "stays, as the way to app01" in said["text"]
    assert not lost(here.facts), "contact to who is behind it did not even flicker"
    async with night(session) as here:  # an engine that has to find its way anew
        await asyncio.to_thread(bastion.drop_connections)
        assert (await here.do("done", "talk"))["ok"]
        state = await here.until(lambda s: "failed-copy@app01" in s.prompts)
        assert state.tasks["work@app01"].state == "done" and app.path("/srv/worked").exists()
        assert "bastion was dropped" in state.prompts["failed-copy@app01"].text
        assert not bastion.path("/srv/worked").exists() and not bastion.path("/srv/copied").exists(), "nothing is done on it"
        assert (await here.do("drop", "app01", why="not tonight either"))["ok"]
        await here.until(lambda s: s.outcome == "abandoned")


async def test_the_way_to_nobody_is_left(hosts: Hosts, tmp_path: Path) -> None:
    bastion, app = jump_and_inner(hosts, tmp_path)
    async with night(session_of(tmp_path, section(bastion) + section(app) + TALK)) as here:
        await here.until(lambda s: len(s.servers) == 2 and all(server.contact == "up" for server in s.servers.values()))
        for name in ("bastion", "app01"):
            assert (await here.do("drop", name, why="it burns"))["ok"]
        async with asyncio.timeout(30):
            while await asyncio.to_thread(bastion.drop_connections):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
