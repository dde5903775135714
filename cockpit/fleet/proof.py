"""Whether a file arrived: the SHA-256 of each of its spans as they were read, against the same of what lies at the target.

The target hashes for itself where a command can be run there, else what it has is read back over SFTP. Knows neither why nor
what follows. Memory: 32 bytes for each span, and a few blocks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from hashlib import sha256
from shlex import quote

from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.fleet.stream import Pace, Stream

SPAN = 64 << 20  # bytes, about: a word of progress and a look at the pace after each
SMALL = 1_000_000  # bytes: a file up to this is read back sooner than a command is begun for it
SHELLS = 2  # commands at once: sshd's MaxSessions is ten for all that one connection carries

_TOOLS = "command -v sha256sum || command -v python3 || exit 9"
_PYTHON = """import hashlib, sys
seen = hashlib.sha256()
for data in iter(lambda: sys.stdin.buffer.read(1 << 20), b''): seen.update(data)
print(seen.hexdigest())"""


class Digests:
    """Of a file that is fed in order, in blocks of one size: the digest of each whole span of them, and of the rest."""

    def __init__(self, block: int) -> None:
        self.span = max(1, SPAN // block) * block
        self.done: list[bytes] = []
        self._now, self._fed = sha256(), 0

    def feed(self, data: bytes) -> None:
        self._now.update(data)
        self._fed += len(data)
        if self._fed >= self.span:
            self.close()

    def close(self) -> None:
        if self._fed:
            self.done.append(self._now.digest())
        self._now, self._fed = sha256(), 0


class Shell:
    """Hashes on the server, of paths as its SFTP names them."""

    def __init__(self, remote: Remote, tool: str) -> None:
        self._remote, self.tool = remote, tool
        self._room = asyncio.Semaphore(SHELLS)

    @classmethod
    async def of(cls, remote: Remote) -> Shell | None:
        """None where no command can be run, or none that hashes is there. Lost."""
        if remote.target.sftp_only:
            return None
        try:
            done = await remote.run(_TOOLS, timeout=60)
        except Lost:
            raise
        except (FleetError, TimeoutError):
            return None
        words = done.stdout.decode(errors="replace").split()
        return cls(remote, os.path.basename(words[-1])) if done.exit == 0 and words else None

    async def digest(self, path: bytes, offset: int, n: int, block: int) -> bytes | None:
        """Of `n` bytes from `offset`, a multiple of `block`. None where it could not be told: a chroot of SFTP's own, say.
        The file is given as input: sha256sum has words of its own for names with a newline."""
        tool = "sha256sum" if self.tool == "sha256sum" else f"python3 -c {quote(_PYTHON)}"
        part = f"dd bs={block} skip={offset // block} count={-(-n // block)} 2>/dev/null"
        async with self._room:
            try:
                done = await self._remote.run(f"{{ {part} | {tool}; }} < {quote(os.fsdecode(path))}")
            except Lost:
                raise
            except FleetError:
                return None
        word = done.stdout[:64]
        try:
            return bytes.fromhex(word.decode()) if done.exit == 0 and len(word) == 64 else None
        except ValueError:
            return None


async def arrived(
    place: bytes, size: int, wanted: Digests, block: int, shell: Shell | None, stream: Stream, pace: Pace,
    counts: Callable[[int], None],
) -> bool:  # fmt: skip
    """Whether what lies at `place`, the stream's target, is what was read. counts: told of each piece that was compared, in
    bytes. asyncssh.Error, Lost."""
    for number, digest in enumerate(wanted.done):
        offset = number * wanted.span
        n = min(wanted.span, size - offset)
        found = None
        if shell is not None and size > SMALL:
            await pace.take(0)  # nothing goes over the wire, but a paused one stands still
            found = await shell.digest(place, offset, n, block)
            counts(n if found is not None else 0)
        if found is None:
            found = await _read_back(stream, offset, n, counts)
        if found != digest:
            return False
    return len(wanted.done) == -(-size // wanted.span)


async def _read_back(stream: Stream, offset: int, n: int, counts: Callable[[int], None]) -> bytes:
    seen = sha256()

    def heard(data: bytes) -> None:
        seen.update(data)
        counts(len(data))

    await stream.read_back(offset, offset + n, heard)
    return seen.digest()
