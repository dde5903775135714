"""Ending a job before its time: the whole process group, by the server itself. Real sshd."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest

from cockpit.fleet.api import JobOutput, Lost
from cockpit.fleet.jobs import Jobs
from tests.fleet.ssh_link import jobs_on, kill, spec, whole
from tests.hosts import Host, Hosts
from tests.hosts.space import until

FAMILY = "sleep 101 & (trap '' TERM; sleep 102; sleep 102) & echo begun; wait; sleep 103"
STUBBORN = "trap '' TERM HUP INT; sleep 104 & echo begun; sleep 104; sleep 104"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    made = Hosts()
    try:
        yield made("fs01", sudo="nopasswd")
    finally:
        made.close()


def sleepers(host: Host) -> int:
    return host.run("for each in /proc/[0-9]*; do tr '\\000' ' ' <$each/cmdline; echo; done").stdout.count(b"\nsleep 10")


async def begun(jobs: Jobs, name: str, *, become: bool = False) -> None:
    async for item in jobs.follow_job(name, become=become):
        assert isinstance(item, JobOutput)
        return


@pytest.mark.parametrize("become", [False, True])
@pytest.mark.parametrize(("command", "code"), [(FAMILY, 143), (STUBBORN, 137)])
async def test_cancel_ends_the_whole_group(host: Host, command: str, code: int, become: bool) -> None:
    async with jobs_on(host) as jobs:
        name = f"c-{code}-{become}"
        await jobs.start_job(spec(name, command, become=become))
        await begun(jobs, name, become=become)
        following = asyncio.create_task(whole(jobs, name, become=become))
        started = time.monotonic()
        report = await jobs.cancel_job(name, become=become, grace=0.6)
        assert (report.phase, report.exit, report.how) == ("ended", code, "cancelled")
        assert time.monotonic() - started < 4
        assert (await following)[2] == report == await jobs.cancel_job(name, become=become)
    assert sleepers(host) == 0


async def test_a_cancel_goes_on_when_contact_is_lost(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("cut", STUBBORN))
        await begun(jobs, "cut")
        cancelling = asyncio.create_task(jobs.cancel_job("cut", become=False, grace=1.0))
        path = host.path("/home/ops/.cockpit/jobs/s1/cut.ending")
        await asyncio.to_thread(until, path.exists, "the mark of a cancel")
        host.drop_connections()
        with contextlib.suppress(Lost):
            await cancelling
        report = (await whole(jobs, "cut"))[2]
        assert (report.exit, report.how) == (137, "cancelled")
    assert sleepers(host) == 0


async def test_timeout_is_the_servers_own(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("late", "sleep 107 & sleep 107", timeout=1.0))
        await jobs.start_job(spec("in-time", "echo quick", timeout=3000.0))
        assert (await whole(jobs, "in-time"))[2].how == ""
    until(lambda: sleepers(host) == 0, "nothing of the group is left")
    async with jobs_on(host) as jobs:
        report = (await whole(jobs, "late"))[2]
        assert (report.phase, report.exit, report.how) == ("ended", 143, "timeout")
    assert b"3000" not in host.run("cat /proc/*/cmdline").stdout, "the watch over a job ends with it"


async def test_a_stopped_job_is_ended_too(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("stopped", "echo begun; kill -STOP $$; echo never"))
        await begun(jobs, "stopped")
        assert (await jobs.cancel_job("stopped", become=False, grace=5)).exit == 143


async def test_cancel_without_a_wrapper_is_recorded_without_an_exit(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("orphan", FAMILY))
        await begun(jobs, "orphan")
        record = host.path("/home/ops/.cockpit/jobs/s1/orphan.record")
        facts = dict(line.split(" ", 1) for line in record.read_text().splitlines() if " " in line)
        kill(host, facts["wrapper"])
        report = await jobs.cancel_job("orphan", become=False, grace=0.4)
        assert (report.phase, report.exit, report.how) == ("ended", None, "cancelled")
        await jobs.start_job(spec("headless", "sleep 105 & sleep 105 & echo begun; wait"))
        await begun(jobs, "headless")
        record = host.path("/home/ops/.cockpit/jobs/s1/headless.record")
        facts = dict(line.split(" ", 1) for line in record.read_text().splitlines() if " " in line)
        kill(host, facts["wrapper"], facts["command"].split()[0])
        assert (await jobs.inspect_job("headless", become=False)).phase == "gone"
        assert (await jobs.cancel_job("headless", become=False, grace=0.4)).how == "cancelled", "what its leader left behind"
    assert sleepers(host) == 0


async def test_cancel_of_what_is_not_there(host: Host) -> None:
    async with jobs_on(host) as jobs:
        assert (await jobs.cancel_job("nothing", become=False)).phase == "absent"
        await jobs.start_job(spec("over", "exit 4"))
        await whole(jobs, "over")
        assert (await jobs.cancel_job("over", become=False)).exit == 4


async def test_a_job_cancelled_twice_and_at_once(host: Host) -> None:
    async with jobs_on(host) as jobs:
        for number in range(10):
            await jobs.start_job(spec(f"twice{number}", "sleep 106"))
            reports = await asyncio.gather(*(jobs.cancel_job(f"twice{number}", become=False, grace=1) for _ in range(3)))
            assert {(report.phase, report.how) for report in reports} == {("ended", "cancelled")}
    assert sleepers(host) == 0
