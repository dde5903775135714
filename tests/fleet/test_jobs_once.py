"""What starts once, what may not start at all, and what no two may touch. Real sshd."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.fleet.api import FleetError, JobReport
from tests.fleet.ssh_link import jobs_on, kill, spec, whole
from tests.hosts import Host, Hosts

LINE = "echo $$ >>/srv/started; sleep 0.3"


@pytest.fixture(scope="module")
def host() -> Host:  # type: ignore[misc]
    made = Hosts()
    try:
        yield made("db01", user="root")  # type: ignore[misc]
    finally:
        made.close()


def started(host: Host) -> int:
    path = host.path("/srv/started")
    count = len(path.read_text().splitlines()) if path.exists() else 0
    path.unlink(missing_ok=True)
    return count


async def test_asking_twice_starts_once(host: Host) -> None:
    async with jobs_on(host) as jobs:
        for _ in range(3):
            assert (await jobs.start_job(spec("twice", LINE))).phase == "running"
        await whole(jobs, "twice")
        assert (await jobs.start_job(spec("twice", LINE))).phase == "ended"
    assert started(host) == 1


@pytest.mark.parametrize("lock", [None, "/srv/target"])
async def test_two_engines_asking_at_the_same_moment_start_once(host: Host, lock: str | None) -> None:
    async with jobs_on(host) as one, jobs_on(host) as two, jobs_on(host) as three:
        await asyncio.gather(*(jobs.boot_id() for jobs in (one, two, three)))
        names = [f"race-{lock}-{number}" for number in range(15)]
        for name in names:
            asked = spec(name, LINE, lock=lock and lock + name)
            reports = await asyncio.gather(*(jobs.start_job(asked) for jobs in (one, two, three)))
            assert {report.phase for report in reports} == {"running"}, reports
        for name in names:
            assert {(await whole(jobs, name))[2].exit for jobs in (one, two, three)} == {0}
    assert started(host) == len(names)


async def test_a_stale_engine_starts_nothing(host: Host) -> None:
    async with jobs_on(host) as old, jobs_on(host) as new:
        await old.start_job(spec("before", "sleep 0.2", session="s2", epoch=1))
        assert await new.serve("s2", 2)
        report = await old.start_job(spec("after", LINE, session="s2", epoch=1))
        assert (report.phase, report.how, report.exit) == ("ended", "stale-epoch", None) and "newer epoch" in report.error
        assert (await new.inspect_job("after", become=False)).phase == "absent"
        assert not await old.serve("s2", 1)
        assert (await old.start_job(spec("before", LINE, session="s2", epoch=1))).phase in ("running", "ended"), "it may look"
        assert (await old.start_job(spec("other", "true", session="s3", epoch=1))).how == "", "epochs are a session's own"
        assert (await new.start_job(spec("after", "true", session="s2", epoch=2))).phase == "running"
        await whole(new, "after")
        await new.remove_jobs("s2")
        assert (await old.start_job(spec("late", LINE, session="s2", epoch=1))).how == "stale-epoch", "after the night too"
    assert started(host) == 0


async def test_who_replaced_an_engine_says_so_before_it_looks(host: Host) -> None:
    async with jobs_on(host) as old, jobs_on(host, serves=("s4", 2)) as new:
        assert (await new.inspect_job("asked-about", become=False)).phase == "absent"
        assert (await old.start_job(spec("asked-about", LINE, session="s4", epoch=1))).how == "stale-epoch"
        async with jobs_on(host, serves=("s4", 1)) as stale:
            with pytest.raises(FleetError, match="newer engine"):
                await stale.inspect_job("asked-about", become=False)
    assert started(host) == 0


async def test_the_lock_is_the_childrens_too(host: Host) -> None:
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("first", "setsid sleep 30 & echo $!", lock="/srv/vault"))
        pid = int((await whole(jobs, "first"))[0])
        report = await jobs.start_job(spec("second", LINE, lock="/srv/vault"))
        assert report == JobReport("ended", None, "locked", error="/srv/vault is in use by job first")
        assert (await jobs.start_job(spec("elsewhere", "true", lock="/srv/other"))).phase == "running"
        kill(host, pid)
        assert (await jobs.start_job(spec("second", "true", lock="/srv/vault"))).phase == "running", "the same id may ask again"


async def test_the_lock_without_flock() -> None:
    made = Hosts()
    try:
        host = made("app01", without=("flock",), sh="busybox")
        async with jobs_on(host) as jobs:
            for turn in range(3):
                assert (await jobs.start_job(spec(f"a{turn}", "sleep 60", lock="/srv/vault"))).phase == "running"
                assert (await jobs.start_job(spec(f"b{turn}", "true", lock="/srv/vault"))).how == "locked"
                assert (await jobs.start_job(spec(f"a{turn}", "sleep 60", lock="/srv/vault"))).phase == "running"
                await jobs.cancel_job(f"a{turn}", become=False, grace=0)
    finally:
        made.close()


async def test_a_job_that_was_recorded_and_never_begun_is_entered_again_once(host: Host) -> None:
    async with jobs_on(host) as jobs, jobs_on(host) as other:
        await jobs.start_job(spec("model", "true"))
        await whole(jobs, "model")
        place = host.path("/root/.cockpit/jobs/s1")
        first = (place / "model.record").read_text().splitlines()[0].split()
        first[2:] = ["999999", "1"]  # its control shell is dead
        (place / "half.record").write_text(" ".join(first) + "\n")
        assert (await jobs.inspect_job("half", become=False)).phase == "prepared"
        reports = await asyncio.gather(*(each.start_job(spec("half", LINE)) for each in (jobs, other)))
        phases = {report.phase for report in reports}
        assert phases <= {"running", "prepared"} and "running" in phases
        assert (await whole(jobs, "half"))[2].exit == 0
        (place / "begun.record").write_text(" ".join(first) + "\ngoing\n")
        assert (await jobs.start_job(spec("begun", LINE))).phase == "gone", "it may have begun: never again"
        (place / "cut.record").write_text("start ")
        assert (await jobs.start_job(spec("cut", LINE))).phase == "gone", "a power cut took its first line"
    assert started(host) == 1


async def test_a_program_is_sent_by_two_and_run_once(host: Host) -> None:
    program = b"#!/bin/sh\n" + b"# filler\n" * 10_000 + LINE.encode() + b"\n"
    async with jobs_on(host) as one, jobs_on(host) as two:
        await asyncio.gather(*(jobs.start_job(spec("script", "", program=program)) for jobs in (one, two)))
        assert (await whole(two, "script"))[2].exit == 0
    assert started(host) == 1
    assert not list(host.path("/root/.cockpit").glob("up.*")), "what was sent in vain is removed"
