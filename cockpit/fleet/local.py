"""The machine that cockpit runs on, as the server `local`: the same commands and jobs, by subprocess instead of SSH."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cockpit.fleet.api import Target
from cockpit.fleet.connection import Sudo
from cockpit.fleet.files import SERVER, sftp_over
from cockpit.fleet.launch import launch
from cockpit.fleet.process import Process, StreamName
from cockpit.fleet.remote import ServerRemote

LOCAL = "local"


class LocalChannel:
    """A `process.Channel` over a subprocess. Contact with it is never lost: what ends this machine ends us."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin and process.stdout and process.stderr
        self._stdin = process.stdin
        self._streams = {"out": process.stdout, "err": process.stderr}

    def write(self, data: bytes) -> None:
        self._stdin.write(data)

    async def drain(self) -> None:
        await self._stdin.drain()

    def write_eof(self) -> None:
        self._stdin.close()

    async def read(self, stream: StreamName, n: int) -> bytes:
        return await self._streams[stream].read(n)

    async def exit(self) -> int | None:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def lost(self) -> bool:
        return False

    def terminate(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)

    def close(self) -> None:
        """As sshd would leave it: its stdin ends, and what it writes meets a broken pipe."""
        self._stdin.close()
        for fd in (1, 2):
            pipe = self._process._transport.get_pipe_transport(fd)  # type: ignore[attr-defined]
            if pipe is not None:
                pipe.close()

    async def closed(self) -> None:
        await self._process.wait()


class LocalLink:
    """The shape of a `connection.Link`."""

    def __init__(self, target: Target, *, sudo: Sudo | None = None) -> None:
        self.target = target
        self._sudo = sudo
        self.host_key: str | None = None
        self.scarce = False

    async def open_process(self, command: str, *, become: bool = False) -> Process:
        sudo = self._sudo if become else None
        return await launch(
            self.target.name, command, self._exec, become=become,
            known=sudo.known() if sudo else None, password=sudo.ask if sudo else None,
        )  # fmt: skip

    async def _exec(self, line: str) -> Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", line, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, limit=1 << 20,
            preexec_fn=_defaults,
        )  # fmt: skip
        return Process(self.target.name, LocalChannel(process))

    @asynccontextmanager
    async def sftp(self, *, become: bool = False) -> AsyncIterator[Any]:
        async with sftp_over(await self.open_process(SERVER, become=become)) as client:
            yield client

    async def close(self) -> None:
        """Nothing is held open."""


def _defaults() -> None:
    """Python ignores SIGPIPE; a shell command expects to die of it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


class LocalRemote(ServerRemote):
    """`api.Remote` for `local` steps."""

    def __init__(self, *, sudo: Sudo | None = None, serves: tuple[str, int] | None = None) -> None:
        super().__init__(LocalLink(Target(LOCAL, "localhost"), sudo=sudo), serves)
