"""A link to this machine for tests: the control shell over a plain subprocess, with whatever shell is to be tried."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from cockpit.fleet.api import Target


class LocalProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @property
    def stdin(self) -> Any:
        return self.process.stdin

    @property
    def stdout(self) -> Any:
        return self.process.stdout

    @property
    def stderr(self) -> Any:
        return self.process.stderr

    def close(self) -> None:
        self.process._transport.close()  # type: ignore[attr-defined]


class LocalLink:
    """`open_process` as `connection.Link` has it. `shell` stands where the command says /bin/sh."""

    def __init__(self, home: str, shell: str = "/bin/sh", env: Mapping[str, str] | None = None) -> None:
        self.target = Target(name="here", host="localhost")
        self.env = {**os.environ, "HOME": home, **(env or {})}
        self.shell = shell
        self.opened: list[LocalProcess] = []

    async def open_process(self, command: str, *, become: bool = False) -> LocalProcess:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command.replace("/bin/sh", self.shell),
            stdin=pipe, stdout=pipe, stderr=pipe, env=self.env, start_new_session=True,
        )  # fmt: skip
        self.opened.append(LocalProcess(process))
        return self.opened[-1]

    async def wait(self) -> None:
        """Until all that was opened has ended."""
        for opened in self.opened:
            await opened.process.wait()
