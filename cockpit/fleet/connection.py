"""The connections to one server, and the sessions opened on them. Knows asyncssh's channels; not how a connection is made
(`dial` is given), not what a job is, and nothing of plans.

    link = Link(target, dial)
    async with await link.open_process("cat > /tmp/x; echo done", become=True) as process:
        process.stdin.write(b"..."); process.stdin.write_eof()
        data = await process.stdout.read(65536)   # b"" at the end
        code = await process.wait()               # int; Lost when contact broke: outcome unknown
    async with link.sftp() as sftp: ...           # asyncssh.SFTPClient with byte or text paths
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import asyncssh

from cockpit.fleet.api import FleetError, Lost, Target
from cockpit.fleet.files import BROKEN, SERVER, broken, sftp_over
from cockpit.fleet.launch import launch
from cockpit.fleet.process import Process, StreamName

T = TypeVar("T")

SESSIONS = 8  # a connection; sshd's own limit is 10 (MaxSessions)
CONNECTIONS = 8  # a server; then sessions wait for one another
JUST_NOW = 1.0  # seconds in which a session's end may still be unknown to sshd's count

Dial = Callable[[], Awaitable[asyncssh.SSHClientConnection]]
"""Makes one authenticated connection whose host key was checked. Raises FleetError or Lost."""


class Sudo(Protocol):
    """Where the password for sudo comes from."""

    def known(self) -> str | None: ...

    async def ask(self, refused: str | None) -> str:
        """A person's answer; `refused` is the one that was just wrong. FleetError (become) when nobody gives one."""
        ...


_SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
            "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15}  # fmt: skip


class SSHChannel:
    """A `process.Channel` over one SSH session. encoding=None throughout: with any other, one byte of invalid UTF-8
    in one command's output ends the connection and every other command on it."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], connection: asyncssh.SSHClientConnection) -> None:
        self._process, self._connection = process, connection

    def write(self, data: bytes) -> None:
        self._process.stdin.write(data)

    async def drain(self) -> None:
        try:
            await self._process.stdin.drain()
        except asyncssh.Error as problem:
            raise BrokenPipeError(str(problem)) from problem

    def write_eof(self) -> None:
        self._process.stdin.write_eof()

    async def read(self, stream: StreamName, n: int) -> bytes:
        reader = self._process.stdout if stream == "out" else self._process.stderr
        try:
            return await reader.read(n)
        except asyncssh.Error as problem:
            raise ConnectionError(str(problem)) from problem

    async def exit(self) -> int | None:
        await self._process.wait_closed()
        if self._process.exit_status is not None and self._process.exit_status >= 0:
            return self._process.exit_status
        if self._process.exit_signal is not None:
            return 128 + _SIGNALS.get(self._process.exit_signal[0], 0)
        return None

    def lost(self) -> bool:
        return self._connection.is_closed()

    def terminate(self) -> None:
        self._process.send_signal("TERM")

    def close(self) -> None:
        self._process.close()

    async def closed(self) -> None:
        await self._process.wait_closed()


@dataclass(slots=True, eq=False)
class _Wire:
    """One connection and how many sessions it carries, those being opened included."""

    connection: asyncssh.SSHClientConnection
    room: int = SESSIONS
    sessions: int = 0
    freed: float = 0.0  # when one ended last, in time.monotonic


class Link:
    """One server. `open_process` and `sftp` raise FleetError when the server says no, `Lost` when contact breaks."""

    def __init__(
        self, target: Target, dial: Dial, *, sudo: Sudo | None = None, key: Callable[[], str | None] | None = None
    ) -> None:
        """sudo None: `sudo -n`, which takes no password. key: the host key that the newest connection proved."""
        self.target = target
        self._dial, self._sudo, self._key = dial, sudo, key
        self._wires: list[_Wire] = []
        self._dialing = 0
        self._change = asyncio.Condition()
        self._closed = self._noisy = False
        self._watchers: set[asyncio.Task[None]] = set()

    async def open_process(self, command: str, *, become: bool = False) -> Process:
        """Start text for /bin/sh, as the user who logged in or as root. It runs when this returns, and what the login shell
        and its rc files printed is cut off: output is exactly the command's, and so is stdin from its first byte."""
        if self.target.sftp_only:
            raise FleetError(self.target.name, "other", f"{self.target.name} runs no commands (sftp_only)")
        sudo = self._sudo if become else None
        process = await launch(
            self.target.name, command, self._exec, become=become,
            known=sudo.known() if sudo else None, password=sudo.ask if sudo else None,
        )  # fmt: skip
        self._noisy = process.noisy
        return process

    async def connection(self) -> asyncssh.SSHClientConnection:
        """The first connection, made now if there is none: for tunnels. Channels of tunnels are not sessions."""
        wire = await self._wire(lambda _: True)
        return wire.connection

    @asynccontextmanager
    async def sftp(self, *, become: bool = False) -> AsyncIterator[Any]:
        """asyncssh's SFTPClient (text paths, surrogateescape), as the user who logged in or as root.
        Beware: its put and get shorten files that end in a hole."""
        if become or self._noisy:  # sshd runs its subsystem through the login shell, whose noise would be taken for packets
            async with sftp_over(await self.open_process(SERVER, become=become)) as client:
                yield client
            return
        wire, client = await self._session(lambda raw: raw.start_sftp_client(path_errors="surrogateescape"))
        try:
            async with client:
                yield client
        except BROKEN as problem:
            raise broken(self.target.name, problem, lost=wire.connection.is_closed()) from problem
        finally:
            await self._release(wire)

    @property
    def host_key(self) -> str | None:
        """"ssh-ed25519 AAAA…" as checked on the newest connection; None before one."""
        return self._key() if self._key else None

    @property
    def scarce(self) -> bool:
        """A connection takes fewer sessions than is usual (MaxSessions): one that is kept open soon costs a login."""
        return any(wire.room < SESSIONS for wire in self._wires)

    async def lost(self) -> None:
        """Returns when no connection is left."""
        async with self._change:
            await self._change.wait_for(lambda: all(wire.connection.is_closed() for wire in self._wires))

    def abort(self) -> None:
        """End every connection now: what ran on them raises `Lost`. The next use dials again."""
        for wire in self._wires:
            wire.connection.abort()

    async def close(self) -> None:
        self._closed = True
        self.abort()
        await asyncio.gather(*self._watchers)

    # --- sessions

    async def _exec(self, line: str) -> Process:
        wire, raw = await self._session(lambda raw: raw.create_process(line, encoding=None, request_pty=False))
        channel = SSHChannel(raw, wire.connection)
        self._after(channel.closed(), lambda: self._release(wire))
        return Process(self.target.name, channel)

    async def _session(self, opened: Callable[[asyncssh.SSHClientConnection], Awaitable[T]]) -> tuple[_Wire, T]:
        """Open something that counts as a session, on a connection that has room. The caller releases the wire."""
        while True:
            wire = await self._take()
            try:
                return wire, await _patiently(wire, opened)
            except asyncssh.ChannelOpenError as problem:
                if not await self._refused(wire):
                    raise self._theirs(wire, problem) from problem
            except (asyncssh.Error, OSError) as problem:
                await self._release(wire)
                raise self._theirs(wire, problem) from problem
            except BaseException:
                await self._release(wire)
                raise

    def _after(self, end: Awaitable[None], then: Callable[[], Awaitable[None]]) -> None:
        async def watch() -> None:
            await end
            await then()

        task = asyncio.create_task(watch())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _take(self) -> _Wire:
        wire = await self._wire(lambda wire: wire.sessions < wire.room)
        wire.sessions += 1
        return wire

    async def _release(self, wire: _Wire) -> None:
        async with self._change:
            wire.sessions -= 1
            wire.freed = time.monotonic()
            self._change.notify_all()

    async def _refused(self, wire: _Wire) -> bool:
        """The server opened no further session here (MaxSessions): remember how many it takes. False: it takes none at all."""
        async with self._change:
            wire.sessions -= 1
            wire.room = wire.sessions
            self._change.notify_all()
            return wire.room > 0 or wire.connection.is_closed()

    async def _wire(self, fits: Callable[[_Wire], bool]) -> _Wire:
        """A live connection that fits, made if need be. Callers that find none wait for the one being made."""
        async with self._change:
            while True:
                self._wires = [wire for wire in self._wires if not wire.connection.is_closed()]
                for wire in self._wires:
                    if fits(wire):
                        return wire
                if self._closed:
                    raise Lost(self.target.name, f"{self.target.name} was let go")
                if not self._dialing and len(self._wires) < CONNECTIONS:
                    break
                await self._change.wait()
            self._dialing += 1
        try:
            wire = _Wire(await self._dial())
            self._wires.append(wire)
            self._after(wire.connection.wait_closed(), self._changed)
        finally:
            self._dialing -= 1
            await self._changed()
        return wire

    async def _changed(self) -> None:
        async with self._change:
            self._wires = [wire for wire in self._wires if not wire.connection.is_closed()]
            self._change.notify_all()

    def _theirs(self, wire: _Wire, problem: Exception) -> FleetError:
        if wire.connection.is_closed():
            return Lost(self.target.name, f"contact was lost: {problem}")
        return FleetError(self.target.name, "other", f"{self.target.name} refused a session: {problem}")


async def _patiently(wire: _Wire, opened: Callable[[asyncssh.SSHClientConnection], Awaitable[T]]) -> T:
    """sshd counts a session until it has swept up after it, a moment after it told us that it is closed: a refusal just
    then is not yet the server's limit."""
    for pause in (0.01, 0.02, 0.05, 0.1, 0.2):
        try:
            return await opened(wire.connection)
        except asyncssh.ChannelOpenError:
            if time.monotonic() - wire.freed > JUST_NOW:
                raise
        await asyncio.sleep(pause)
    return await opened(wire.connection)
