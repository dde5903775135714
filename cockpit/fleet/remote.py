"""One server as everything else sees it (`api.Remote`): short commands, jobs and files over one link. Knows no asyncssh."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

from cockpit.fleet.api import Completed, FleetError, JobOutput, JobReport, JobSpec, Lost, Station, Target
from cockpit.fleet.errands import Errands
from cockpit.fleet.jobs import Jobs
from cockpit.fleet.launch import quote
from cockpit.fleet.process import Process, Stream

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class AnyLink(Protocol):
    """A `connection.Link` or a `local.LocalLink`."""

    target: Target

    async def open_process(self, command: str, *, become: bool = False) -> Process: ...

    def sftp(self, *, become: bool = False) -> AbstractAsyncContextManager[Any]: ...

    @property
    def host_key(self) -> str | None: ...

    @property
    def scarce(self) -> bool: ...


class ServerRemote:
    """See `api.Remote` for the promises of each method."""

    def __init__(
        self, link: AnyLink, serves: tuple[str, int] | None = None, stations: Callable[[], tuple[Station, ...]] = tuple,
    ) -> None:  # fmt: skip
        self.link = link
        self._stations = stations
        self.target = link.target
        self._jobs = Jobs(link, serves)
        self._errands = Errands(lambda command, become: link.open_process(command, become=become), lambda: link.scarce)

    @property
    def host_key(self) -> str | None:
        return self.link.host_key

    def stations(self) -> tuple[Station, ...]:
        return self._stations()

    async def run(
        self, command: str, *, become: bool | None = None, stdin: bytes = b"", timeout: float | None = None,
        limit: int = 1 << 20, env: Mapping[str, str] | None = None, cwd: str | None = None,
        heard: Callable[[bytes], None] | None = None,
    ) -> Completed:  # fmt: skip
        become = self.target.become if become is None else become
        async with await self.link.open_process(within(command, env or {}, cwd), become=become) as process:
            try:
                async with asyncio.timeout(timeout):  # from its beginning: sudo may wait for a person's password before that
                    return await complete(process, stdin, limit, heard)
            except BaseException:
                process.terminate()  # nobody waits for it any longer
                raise

    async def errand(
        self, command: str, *, become: bool | None = None, stdin: bytes = b"", timeout: float | None = None
    ) -> Completed:
        become = self.target.become if become is None else become
        return await self._errands.run(command, become=become, stdin=stdin, timeout=timeout)

    async def boot_id(self) -> str | None:
        return await self._jobs.boot_id()

    def sftp(self) -> AbstractAsyncContextManager[Any]:
        return self.link.sftp(become=self.target.become and not self.target.sftp_only)

    async def close(self) -> None:
        """End the shells that were kept. Jobs go on."""
        self._errands.close()
        await self._jobs.close()

    # --- jobs: `jobs.Jobs` keeps these promises

    async def start_job(self, spec: JobSpec) -> JobReport:
        return await self._jobs.start_job(spec)

    def follow_job(self, spec_id: str, *, become: bool, out: int = 0, err: int = 0) -> AsyncIterator[JobOutput | JobReport]:
        return self._jobs.follow_job(spec_id, become=become, out=out, err=err)

    async def inspect_job(self, spec_id: str, *, become: bool) -> JobReport:
        return await self._jobs.inspect_job(spec_id, become=become)

    async def cancel_job(self, spec_id: str, *, become: bool, grace: float = 10.0) -> JobReport:
        return await self._jobs.cancel_job(spec_id, become=become, grace=grace)

    async def tell_job(self, spec_id: str, text: bytes, *, become: bool) -> JobReport:
        return await self._jobs.tell_job(spec_id, text, become=become)

    async def remove_jobs(self, session: str) -> None:
        if not self.target.sftp_only:
            await self._jobs.remove_jobs(session)

    async def claim(self, session: str, who: str, *, force: bool = False) -> str | None:
        """As api says. An appliance that runs no commands has no lock."""
        if self.target.sftp_only:
            return None
        other = await self._jobs.claim(session, who, force)
        if other is None:
            return None
        since = datetime.fromtimestamp(other.at, UTC).strftime("%Y-%m-%d %H:%M UTC") if other.at else "an unknown time"
        return f"{other.session}, by {other.who or 'somebody'}, since {since}"

    async def serve(self, session: str, epoch: int) -> bool:
        return self.target.sftp_only or await self._jobs.serve(session, epoch)

    async def release_claim(self, session: str) -> None:
        if not self.target.sftp_only:
            await self._jobs.release_claim(session)


def within(command: str, env: Mapping[str, str], cwd: str | None) -> str:
    """The command with its environment and directory, for POSIX sh. ValueError for a name that is none in a shell."""
    for name in env:
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no name of an environment variable")
    set_up = [f"export {name}={quote(value)}" for name, value in env.items()]
    if cwd is not None:
        set_up.append(f"cd -- {quote(cwd)} || exit 126")
    return "\n".join([*set_up, command])


async def complete(
    process: Process, stdin: bytes, limit: int, heard: Callable[[bytes], None] | None = None
) -> Completed:
    """Feed it, read both streams to their ends, keep at most `limit` bytes of each. `Lost` when contact breaks."""
    feeding = asyncio.create_task(_feed(process, stdin))
    try:
        (out, cut_out), (err, cut_err) = await asyncio.gather(_keep(process.stdout, limit), _keep(process.stderr, limit, heard))
        return Completed(await process.wait(), out, err, truncated=cut_out or cut_err)
    finally:
        feeding.cancel()


async def _feed(process: Process, data: bytes) -> None:
    try:
        for start in range(0, len(data), 65536):
            process.stdin.write(data[start : start + 65536])
            await process.stdin.drain()
        process.stdin.write_eof()
    except (FleetError, OSError):  # told by wait(), or the command wanted no more
        pass


async def _keep(stream: Stream, limit: int, heard: Callable[[bytes], None] | None = None) -> tuple[bytes, bool]:
    kept, dropped = bytearray(), False
    try:
        while data := await stream.read():
            if heard is not None:
                heard(data)
            room = limit - len(kept)
            kept += data[:room]
            dropped = dropped or len(data) > room
    except Lost:
        pass  # wait() says so
    return bytes(kept), dropped
