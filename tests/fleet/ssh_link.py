"""Links and Jobs over real sshd for the tests of jobs: a connection as `dial` makes one, without a fleet around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from cockpit.fleet.api import JobOutput, JobReport, JobSpec, Lost, Target
from cockpit.fleet.connection import Link
from cockpit.fleet.jobs import Jobs
from tests.hosts import Host


def link_to(host: Host, user: str | None = None) -> Link:
    target = Target(host.name, host.address, user=user or host.user, port=host.port, become=host.sudo != "none")

    async def dial() -> asyncssh.SSHClientConnection:
        trusted = asyncssh.import_known_hosts(host.known_hosts)
        try:
            return await asyncssh.connect(
                host.address, host.port, username=target.user, known_hosts=trusted, client_keys=[str(host.client_key)],
                config=None,
            )  # fmt: skip
        except (OSError, asyncssh.Error) as problem:
            raise Lost(host.name, str(problem)) from problem

    return Link(target, dial)


@asynccontextmanager
async def jobs_on(host: Host, serves: tuple[str, int] | None = None, *, user: str | None = None) -> AsyncIterator[Jobs]:
    """user: another than the host's own, for one that lets it in."""
    link = link_to(host, user)
    jobs = Jobs(link, serves)
    try:
        yield jobs
    finally:
        await jobs.close()
        await link.close()


def spec(name: str, command: str, **more: object) -> JobSpec:
    return JobSpec(**{"id": name, "session": "s1", "epoch": 1, "command": command, **more})  # type: ignore[arg-type]


def kill(host: Host, *pids: str | int) -> None:
    """SIGKILL, and wait until they are gone or zombies: a signal that was sent has not yet arrived."""
    for pid in pids:
        host.run(f"kill -9 {pid}; while grep -qs '^State:.[^ZX]' /proc/{pid}/status; do sleep 0.01; done")


async def whole(jobs: Jobs, name: str, *, become: bool = False, out: int = 0, err: int = 0) -> tuple[bytes, bytes, JobReport]:
    """Follow to the end: stdout and stderr from these offsets on, each in one piece and without a gap, and the last report."""
    texts = {"out": bytearray(), "err": bytearray()}
    starts = {"out": out, "err": err}
    async for item in jobs.follow_job(name, become=become, out=out, err=err):
        if isinstance(item, JobOutput):
            assert item.offset == starts[item.stream] + len(texts[item.stream])
            texts[item.stream] += item.data
        else:
            last = item
    return bytes(texts["out"]), bytes(texts["err"]), last
