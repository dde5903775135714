"""Much output: kept whole, in bounded memory, and without making the other jobs of its server wait.

tests/long/test_jobs_bulk.py has twelve such jobs at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator

import psutil
import pytest

from cockpit.fleet.api import JobOutput
from tests.fleet.ssh_link import jobs_on, spec, whole
from tests.hosts import Host, Hosts

MIB = 1 << 20
FLOOD = (
    "yes 0123456789abcdef0123456789abcdef | head -c 100000000; "
    "head -c 10000000 /dev/zero; echo; printf 'E%.0s' $(seq 1000) >&2"
)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    made = Hosts()
    try:
        yield made("app01")
    finally:
        made.close()


def expected() -> str:
    line = b"0123456789abcdef0123456789abcdef\n"
    whole = (line * (100_000_000 // len(line) + 1))[:100_000_000]
    return hashlib.sha256(whole + bytes(10_000_000) + b"\n").hexdigest()


async def test_a_hundred_megabytes_and_a_ten_megabyte_line(host: Host) -> None:
    process, digest, sizes, count = psutil.Process(), hashlib.sha256(), {"out": 0, "err": 0}, 0
    before = process.memory_info().rss
    most = before
    waits: list[float] = []

    async def small_jobs() -> None:
        number = 0
        while True:
            started = time.monotonic()
            number += 1
            await jobs.start_job(spec(f"small{number}", f"echo {number}"))
            assert (await whole(jobs, f"small{number}"))[0] == b"%d\n" % number
            waits.append(time.monotonic() - started)
            await asyncio.sleep(0.05)

    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("flood", FLOOD))
        others = asyncio.create_task(small_jobs())
        async for item in jobs.follow_job("flood", become=False):
            if isinstance(item, JobOutput):
                assert len(item.data) <= 256 * 1024 and item.offset == sizes[item.stream]
                sizes[item.stream] += len(item.data)
                count += 1
                if item.stream == "out":
                    digest.update(item.data)
                most = max(most, process.memory_info().rss)
            else:
                assert (item.phase, item.exit, item.out, item.err) == ("ended", 0, 110_000_001, 1000)
        others.cancel()
        await asyncio.gather(others, return_exceptions=True)
    assert digest.hexdigest() == expected()
    assert most - before < 40 * MIB
    assert len(waits) > 5 and sorted(waits)[len(waits) // 2] < 0.5, waits


async def test_nobody_reading_fetches_nothing(host: Host) -> None:
    """The engine's queue is full: its follower waits, and so does the output, on the server's disk."""
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("ahead", "head -c 30000000 /dev/zero"))
        following = jobs.follow_job("ahead", become=False)
        await anext(following)
        desk = jobs._desks[False]
        held = [follower for follower in desk.followers._all if follower.name == "ahead"]
        await whole(jobs, "ahead", out=29_000_000)
        assert sum(len(item.data) for item in held[0].items if isinstance(item, JobOutput)) <= 512 * 1024
        await following.aclose()  # type: ignore[attr-defined]
