"""A job is found again after any loss: of the connection, of the control shell, of its wrapper, of the whole server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.fleet.api import JobOutput, Lost
from cockpit.fleet.jobs import Jobs
from tests.fleet.ssh_link import jobs_on, kill, spec, whole
from tests.hosts import Host, Hosts

COUNTING = "i=0; while [ $i -lt 200 ]; do echo line $i; echo err $i >&2; i=$((i+1)); sleep 0.01; done; exit 5"
OUT = b"".join(b"line %d\n" % number for number in range(200))
ERR = b"".join(b"err %d\n" % number for number in range(200))


@pytest.fixture
def host(hosts: Hosts) -> Iterator[Host]:
    yield hosts("fs01", sudo="nopasswd")


async def until_lost(jobs: Jobs, name: str, *, become: bool, out: int = 0, err: int = 0) -> tuple[bytearray, bytearray]:
    got = {"out": bytearray(), "err": bytearray()}
    with pytest.raises(Lost):
        async for item in jobs.follow_job(name, become=become, out=out, err=err):
            assert isinstance(item, JobOutput)
            got[item.stream] += item.data
    return got["out"], got["err"]


async def first_output(jobs: Jobs, name: str, *, become: bool = False) -> None:
    async for _ in jobs.follow_job(name, become=become):
        return


def record(host: Host, name: str) -> dict[str, list[str]]:
    path = host.path(f"/home/ops/.cockpit/jobs/s1/{name}.record")
    return {line.split()[0]: line.split()[1:] for line in path.read_text().splitlines()}


@pytest.mark.parametrize("become", [False, True])
async def test_no_line_is_lost_or_doubled_when_the_connection_is_killed(host: Host, become: bool) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("count", COUNTING, become=become))
        await first_output(jobs, "count", become=become)
        following = asyncio.create_task(until_lost(jobs, "count", become=become))
        assert host.drop_connections() > 0
        out, err = await following
        assert (await jobs.start_job(spec("count", COUNTING, become=become))).phase == "running"
        more_out, more_err, last = await whole(jobs, "count", become=become, out=len(out), err=len(err))
    assert (bytes(out) + more_out, bytes(err) + more_err) == (OUT, ERR)
    assert (last.phase, last.exit, last.out, last.err) == ("ended", 5, len(OUT), len(ERR))


async def test_a_new_engine_finds_it_and_its_result(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("count", COUNTING))
        out, err = bytearray(), bytearray()
        async for item in jobs.follow_job("count", become=False):
            assert isinstance(item, JobOutput)
            (out if item.stream == "out" else err).extend(item.data)
            if out and err:
                break
    async with jobs_on(host) as jobs:
        more_out, more_err, last = await whole(jobs, "count", out=len(out), err=len(err))
        assert (bytes(out) + more_out, bytes(err) + more_err, last.exit) == (OUT, ERR, 5)
    async with jobs_on(host) as jobs:
        assert await whole(jobs, "count") == (OUT, ERR, last)


async def test_the_control_shell_alone_is_killed(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("count", COUNTING))
        await first_output(jobs, "count")
        following = asyncio.create_task(until_lost(jobs, "count", become=False))
        await asyncio.sleep(0)
        kill(host, record(host, "count")["start"][1])
        await asyncio.wait_for(following, 30)
        out, err, last = await whole(jobs, "count")
    assert (out, err, last.exit) == (OUT, ERR, 5)


async def test_a_killed_wrapper_leaves_a_job_that_runs_and_then_is_gone(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("orphan", "echo begun; while ! test -e /srv/go; do sleep 0.05; done; echo over"))
        await first_output(jobs, "orphan")
        kill(host, record(host, "orphan")["wrapper"][0])
        assert (await jobs.inspect_job("orphan", become=False)).phase == "running"
        assert (await jobs.start_job(spec("orphan", "echo never"))).phase == "running"
        host.path("/srv/go").touch()
        out, _, last = await whole(jobs, "orphan")
        assert (out, last.phase, last.exit) == (b"begun\nover\n", "gone", None)
        assert (await jobs.start_job(spec("orphan", "echo never"))).phase == "gone"


async def test_a_killed_command_is_recorded_as_killed(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("victim", "echo begun; sleep 60"))
        await first_output(jobs, "victim")
        kill(host, record(host, "victim")["command"][0])
        assert (await whole(jobs, "victim"))[2].exit == 137


async def test_a_rebooted_server(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("done", "echo kept"))
        await whole(jobs, "done")
        await jobs.start_job(spec("lost", "echo begun; sleep 60"))
        await first_output(jobs, "lost")
        before = await jobs.boot_id()
        await asyncio.to_thread(host.reboot)
        with contextlib.suppress(Lost):  # unless it was noticed already
            await jobs.inspect_job("lost", become=False)
        assert await jobs.boot_id() == host.boot_id != before
        assert (await jobs.inspect_job("lost", become=False)).phase == "rebooted"
        assert (await jobs.start_job(spec("lost", "echo never"))).phase == "rebooted"
        out, _, last = await whole(jobs, "lost")
        assert (out, last.phase) == (b"begun\n", "rebooted"), "what it had printed is still to be had"
        assert await whole(jobs, "done") == (b"kept\n", b"", (await jobs.inspect_job("done", become=False)))
        assert (await jobs.inspect_job("never", become=False)).phase == "absent"


async def test_a_pid_that_is_another_process_by_now(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("old", "echo begun; sleep 60"))
        await first_output(jobs, "old")
        found = record(host, "old")
        kill(host, found["wrapper"][0], found["command"][0])
        path = host.path("/home/ops/.cockpit/jobs/s1/old.record")
        shell = found["start"][1]  # alive, and not what the record means
        path.write_text(path.read_text().replace(f"command {found['command'][0]} ", f"command {shell} "))
        assert (await jobs.inspect_job("old", become=False)).phase == "gone"
        assert (await jobs.cancel_job("old", become=False, grace=0)).phase == "gone"
        assert await jobs.boot_id() == host.boot_id, "the control shell was not taken for the job"


async def test_a_frozen_control_shell_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.fleet.shell.PATIENCE", 0.5)
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("j", "sleep 60"))
        shell = int(record(host, "j")["start"][1])
        outer = next(pid for pid in host.pids() if f"NSpid:\t{pid}\t{shell}\n" in Path(f"/proc/{pid}/status").read_text())
        os.kill(outer, signal.SIGSTOP)
        with pytest.raises(Lost, match="control shell"):
            await jobs.inspect_job("j", become=False)
        assert (await jobs.inspect_job("j", become=False)).phase == "running"


async def test_a_cancelled_request_leaves_the_shell_usable(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("big", "head -c 3000000 /dev/zero"))
        for pause in range(40):
            asking = asyncio.create_task(whole(jobs, "big"))
            for _ in range(pause):
                await asyncio.sleep(0)
            asking.cancel()
            looking = asyncio.create_task(jobs.inspect_job("big", become=False))
            for _ in range(pause % 7):
                await asyncio.sleep(0)
            looking.cancel()
            await asyncio.gather(asking, looking, return_exceptions=True)
        assert (await whole(jobs, "big"))[0] == bytes(3000000)


SYSTEMD_RUN = """#!/bin/sh
echo "$*" >> /srv/calls
[ ! -e /srv/no-bus ] || { echo "Failed to connect to bus" >&2; exit 1; }
while case $1 in -*) ;; *) false ;; esac; do shift; done
IN_SCOPE=yes exec "$@"
"""


@pytest.mark.parametrize("works", [True, False])
async def test_roots_jobs_are_in_a_scope_of_systemds_where_it_makes_one_and_begin_all_the_same_where_not(
    host: Host, works: bool
) -> None:
    """traps.md, Jobs 4: KillUserProcesses ends a plain setsid child with the login that left it. A stub, found first by sudo."""
    host.path("/run/systemd/system").mkdir(parents=True)
    host.path("/.sbin/systemd-run").write_text(SYSTEMD_RUN)
    host.path("/.sbin/systemd-run").chmod(0o755)
    if not works:
        host.path("/srv/no-bus").touch()
    os.mkfifo(host.path("/srv/go"))
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("plain", "true"))
        assert (await whole(jobs, "plain"))[2].exit == 0 and not host.path("/srv/calls").exists(), "only root can ask for one"
        await jobs.start_job(spec("root", 'echo "scope: $IN_SCOPE"; cat /srv/go; exit 5', become=True))
        await first_output(jobs, "root", become=True)
    calls = host.path("/srv/calls").read_text().splitlines()
    assert calls[0] == "-q --scope true", "tried first"
    assert [call for call in calls if call.endswith("/bin/sh")] == ["-q --scope /usr/bin/setsid /bin/sh"] * works
    host.drop_connections()
    async with jobs_on(host) as jobs:
        assert (await jobs.inspect_job("root", become=True)).phase == "running"
        host.path("/srv/go").write_text("found\n")
        out, err, last = await whole(jobs, "root", become=True)
    assert (out.decode(), err, last.exit) == (f"scope: {'yes' * works}\nfound\n", b"", 5)
