"""A word for a job that runs, on real sshd: whole, the newest alone, through any engine, and gone with the job's record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from cockpit.fleet.api import FleetError, JobOutput
from cockpit.fleet.jobs import Jobs
from tests.fleet.ssh_link import jobs_on, spec, whole
from tests.hosts import Host, Hosts

SHELLS: list[dict[str, object]] = [
    {"sudo": "nopasswd"}, {"shell": "busybox", "sh": "busybox", "userland": "busybox"}, {"server": "dropbear", "user": "root"},
    {"shell": "csh", "sh": "bash"},
]  # fmt: skip
LISTENS = 'echo begun; until [ "$(cat "$COCKPIT_JOB/told" 2>/dev/null)" = over ]; do sleep 0.05; done; cat "$COCKPIT_JOB/told"'


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    made = Hosts()
    try:
        yield made("fs01", sudo="nopasswd")
    finally:
        made.close()


async def begun(jobs: Jobs, name: str, *, become: bool = False) -> None:
    async for item in jobs.follow_job(name, become=become):
        assert isinstance(item, JobOutput)
        return


@pytest.mark.parametrize("how", SHELLS, ids=lambda how: "-".join(map(str, how.values())))
async def test_a_job_hears_what_it_is_told(hosts: Hosts, how: dict[str, object]) -> None:
    there = hosts("srv", **how)
    become = there.sudo != "none"
    async with jobs_on(there) as jobs:
        await jobs.start_job(spec("j", LISTENS, become=become))
        await begun(jobs, "j", become=become)
        assert (await jobs.tell_job("j", b"not yet", become=become)).phase == "running"
    async with jobs_on(there) as jobs:  # another engine
        assert (await jobs.tell_job("j", b"over\n", become=become)).phase == "running"
        assert (await whole(jobs, "j", become=become))[0] == b"begun\nover\n"
        assert (await jobs.tell_job("j", b"too late", become=become)).phase == "ended"
        await jobs.remove_jobs("s1")
        assert there.run("ls -R ~/.cockpit /root/.cockpit /home/*/.cockpit | grep told").stdout == b""


async def test_a_word_given_with_the_start_is_there_before_the_command(host: Host) -> None:
    async with jobs_on(host) as jobs:
        for number in range(10):
            await jobs.start_job(spec(f"early{number}", 'cat "$COCKPIT_JOB/told"', told=b"4%s\\0\x00\xff\n"))
            assert (await whole(jobs, f"early{number}"))[0] == b"4%s\\0\x00\xff\n"
        await jobs.start_job(spec("untold", 'test -e "$COCKPIT_JOB"; echo $?; echo "$COCKPIT_JOB"'))
        assert (await whole(jobs, "untold"))[0] == b"1\n/home/ops/.cockpit/jobs/s1/untold\n", "no directory for nothing"


async def test_a_script_has_it_too(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("script", "", program=b'#!/bin/sh\nexec cat "$COCKPIT_JOB/told"\n', told=b"12"))
        assert (await whole(jobs, "script"))[0] == b"12"


async def test_a_reader_never_meets_half_a_word(host: Host) -> None:
    reads = 'w="$(cat "$COCKPIT_JOB/told")"; case ${#w} in 1|2000) ;; *) echo "half: ${#w}" ;; esac'
    loop = f'echo begun; until [ "$(cat "$COCKPIT_JOB/told")" = x ]; do {reads}; done; echo none'
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("torn", loop, told=b"1" * 2000))
        await begun(jobs, "torn")
        for number in range(100):
            await jobs.tell_job("torn", b"%d" % (number % 10) * 2000, become=False)
        await jobs.tell_job("torn", b"x", become=False)
        assert (await whole(jobs, "torn"))[0] == b"begun\nnone\n"


async def test_nobody_is_told_where_nobody_is(host: Host) -> None:
    async with jobs_on(host) as jobs:
        assert (await jobs.tell_job("nothing", b"5", become=False)).phase == "absent"
        with pytest.raises(ValueError, match="4096"):
            await jobs.tell_job("nothing", b"5" * 5000, become=False)


async def test_what_cannot_be_written_is_said(hosts: Hosts) -> None:
    there = hosts("srv", user="root", small={"/root": "1m", "/var/tmp": "1m", "/tmp": "1m"})
    there.run(
        "chmod 700 /root; mkdir -pm 700 /root/.ssh; cat >/root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys",
        input=there.client_key.with_suffix(".pub").read_bytes(),
    )
    async with jobs_on(there) as jobs:
        await jobs.start_job(spec("j", LISTENS, told=b"1000"))
        await begun(jobs, "j")
        there.run("cat /dev/zero > /root/fill")
        with pytest.raises(FleetError, match="its disk full"):
            await asyncio.wait_for(jobs.tell_job("j", b"7" * 4096, become=False), 30)
        assert there.run("cat /root/.cockpit/jobs/s1/j/told").stdout == b"1000", "the last word stands"
        there.run("rm /root/fill")
        await jobs.tell_job("j", b"over", become=False)
        assert (await whole(jobs, "j"))[2].exit == 0
