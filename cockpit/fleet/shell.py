"""The control shell: one long-lived /bin/sh on a server (per user), fed with requests on stdin, its replies framed by a token.

One request costs one round trip and no new SSH session (an exec makes sshd fork, about 6 ms). Works over anything with the
shape of `process.Process`: SSH, sudo, or a local subprocess. Knows how replies are framed; not what a job is.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

from cockpit.fleet.api import FleetError, Lost

PIECE = 65536  # bytes read at once
LARGEST = 4 << 20  # bytes of one section before its shell is taken for mad; output is asked for in far smaller shares
PATIENCE = 60.0  # seconds without one byte of an answer, which may come all at once; then the shell is given up
SAID = 2000  # bytes of what else came on stderr, kept for the error message

# A session of its own, so that neither sshd's end nor sudo's takes the jobs along; under systemd a scope of its own too, where
# KillUserProcesses would end what the login left. In the background, since setsid forks where it is a group's leader.
_LAUNCH = (
    'exec 3<&0; r="systemd-run -q --scope"; '
    'if ! [ -d /run/systemd/system ] || [ "$(id -u)" != 0 ] || ! $r true </dev/null >/dev/null 2>&1; then r=; fi; '
    '$r $(command -v setsid) /bin/sh <&3 3<&- & exec 3<&-; wait $!; echo "{token} over" >&2'
)


class Reader(Protocol):
    async def read(self, n: int = ..., /) -> bytes: ...


class Writer(Protocol):
    def write(self, data: bytes, /) -> object: ...
    async def drain(self) -> None: ...


class Process(Protocol):
    """`cockpit.fleet.process.Process`, and asyncio's own subprocesses but for `close`."""

    @property
    def stdin(self) -> Writer: ...
    @property
    def stdout(self) -> Reader: ...
    @property
    def stderr(self) -> Reader: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a reply: its words, and the bytes that follow it (empty but for `data`)."""

    words: list[str]
    data: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """A job of this shell's ended. The output is given when it is small, else it is to be fetched."""

    id: str
    exit: str
    how: str
    sizes: tuple[int, int]
    output: tuple[bytes, bytes] | None


OnNotice = Callable[[Notice], None]


def prelude() -> bytes:
    """The shell's own text, without comments and indentation: bash reads it from a pipe byte by byte."""
    files = resources.files("cockpit.fleet")
    text = "".join((files / name).read_text() for name in ("wrapper.sh", "mask.sh", "start.sh", "control.sh"))
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")).encode()


class Shell:
    """Requests are answered in the order in which they are made. Any loss, of contact or of the shell, is `Lost`."""

    def __init__(self, server: str, process: Process, token: str, on_notice: OnNotice, on_lost: Callable[[], None]) -> None:
        self.server = server
        self.alive = True
        self.hello: list[str] = []  # boot id, uid, path of setsid, directory of the records; "-" for none
        self._process, self._token = process, token.encode()
        self._on_notice, self._on_lost = on_notice, on_lost
        self._turn = asyncio.Lock()
        self._ahead = bytearray()
        self._said = b""
        self._number = 0
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def open(
        cls, server: str, run: Callable[[str], Awaitable[Process]], on_notice: OnNotice, on_lost: Callable[[], None],
    ) -> Shell:  # fmt: skip
        """`run(command)` starts text for /bin/sh. FleetError when this server can keep no jobs."""
        token = secrets.token_hex(16)
        process = await run(_LAUNCH.format(token=token))
        shell = cls(server, process, token, on_notice, on_lost)
        try:
            reply = await shell.request("ck_hello", before=f"ck_t={token}\n".encode() + prelude() + b"\n")
        except BaseException:
            await shell.close()
            raise
        shell.hello = reply[0].words[1:]
        if shell.hello[2] == "-":
            await shell.close()
            raise FleetError(server, "tools", f"{server} has no setsid (util-linux or busybox): jobs cannot be kept there")
        return shell

    async def request(self, command: str, *, before: bytes = b"") -> list[Section]:
        """`before` is shell text that is run first; then the first word of `command` gets a number and the other words."""
        async with self._turn:
            self._number += 1
            number = str(self._number)
            name, _, words = command.partition(" ")
            # Braces: of a request that is cut off in the middle no part is run.
            text = b"{\n%s\n%s\n}\n" % (before, f"{name} {number} {words}".encode())
            try:
                self._check()
                self._process.stdin.write(text)
                await self._process.stdin.drain()
                return await self._reply(number)
            except (OSError, Lost) as problem:
                self._die()
                raise self._lost() from problem

    async def close(self) -> None:
        self._die()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)

    # --- stdout

    async def _reply(self, number: str) -> list[Section]:
        """The sections of this request's reply. Those of an earlier one, whose caller was cancelled, are dropped."""
        mark = b"\n" + self._token + b" "
        sections: list[Section] = []
        await self._until(mark)
        while True:
            head, _, _ = (await self._until(b"\n")).partition(b"\n")
            words = head.decode(errors="replace").split()
            if words[1:] == ["end"]:
                if words[0] == number:
                    return sections
                await self._until(mark)
                continue
            data = await self._until(mark)
            if words[0] == number:
                sections.append(Section(words[1:], data))

    async def _until(self, mark: bytes) -> bytes:
        """What comes before `mark`, which is dropped."""
        seen = 0
        while (at := self._ahead.find(mark, seen)) < 0:
            seen = max(0, len(self._ahead) - len(mark))
            if len(self._ahead) > LARGEST:
                raise OSError("a reply without end")
            self._ahead += await self._more()
        data = bytes(self._ahead[:at])
        del self._ahead[: at + len(mark)]
        return data

    async def _more(self) -> bytes:
        """A shell that was given up has its process closed, which ends this read."""
        try:
            async with asyncio.timeout(PATIENCE):
                data = await self._process.stdout.read(PIECE)
        except TimeoutError:
            raise OSError(f"no answer for {PATIENCE:.0f} s") from None
        if not data:
            raise OSError("the control shell ended")
        return data

    # --- stderr: notices, and whatever else the server has to say

    async def _listen(self) -> None:
        """Ends with the shell."""
        ahead = bytearray()
        try:
            while data := await self._process.stderr.read(PIECE):
                ahead += data
                if self._notices(ahead):
                    break
        except (OSError, FleetError):
            pass
        finally:
            self._die()

    def _notices(self, ahead: bytearray) -> bool:
        """Take what is complete. True: the shell said that it is over."""
        mark = self._token + b" "
        while (at := ahead.find(mark)) >= 0:
            end = ahead.find(b"\n", at)
            if end < 0:
                break
            line = bytes(ahead[at + len(mark) : end])
            self._said = (self._said + bytes(ahead[:at]))[-SAID:]
            del ahead[: end + 1]
            if line == b"over":
                return True
            self._on_notice(_notice(line))
        else:
            keep = len(mark)
            self._said = (self._said + bytes(ahead[:-keep]))[-SAID:]
            del ahead[:-keep]
        return False

    # --- its end

    def _check(self) -> None:
        if not self.alive:
            raise self._lost()

    def _die(self) -> None:
        if self.alive:
            self.alive = False
            self._process.close()
            self._on_lost()

    def _lost(self) -> Lost:
        said = self._said.decode(errors="replace").strip()
        return Lost(self.server, f"the control shell on {self.server} was lost" + (f" ({said[-200:]})" if said else ""))


def _notice(line: bytes) -> Notice:
    """Of `ended ID EXIT HOW INLINE OUT ERR` and, after a blank, the output with record separators for its newlines."""
    _, job, code, how, inline, out, err, text = line.split(b" ", 7)
    sizes = int(out), int(err)
    output = None
    if inline == b"1":
        text = text.replace(b"\x1e", b"\n")
        output = text[: sizes[0]], text[sizes[0] :]
    return Notice(job.decode(), code.decode(), how.decode(), sizes, output)
