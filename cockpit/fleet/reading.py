"""What lies under a path, and the sha256 of files there, over SFTP: for servers that run no commands. Changes nothing.

Every read is by offset, several at once, and short answers are continued; a file's bytes are hashed in their order.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import posixpath
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh

from cockpit.fleet import tree
from cockpit.fleet.api import FleetError, Remote
from cockpit.fleet.files import BROKEN
from cockpit.fleet.stream import BLOCK, WINDOW

FILES = 16  # at once: of small ones most of the time is the way there and back
DIRECTORIES = 16


@dataclass(frozen=True, slots=True)
class Entry(tree.Entry):
    target: bytes = b""  # of a link


async def listing(remote: Remote, path: str) -> tuple[str, list[Entry], dict[bytes, str]]:
    """The path without links; it and everything below it (a link at its end is followed); what could not be read, and why.
    Raises FileNotFoundError, FleetError, Lost."""
    async with remote.sftp() as sftp:
        try:
            real = os.fsencode(await sftp.realpath(os.fsencode(path)))
            first = _entry(b"", await sftp.stat(real))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as problem:
            raise FileNotFoundError(path) from problem
        except BROKEN:
            raise
        except asyncssh.SFTPError as problem:
            raise FleetError(remote.target.name, "other", f"{path} could not be read: {problem.reason}") from problem
        return os.fsdecode(real), *await _Walk(sftp, real).all(first)


def _entry(path: bytes, attrs: Any, target: bytes = b"") -> Entry:
    if attrs.permissions is None:
        raise asyncssh.SFTPFailure("the server does not tell files from directories")
    seen = tree.Entry.of(path, attrs)
    return Entry(path, seen.kind, seen.size, seen.mtime, seen.mode, seen.uid, seen.gid, target)


class _Walk:
    def __init__(self, sftp: Any, root: bytes) -> None:
        self._sftp, self._root = sftp, root
        self._room = asyncio.Semaphore(DIRECTORIES)
        self._unread: dict[bytes, str] = {}

    async def all(self, first: Entry) -> tuple[list[Entry], dict[bytes, str]]:
        found, level = [first], [first] if first.kind == "dir" else []
        while level:
            below = [entry for part in await asyncio.gather(*map(self._read, level)) for entry in part]
            found += below
            level = [entry for entry in below if entry.kind == "dir"]
        return found, self._unread

    async def _read(self, directory: Entry) -> list[Entry]:
        async with self._room:
            place = posixpath.join(self._root, directory.path)
            try:
                names = [name async for name in self._sftp.scandir(place) if name.filename not in (b".", b"..")]
                return [await self._one(posixpath.join(directory.path, name.filename), name.attrs) for name in names]
            except BROKEN:
                raise
            except asyncssh.SFTPError as problem:
                self._unread[directory.path] = problem.reason
                return []

    async def _one(self, path: bytes, attrs: Any) -> Entry:
        entry = _entry(path, attrs)
        if entry.kind != "link":
            return entry
        return _entry(path, attrs, await self._sftp.readlink(posixpath.join(self._root, path)))


async def digests(
    remote: Remote, files: Sequence[tuple[bytes, int]], heard: Callable[[int], None]
) -> list[tuple[bytes, Entry] | str]:
    """Of each file (path, and bytes that it was seen to have), in this order: the sha256 of so many bytes and how it was seen
    afterwards, or why it could not be read. heard: told of bytes as they arrive. Raises FleetError, Lost."""
    found: list[tuple[bytes, Entry] | str] = [""] * len(files)

    async def work(sftp: Any, left: Iterator[tuple[int, tuple[bytes, int]]]) -> None:
        for i, (path, size) in left:
            try:
                found[i] = await _digest(sftp, path, size, heard), _entry(b"", await sftp.stat(path))
            except BROKEN:
                raise
            except asyncssh.SFTPError as problem:
                found[i] = problem.reason or type(problem).__name__

    async with remote.sftp() as sftp:
        left = iter(enumerate(files))
        workers = [asyncio.create_task(work(sftp, left)) for _ in range(FILES)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return found


async def _digest(sftp: Any, path: bytes, size: int, heard: Callable[[int], None]) -> bytes:
    """Blocks ahead in parallel, hashed in their order."""
    found, under_way = hashlib.sha256(), deque[asyncio.Task[bytes]]()
    async with await sftp.open(path, "rb", encoding=None, block_size=0) as file:
        block = min(BLOCK, sftp.limits.max_read_len or BLOCK)
        offsets = iter(range(0, size, block))
        try:
            while True:
                while len(under_way) < WINDOW and (offset := next(offsets, None)) is not None:
                    under_way.append(asyncio.create_task(_read(file, offset, min(block, size - offset))))
                if not under_way:
                    return found.digest()
                data = await under_way.popleft()
                found.update(data)
                heard(len(data))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)


async def _read(file: Any, offset: int, n: int) -> bytes:
    """n bytes by as many requests as the server needs; fewer where the file ends before."""
    data = b""
    while len(data) < n and (more := bytes(await file.read(n - len(data), offset + len(data)))):
        data += more
    return data
