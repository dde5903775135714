"""SFTP over a command's stdin and stdout: as root through sudo, or on this machine. Knows no SSH connection.

asyncssh's SFTP client speaks to any reader and writer; where sshd's own subsystem would run as the wrong user, the
server's sftp-server is started as a command.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncssh
from asyncssh.logging import logger
from asyncssh.sftp import SFTPClientHandler

from cockpit.fleet.api import FleetError, Lost
from cockpit.fleet.process import Process

_PLACES = "/usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec /usr/lib /usr/lib/misc /usr/local/libexec"
SERVER = f'for p in {_PLACES}; do [ -x "$p/sftp-server" ] && exec "$p/sftp-server"; done; exit 127'

BROKEN = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.ConnectionLost, ConnectionError)


def broken(server: str, problem: Exception, *, lost: bool) -> FleetError:
    """For one of `BROKEN`: contact broke, or only the sftp-server ended."""
    if lost:
        return Lost(server, f"contact was lost during sftp: {problem}")
    return FleetError(server, "other", f"sftp-server on {server} ended: {problem}")


class _Ends:
    """A process as the reader and the writer that asyncssh's SFTP handler wants."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.logger = logger
        self.channel = self

    async def readexactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            try:
                more = await self._process.stdout.read(n - len(data))
            except Lost as lost:  # asyncssh's loop ends on OSError, and on nothing of ours
                raise ConnectionError(lost.text) from lost
            if not more:
                raise asyncio.IncompleteReadError(data, n)
            data += more
        return data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Which sftp-server it is decides the order of a symlink's two names: ours is always OpenSSH's."""
        return "SSH-2.0-OpenSSH" if name == "server_version" else default

    def is_closing(self) -> bool:
        return self._process.channel.lost()

    def write(self, data: bytes) -> None:
        self._process.stdin.write(data)

    def write_eof(self) -> None:
        self._process.stdin.write_eof()

    def close(self) -> None:
        self._process.close()


class _Tasks:
    """The one thing that asyncssh's client wants of a connection: to run its receiving loop."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[None]] = set()

    def create_task(self, work: Coroutine[Any, Any, None], *_: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task


@asynccontextmanager
async def sftp_over(process: Process) -> AsyncIterator[Any]:
    """An asyncssh.SFTPClient over a process that runs `SERVER`. FleetError when there is no sftp-server; `Lost`."""
    async with process:
        ends, tasks = _Ends(process), _Tasks()
        noise = tasks.create_task(_drop_stderr(process))
        handler = SFTPClientHandler(asyncio.get_running_loop(), "strict", ends, ends, 3)  # type: ignore[arg-type]
        try:
            await handler.start()
        except (asyncssh.SFTPError, asyncio.IncompleteReadError, ConnectionError) as problem:
            raise await _why(process, problem) from problem
        tasks.create_task(handler.recv_packets())
        await handler.request_limits()
        client = asyncssh.SFTPClient(handler, "utf-8", "surrogateescape")
        try:
            yield client
        except BROKEN as problem:
            raise broken(process.server, problem, lost=process.channel.lost()) from problem
        finally:
            client.exit()
            process.close()
            await asyncio.wait({noise, *tasks.running}, timeout=1)
            for task in tasks.running:
                task.cancel()


async def _drop_stderr(process: Process) -> None:
    try:
        while await process.stderr.read():
            pass
    except Lost:
        pass


async def _why(process: Process, problem: Exception) -> FleetError:
    if isinstance(problem, Lost):
        return problem
    code = await process.wait()
    missing = "no sftp-server is installed there (Debian: openssh-sftp-server)"
    why = missing if code == 127 else f"sftp-server ended with exit code {code}"
    return FleetError(process.server, "other", f"sftp on {process.server}: {why}")
