"""Much output of many jobs at once: each has all of its own."""

from __future__ import annotations

import asyncio

from tests.fleet.ssh_link import jobs_on, spec, whole
from tests.fleet.test_jobs_bulk import host
from tests.hosts import Host

__all__ = ["host"]


async def test_many_jobs_at_once_share_a_reply(host: Host) -> None:
    async with jobs_on(host) as jobs:
        for number in range(12):
            await jobs.start_job(spec(f"share{number}", f"head -c 3000000 /dev/zero | tr '\\0' '{chr(97 + number)}'"))
        results = await asyncio.gather(*(whole(jobs, f"share{number}") for number in range(12)))
        for number, (out, _, last) in enumerate(results):
            assert last.exit == 0 and out == bytes([97 + number]) * 3_000_000
