"""Reading a place by the best means its server has: python3, POSIX tools, or SFTP alone. Knows nothing of comparing.

Content is sha256, which all three have, read whole and by another way than the copy wrote it.
"""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from shlex import quote

from cockpit.fleet import reading
from cockpit.fleet.api import Completed, Remote
from cockpit.steps.verify.manifest import Entry, Listing, Missing, Read, Reader, Unread, lines_of, listing_of, reads_of

LIMIT = 256 << 20  # bytes of a list: about two million names
BIG = 256 << 20  # bytes: a file that is worth hearing how far it is, and what is asked for at once where nothing else tells
SURVEY = files("cockpit.steps.verify")
PYTHON = (SURVEY / "survey.py").read_bytes()
TOOLS = (SURVEY / "survey.sh").read_text()
PROGRESS = re.compile(rb"^\+(\d+)\n", re.MULTILINE)
# -I -S: nothing of the server's own Python set-up has a part in it. The program comes first on stdin, then what it reads there.
RUN = f"exec python3 -I -S -c 'import sys; exec(compile(sys.stdin.buffer.read({len(PYTHON)}), \"survey\", \"exec\"))'"


async def reader_of(remote: Remote, path: str, become: bool, heard: Callable[[int], None]) -> Reader:
    """heard: told of bytes that were read, as they are. Raises FleetError, Lost."""
    if remote.target.sftp_only:
        return BySftp(remote, path, heard)
    done = await remote.run("command -v python3 >/dev/null 2>&1", become=become)
    return (ByPython if done.exit == 0 else ByTools)(remote, path, become, heard)


class _ByCommand:
    def __init__(self, remote: Remote, path: str, become: bool, heard: Callable[[int], None]) -> None:
        self._remote, self._path, self._become, self._heard = remote, path, become, heard

    async def listing(self) -> Listing:
        done = await self._run("list", b"")
        if done.exit == 66 and (b"No such file" in done.stderr or b"Not a directory" in done.stderr):
            raise Missing
        return await asyncio.to_thread(listing_of, self._whole(done))

    def _command(self, what: str) -> tuple[str, bytes]:
        """The command, and what it wants on its stdin first."""
        raise NotImplementedError

    async def _run(self, what: str, stdin: bytes) -> Completed:
        command, first = self._command(what)
        done = await self._remote.run(command, become=self._become, stdin=first + stdin, limit=LIMIT, heard=self._progress)
        return replace(done, stderr=PROGRESS.sub(b"", done.stderr))

    def _progress(self, piece: bytes) -> None:
        for told in PROGRESS.finditer(piece):  # one that comes in two pieces is lost, and made good at the end of its batch
            self._heard(int(told[1]))

    def _whole(self, done: Completed) -> bytes:
        """What it printed, when nothing of it is missing."""
        if done.truncated:
            raise Unread(f"{self._path} holds too many names for one check: compare its parts")
        if done.exit != 0 or done.stderr.strip():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Unread(f"{self._path} could not be read: {said[0][:300] if said else f'exit {done.exit}'}")
        return done.stdout

    def _all(self, names: Sequence[bytes], found: list[Read]) -> list[Read]:
        if len(found) != len(names):
            raise Unread(f"{self._path}: of {len(names)} files {len(found)} were read")
        return found


class ByPython(_ByCommand):
    batch = 4 << 30

    async def digests(self, names: Sequence[bytes]) -> list[Read]:
        done = await self._run("hash", b"".join(name + b"\0" for name in names))
        return self._all(names, reads_of(self._whole(done)))

    def _command(self, what: str) -> tuple[str, bytes]:
        return f"{RUN} {what} {quote(self._path)}", PYTHON


class ByTools(_ByCommand):
    batch = BIG

    async def listing(self) -> Listing:
        found = await super().listing()
        self._top = found.real.rstrip("/").encode(errors="surrogateescape")
        self._big = {name for name, entry in found.entries.items() if entry.kind == "file" and entry.size > BIG}
        return found

    async def digests(self, names: Sequence[bytes]) -> list[Read]:
        """busybox's sha256sum writes a name with a newline as it is, in two lines: those are read by themselves."""
        odd = [name for name in names if b"\n" in self._top + name or name in self._big]
        found = await self._hash("one", odd)
        found |= await self._hash("hash", [name for name in names if name not in found])
        return self._all(names, [found[name] for name in names])

    async def _hash(self, what: str, names: Sequence[bytes]) -> dict[bytes, Read]:
        if not names:
            return {}
        stdin = b"".join((self._top + b"/" + name if name else self._top) + b"\0" for name in names)
        done = await self._run(what, stdin)
        return dict(zip(names, self._all(names, lines_of(self._whole(done))), strict=True))

    def _command(self, what: str) -> tuple[str, bytes]:
        return f"set -- {what} {quote(self._path)}\n{TOOLS}", b""


class BySftp:
    batch = BIG

    def __init__(self, remote: Remote, path: str, heard: Callable[[int], None]) -> None:
        self._remote, self._path, self._heard = remote, path, heard

    async def listing(self) -> Listing:
        try:
            real, seen, unread = await reading.listing(self._remote, self._path)
        except FileNotFoundError as problem:
            raise Missing from problem
        self._entries = {each.path: _entry(each) for each in seen}
        return Listing(real, self._entries, unread)

    async def digests(self, names: Sequence[bytes]) -> list[Read]:
        root = self._path.encode(errors="surrogateescape")
        files = [(posixpath.join(root, name) if name else root, self._entries[name].size) for name in names]
        found = await reading.digests(self._remote, files, self._heard)
        return [Read(error=each) if isinstance(each, str) else Read(each[0], _mark(each[1])) for each in found]


def _entry(seen: reading.Entry) -> Entry:
    told = seen.uid is not None and seen.gid is not None and seen.kind in ("file", "dir")
    meta = f"mode {seen.mode:o}, owner {seen.uid}:{seen.gid}, time {seen.mtime}" if told else ""
    match seen.kind:
        case "file":
            return Entry("file", seen.size, meta, _mark(seen))
        case "dir":
            return Entry("directory", 0, meta)
        case "link":
            return Entry("link", target=seen.target)
    return Entry("special file")


def _mark(seen: reading.Entry) -> int:
    return hash((seen.size, seen.mtime))
