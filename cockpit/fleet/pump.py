"""Moving a tree over SFTP through this machine, where the two servers can't do it between themselves.

Knows two asyncssh SFTP clients and nothing of how they were reached. Every file arrives as a part (`stream` moves its
bytes), is compared with what was read (`proof`), gets its size, owner, mode and time, and only then its name: what bears its
name was proven, whoever was killed meanwhile. What SFTP can't carry (hard links, ACLs, extended
attributes, special files) is counted, never silently dropped. Paths are bytes throughout; a name may hold anything but `/`.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncssh
from asyncssh import FXF_CREAT, FXF_READ, FXF_WRITE, SFTPAttrs

from cockpit.fleet.beside import part_begins, part_of, unclaimed
from cockpit.fleet.files import BROKEN
from cockpit.fleet.proof import Digests, Shell, arrived
from cockpit.fleet.stream import BLOCK, Pace, SourceChanged, Stream
from cockpit.fleet.tree import Entry, Excludes, Tree, walk
from cockpit.units import format_size

FILES = 8  # files at once


class Differs(Exception):
    """What lies at the target is not what was read from the source."""


class Unkept(OSError):
    """The target's disk did not take a file. The server tells of it once: the part can be read from memory, and its next fsync
    ends well, so nothing may go on with it."""


@dataclass(slots=True)
class Count:
    """What has been done so far, and what could not be kept. Bytes and files include what was there already."""

    bytes_done: int = 0
    proven: int = 0  # bytes of files that were compared, or are there already
    files_done: int = 0
    sent: int = 0  # entries that were not at the target as in the source, and are now
    changed: list[bytes] = field(default_factory=list)  # files that did not hold still, or vanished
    read_again: dict[bytes, Entry] = field(default_factory=dict)  # as they were the second time
    not_owned: int = 0
    removed: int = 0
    largest: int = 0  # bytes left of the largest file


class Pump:
    """One copy: `run` it. source and target are SFTP clients; what lies at the target and is the same is left alone.
    without: "owners", "modes" where the target can't keep them."""

    def __init__(self, source: Any, target: Any, tree: Tree, landing: bytes, *, rate: Callable[[], float | None],
                 tell: Callable[[Count], None], say: Callable[[str], None], shell: Shell | None,
                 without: Container[str] = ()) -> None:  # fmt: skip
        self._from, self._to, self._tree, self._landing = source, target, tree, landing
        self._pace, self._tell = Pace(rate), tell
        self._say, self._shell = say, shell
        self.count, self._without = Count(), without
        self._largest = max((e for e in tree.entries if e.kind == "file"), key=lambda e: e.size, default=None)
        self.count.largest = self._largest.size if self._largest else 0
        self._counted: dict[bytes, int] = {}  # bytes of files under way
        self._proven: dict[bytes, int] = {}  # likewise
        self._block = min(BLOCK, source.limits.max_read_len or BLOCK, target.limits.max_write_len or BLOCK)

    async def run(self) -> Count:
        """asyncssh.Error and OSError as they come. A file that changes while it is read is read once more."""
        await self._directories()
        files = iter([entry for entry in self._tree.entries if entry.kind == "file"])
        workers = [asyncio.create_task(self._work(files)) for _ in range(FILES)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for entry in self._tree.entries:
            if entry.kind == "link":
                await self._link(entry)
        await self._finish_directories()
        return self.count

    async def delete_extra(self, excludes: Excludes) -> None:
        """Remove what is at the target and not in the source; what the excludes hide is left."""
        if not self._tree.is_dir:
            return
        wanted = {entry.path for entry in self._tree.entries}
        there = await walk(self._to, self._landing, excludes)
        for entry in reversed(there.entries):
            if entry.path in wanted or not entry.path:
                continue
            place = self._at(entry)
            try:
                await (self._to.rmdir(place) if entry.kind == "dir" else self._to.remove(place))
            except asyncssh.SFTPFailure:
                if entry.kind != "dir":  # one that holds what the excludes hide stays, as with rsync
                    raise
            else:
                self.count.removed += 1
                self.count.sent += 1

    async def clear(self, there: Tree, excludes: Excludes) -> None:
        """Remove the parts of an earlier try that no file of the source claims. there: what lies at the target."""
        if self._tree.is_dir:
            files = (entry.path for entry in there.entries if entry.kind == "file")
            wanted = {entry.path for entry in self._tree.entries}
            gone = [posixpath.join(self._landing, path) for path in unclaimed(files, wanted, excludes)]
        else:
            folder, begins = posixpath.dirname(self._landing), part_begins(self._landing)
            gone = [path for name in await self._to.listdir(folder) if (path := posixpath.join(folder, name)).startswith(begins)]
        for path in gone:
            with suppress(asyncssh.SFTPError):  # what can't be taken away is in nobody's way
                await self._to.remove(path)

    def _at(self, entry: Entry) -> bytes:
        return posixpath.join(self._landing, entry.path) if entry.path else self._landing

    async def _work(self, files: Iterable[Entry]) -> None:
        for entry in files:
            if await self._same(entry):
                self.count.bytes_done += entry.size
                self.count.proven += entry.size
            elif await self._copied(entry):
                self.count.sent += 1
            else:
                self.count.changed.append(entry.path)
            self._counted.pop(entry.path, None)
            self._proven.pop(entry.path, None)
            if entry is self._largest:
                self.count.largest = 0
            self.count.files_done += 1
            self._tell(self.count)

    async def _copied(self, entry: Entry) -> bool:
        """Once more when it changed meanwhile or arrived other than it was read. False: it changed again, or is gone. OSError:
        it arrived wrong again."""
        again = entry
        try:
            await self._file(entry)
            return True
        except SourceChanged:
            fresh = await self._fresh(entry)
            if fresh is None or fresh.kind != "file":
                return False
            again = self.count.read_again[entry.path] = fresh
        except Differs:
            self._say(f"{self._shown(entry)} is not at the target what was read: it is sent once more")
        try:
            await self._file(again)
        except SourceChanged:
            return False
        except Differs:
            raise OSError(f"{self._shown(entry)} is not at the target what was read, though it was sent twice") from None
        return True

    def _shown(self, entry: Entry) -> str:
        return self._at(entry).decode(errors="replace")

    async def _fresh(self, entry: Entry) -> Entry | None:
        try:
            return Entry.of(entry.path, await self._from.lstat(self._tree.at(entry)))
        except asyncssh.SFTPNoSuchFile:
            return None

    async def _same(self, entry: Entry) -> bool:
        there = await self._seen(self._at(entry))
        return there is not None and there.kind == "file" and (there.size, there.mtime) == (entry.size, entry.mtime)

    async def _seen(self, place: bytes) -> Entry | None:
        try:
            return Entry.of(b"", await self._to.lstat(place))
        except asyncssh.SFTPNoSuchFile:
            return None

    # --- one file

    async def _file(self, entry: Entry) -> None:
        """Into a part beside its place, named by what it is a part of, then renamed: what was there stays whole until then."""
        place = self._at(entry)
        part = part_of(place, entry.size, entry.mtime)
        try:
            await self._fill(entry, part)
        except (SourceChanged, Differs, Unkept):
            self.count.bytes_done -= self._counted.pop(entry.path, 0)
            self.count.proven -= self._proven.pop(entry.path, 0)
            if await self._seen(part):
                await self._to.remove(part)
            raise
        await self._attributes(part, entry)
        await self._rename(part, place)
        there = await self._seen(place)
        if there is None or there.size != entry.size:
            raise OSError(f"{place!r} arrived with {there.size if there else 'no'} bytes of {entry.size}")

    async def _fill(self, entry: Entry, part: bytes) -> None:
        """The part becomes the whole file, on the target's disk. SourceChanged when it was another file at the end, Differs
        when the target has something else than was read, Unkept when its disk did not take it."""
        had = await self._seen(part)
        written = had.size if had else 0
        try:
            source = await self._from.open(self._tree.at(entry), FXF_READ, encoding=None, block_size=0)
        except asyncssh.SFTPNoSuchFile:
            raise SourceChanged from None
        async with source, await self._to.open(
            part, FXF_READ | FXF_WRITE | FXF_CREAT, SFTPAttrs(permissions=0o600), encoding=None, block_size=0
        ) as target:
            stream = Stream(source, target, self._block, self._pace, lambda n: self._counts(entry, n))
            read = Digests(self._block)
            start = await stream.safe_start(entry.size, written)
            if start:
                self._say(f"{self._shown(entry)}: {format_size(start)} came before and are read again, to prove the whole")
            await stream.run(start, entry.size, written, read.feed)
            read.close()
            await target.setstat(SFTPAttrs(size=entry.size))
            await self._synced(target, entry)
            now = await self._fresh(entry)
            if now is None or (now.size, now.mtime) != (entry.size, entry.mtime):
                raise SourceChanged
            if not await arrived(
                part, entry.size, read, self._block, self._shell, stream, self._pace, lambda n: self._proves(entry, n)
            ):
                raise Differs

    def _counts(self, entry: Entry, n: int) -> None:
        self._counted[entry.path] = self._counted.get(entry.path, 0) + n
        self.count.bytes_done += n
        if self._largest is not None and entry.path == self._largest.path:
            self.count.largest = max(0, entry.size - self._counted[entry.path])
        self._tell(self.count)

    def _proves(self, entry: Entry, n: int) -> None:
        self._proven[entry.path] = self._proven.get(entry.path, 0) + n
        self.count.proven += n
        self._tell(self.count)

    async def _synced(self, file: Any, entry: Entry) -> None:
        try:
            await file.fsync()
        except asyncssh.SFTPOpUnsupported:
            pass
        except BROKEN:
            raise
        except asyncssh.SFTPError as problem:
            raise Unkept(f"{self._shown(entry)} could not be written to the target's disk: {problem}") from problem

    async def _rename(self, part: bytes, place: bytes) -> None:
        try:
            await self._to.posix_rename(part, place)
        except asyncssh.SFTPOpUnsupported:
            if await self._seen(place):
                await self._to.remove(place)
            await self._to.rename(part, place)

    # --- everything else

    async def _attributes(self, place: bytes, entry: Entry) -> None:
        """Owner first: a change of owner clears the set-id bits of the mode."""
        seen = await self._to.lstat(place)
        if (seen.uid, seen.gid) != (entry.uid, entry.gid) and entry.uid is not None and "owners" not in self._without:
            try:
                await self._to.setstat(place, SFTPAttrs(uid=entry.uid, gid=entry.gid))
            except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure, asyncssh.SFTPOpUnsupported):
                self.count.not_owned += 1
        if "modes" not in self._without:
            await self._to.setstat(place, SFTPAttrs(permissions=entry.mode))
        await self._to.setstat(place, SFTPAttrs(atime=entry.mtime, mtime=entry.mtime))

    async def _directories(self) -> None:
        """Every directory, with rights to write into it until the end."""
        above = posixpath.dirname(self._landing) if not self._tree.is_dir else self._landing
        await self._to.makedirs(above, exist_ok=True)
        for entry in self._tree.entries:
            if entry.kind != "dir":
                continue
            place = self._at(entry)
            seen = await self._seen(place)
            if seen is not None and seen.kind == "link" and not entry.path:
                continue
            if seen is None:
                await self._to.mkdir(place, SFTPAttrs(permissions=0o700))
                self.count.sent += 1
            elif seen.kind != "dir":
                raise OSError(f"{place!r} is there and is not a directory")
            elif not seen.mode & 0o200 and "modes" not in self._without:
                await self._to.setstat(place, SFTPAttrs(permissions=seen.mode | 0o700))

    async def _finish_directories(self) -> None:
        """Deepest first: writing into one changes the time of the one above."""
        for entry in reversed(self._tree.entries):
            if entry.kind == "dir":
                await self._attributes(self._at(entry), entry)

    async def _link(self, entry: Entry) -> None:
        place, points = self._at(entry), await self._from.readlink(self._tree.at(entry))
        seen = await self._seen(place)
        if seen is not None and seen.kind == "link" and await self._to.readlink(place) == points:
            return
        if seen is not None:
            await self._to.remove(place)
        await self._to.symlink(points, place)
        self.count.sent += 1
