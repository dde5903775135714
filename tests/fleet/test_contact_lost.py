"""Lost contact: never a result, always noticed, always come back from."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from cockpit.fleet.api import Lost
from tests.fleet.ground import ground
from tests.hosts import Hosts


async def _running(remote: object, command: str) -> asyncio.Task[object]:
    """A command that is known to run on the server: it has printed its first byte."""
    process = await remote.link.open_process(f"echo on; {command}")  # type: ignore[attr-defined]
    assert await process.stdout.read(3) == b"on\n"

    async def end() -> object:
        while await process.stdout.read():
            pass
        return await process.wait()

    return asyncio.create_task(end())


@pytest.mark.parametrize("how", ["drop_connections", "kill_sshd", "reboot"])
async def test_a_lost_connection_is_never_a_result(hosts: Hosts, tmp_path: Path, how: str) -> None:
    host = hosts("one")
    async with ground([host], tmp_path) as here:
        before = await here.up("one")
        remote = here.fleet.remote("one")
        task = await _running(remote, "sleep 1000")
        await asyncio.to_thread(getattr(host, how))
        with pytest.raises(Lost):
            await asyncio.wait_for(task, 30)
        await here.down("one", "unreachable")
        if how == "kill_sshd":
            await here.until(lambda one: "refused" in one.text)
            await asyncio.to_thread(host.start_sshd)
        after = await here.up("one", after=len(here.seen))
        assert (after.boot_id == before.boot_id) == (how != "reboot")
        assert (await remote.run("echo back")).stdout == b"back\n"


async def test_sftp_over_a_lost_connection(hosts: Hosts, tmp_path: Path) -> None:
    made = [hosts("plain"), hosts("root", sudo="nopasswd")]
    async with ground(made, tmp_path) as here:
        for host in made:
            await here.up(host.name)
            with pytest.raises(Lost):
                async with here.fleet.remote(host.name).sftp() as sftp, sftp.open("/tmp/x", "wb") as file:
                    await file.write(b"x")
                    await asyncio.to_thread(host.drop_connections)
                    while True:
                        await file.write(b"y")


async def test_a_black_hole_is_noticed_by_keepalive(hosts: Hosts, tmp_path: Path) -> None:
    hole, well = hosts("hole"), hosts("well")
    async with ground([hole, well], tmp_path, keepalive=0.3, keepalive_count=2,
                      more={"hole": {"connect_timeout": 0.5}}) as here:  # fmt: skip
        await here.up("hole")
        await here.up("well")
        task = await _running(here.fleet.remote("hole"), "sleep 1000")
        began = time.monotonic()
        await asyncio.to_thread(hole.freeze)
        with pytest.raises(Lost):
            await asyncio.wait_for(task, 30)
        assert time.monotonic() - began < 5
        await here.down("hole", "unreachable")
        assert (await here.fleet.remote("well").run("echo fine", timeout=30)).stdout == b"fine\n"
        await asyncio.to_thread(hole.thaw)
        await here.up("hole", after=len(here.seen))


async def test_one_session_a_connection_means_more_connections(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("narrow", max_sessions=1)
    async with ground([host], tmp_path) as here:
        await here.up("narrow")
        remote = here.fleet.remote("narrow")
        tasks = [await _running(remote, "read x; echo $x") for _ in range(3)]
        async with remote.sftp() as sftp:
            assert await sftp.exists("/srv")
        done = await asyncio.gather(*(remote.run(f"echo {n}", timeout=30) for n in range(12)))
        assert [one.stdout for one in done] == [b"%d\n" % n for n in range(12)]
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()


async def test_many_sessions_stay_within_the_servers_limit(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    async with ground([host], tmp_path) as here:
        await here.up("one")
        remote = here.fleet.remote("one")
        done = await asyncio.gather(*(remote.run(f"sleep 0.1; echo {n}", timeout=30) for n in range(40)))
        assert [one.stdout for one in done] == [b"%d\n" % n for n in range(40)]


async def test_a_jump_host_and_what_is_behind_it(hosts: Hosts, tmp_path: Path) -> None:
    bastion = hosts("bastion", bastion=True)
    inner = hosts("inner", via=bastion)
    async with ground([bastion, inner], tmp_path) as here:
        await here.up("inner")
        assert (await here.fleet.remote("inner").run("hostname")).stdout == b"inner\n"
        assert here.fleet.remote("inner").host_key == inner.host_key
        await asyncio.to_thread(bastion.kill_sshd)
        await here.down("inner", "unreachable")
        await here.until(lambda one: one.server == "inner" and "bastion" in one.text)
        seen = len(here.seen)
        await asyncio.to_thread(bastion.start_sshd)
        await here.up("inner", after=seen)


async def test_a_refusing_server_is_not_stormed(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", start=False)
    tries = 0

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.close()

    server = await asyncio.start_server(accept, host.address, host.port)
    async with server, ground([host], tmp_path) as here:
        await here.down("one", "unreachable")
        remote = here.fleet.remote("one")
        results = await asyncio.gather(
            *(asyncio.wait_for(remote.run("true"), 1.5) for _ in range(20)), return_exceptions=True
        )
        assert all(isinstance(one, Lost | TimeoutError) for one in results)
        assert tries <= 5
        server.close()
        await server.wait_closed()
        await asyncio.to_thread(host.start)
        here.fleet.retry("one")
        await here.up("one")


async def test_dropped_and_taken_back(hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one"), hosts("two")
    async with ground([one, two], tmp_path) as here:
        await here.up("one")
        task = await _running(here.fleet.remote("one"), "sleep 1000")
        here.fleet.drop("one")
        with pytest.raises(Lost):
            await task
        with pytest.raises(Exception, match="dropped"):
            await here.fleet.wait_contact("one")
        with pytest.raises(Exception, match="dropped"):
            await here.fleet.remote("one").run("true")
        assert (await here.fleet.remote("two").run("echo 2")).stdout == b"2\n"
        here.fleet.retry("one")
        await asyncio.wait_for(here.fleet.wait_contact("one"), 30)
        assert (await here.fleet.remote("one").run("echo 1")).stdout == b"1\n"
