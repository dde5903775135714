"""A running command seen from this side: bytes in, bytes out, and an end that is either an exit code or `Lost`.

Knows neither how the command was reached (SSH or a local process: the `Channel` does) nor what it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from cockpit.fleet.api import FleetError, Lost

StreamName = Literal["out", "err"]


class Channel(Protocol):
    """What carries one command. Reading stops when nobody reads: a caller reads both streams, or neither ends."""

    def write(self, data: bytes) -> None:
        """Queue bytes for the command's stdin. OSError when it no longer takes any."""
        ...

    async def drain(self) -> None: ...

    def write_eof(self) -> None: ...

    async def read(self, stream: StreamName, n: int) -> bytes:
        """At most n bytes, b"" at the end."""
        ...

    async def exit(self) -> int | None:
        """The exit code (128+n for a signal), or None when contact broke before it was told."""
        ...

    def lost(self) -> bool:
        """Contact is broken."""
        ...

    def terminate(self) -> None:
        """SIGTERM to the command's process group, as far as we may."""
        ...

    def close(self) -> None: ...

    async def closed(self) -> None: ...


class Stdin:
    def __init__(self, process: Process, channel: Channel) -> None:
        self._process, self._channel = process, channel

    def write(self, data: bytes) -> None:
        """Never raises: a command that reads no more is no error, and a lost one is told by drain() and wait()."""
        try:
            self._channel.write(data)
        except OSError:
            pass

    async def drain(self) -> None:
        """Wait until there is room. `Lost` when contact broke, BrokenPipeError when the command reads no more."""
        try:
            await self._channel.drain()
        except OSError as problem:
            if self._channel.lost():
                raise self._process.lost() from problem
            raise BrokenPipeError("the command reads no more") from problem
        if self._channel.lost():
            raise self._process.lost()

    def write_eof(self) -> None:
        try:
            self._channel.write_eof()
        except OSError:
            pass


class Stream:
    """stdout or stderr. What a login shell printed before the command began never shows."""

    def __init__(self, process: Process, channel: Channel, name: StreamName) -> None:
        self._process, self._channel, self._name = process, channel, name
        self._ahead = b""

    async def read(self, n: int = 65536) -> bytes:
        """At most n bytes, b"" at the end. Only `wait` says whether that end is the command's or the connection's."""
        if self._ahead:
            data, self._ahead = self._ahead[:n], self._ahead[n:]
            return data
        try:
            return await self._channel.read(self._name, n)
        except OSError as problem:
            raise self._process.lost() from problem

    async def skip_to(self, marker: bytes, *, limit: int, seen: Callable[[bytes], bool]) -> bytes | None:
        """Drop everything up to and with `marker`; returns what was dropped, or None when the stream ended first.

        `seen` is shown what came so far without the marker, and ends the wait (None) by returning True.
        FleetError when `limit` bytes come without the marker: some rc file prints without end.
        """
        noise = b""
        while (at := noise.find(marker)) < 0:
            if seen(noise):
                return None
            if len(noise) > limit:
                raise FleetError(self._process.server, "other", "its login shell prints without end before any command runs")
            data = await self.read()
            if not data:
                return None
            noise += data
        noise, self._ahead = noise[:at], noise[at + len(marker) :] + self._ahead
        return noise


class Process:
    """`async with` closes it. `server` is for messages."""

    def __init__(self, server: str, channel: Channel) -> None:
        self.server = server
        self.channel = channel
        self.noisy = False  # its login shell printed something before the command began
        self.stdin = Stdin(self, channel)
        self.stdout = Stream(self, channel, "out")
        self.stderr = Stream(self, channel, "err")

    def lost(self) -> Lost:
        return Lost(self.server, "contact was lost while a command ran")

    async def wait(self) -> int:
        """The exit code, 128+n for a signal, as a shell says it. `Lost` when contact broke first: outcome unknown.
        Read both streams to their ends before, or beside it: unread output holds the end back."""
        code = await self.channel.exit()
        if code is None:
            raise self.lost()
        return code

    def terminate(self) -> None:
        """Ask for its end. Best effort: what runs through sudo, or under an old sshd (before 7.9), stays."""
        try:
            self.channel.terminate()
        except OSError:
            pass

    def close(self) -> None:
        """Leave: the command gets EOF and, on its next write, a broken pipe. Not a kill."""
        self.channel.close()

    async def __aenter__(self) -> Process:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
