"""A server that has left the night: nobody waits for it, asks about it or contacts it any longer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh

from tests.engine.ground import night, session_of

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
