"""The source of images: files or block devices that are read, never written. Runs on the servers (Python 3.6).

Reads data extents only, and tells what the file is now, so that a source that changes while it is copied is noticed.
"""

import os
import stat
from collections import deque

from cockpit.fleet.image.blocks import (
    BLOCK,
    ZERO,
    Buffer,
    Facts,
    Found,
    Hasher,
    Pieces,
    between,
    blocks,
    digest,
    hasher,
    hashes,
    joined,
    pieces,
    stretches,
)
from cockpit.fleet.image.disk import LABEL, Disk, held
from cockpit.fleet.image.faults import Fault, of
from cockpit.fleet.image.wire import LENDS

OPEN = 8  # files at once


class Source:
    """Everything is asked by a file's number in `paths`. One thread at a time."""

    def __init__(self, paths: "list[bytes]") -> None:
        self.paths = paths
        self._buffers = deque(Buffer() for _ in range(LENDS + 1))  # the first is loaded; the others may be lent
        self._disks = {}  # type: dict[int, Disk]

    @property
    def _buffer(self) -> Buffer:
        return self._buffers[0]

    def hello(self) -> "dict[str, float]":
        return hashes()

    def look(self, i: int) -> Facts:
        """What the file is now, under its name: another inode, size or time of writing is another image. Fault."""
        disk = self._disk(i)
        try:
            seen = os.stat(self.paths[i])
            return {
                "label": _label(disk.fd),
                "device": disk.block, "size": disk.size() if disk.block else seen.st_size, "mode": stat.S_IMODE(seen.st_mode),
                "uid": seen.st_uid, "gid": seen.st_gid, "inode": seen.st_rdev if disk.block else seen.st_ino,
                "written": 0 if disk.block else seen.st_mtime_ns, "read": seen.st_atime_ns,
            }  # fmt: skip
        except OSError as error:
            raise of(error, "the source", self.paths[i]) from None

    def map(self, i: int, size: int) -> bytes:
        """A byte for each chunk: 1 where there is data in it."""
        return held(self._disk(i), size)

    def read(self, i: int, offset: int, length: int, name: str, wanted: "bytes | None" = None) -> Found:
        """Yields (first block, pieces, buffer) for each stretch that holds anything but zeros; at last (-1, [], the digests of
        all). A buffer stays as it is until LENDS more have been yielded.
        wanted: a byte for each block, 0 for one that is passed over. Fault."""
        one, found = hasher(name), b""
        runs = self._disk(i).data(offset, offset + length)
        for n, start, size in stretches(length):
            there = [
                pieces(runs, offset + start + at, long) if wanted is None or wanted[n + k] else []
                for k, (at, long) in enumerate(blocks(size))
            ]
            held, digests = self._look(one, i, offset + start, size, there)
            found += digests
            if held:
                yield n, held, self._buffer
                self._buffers.rotate()
        yield -1, [], found

    def digest(self, i: int, offset: int, length: int, name: str) -> bytes:
        """The digests of a chunk's blocks, without moving anything. Fault."""
        one, found = hasher(name), b""
        runs = self._disk(i).data(offset, offset + length)
        for _, start, size in stretches(length):
            there = [pieces(runs, offset + start + at, long) for at, long in blocks(size)]
            found += self._look(one, i, offset + start, size, there)[1]
        return found

    def holes(self, i: int, offset: int, length: int) -> int:
        """Reads what is said to be holes: how many blocks hold something after all (OpenZFS #15526). Fault."""
        disk, wrong, at = self._disk(i), 0, offset
        for begin, end in disk.data(offset, offset + length) + [(offset + length, 0)]:
            while at < begin:
                size = min(BLOCK, begin - at)
                self._load(i, at, 0, size, straight=True)
                wrong += not self._buffer.zeros(size)
                at += size
            at = end
        return wrong

    def close(self) -> None:
        while self._disks:
            self._disks.popitem()[1].close()

    def _look(self, one: Hasher, i: int, offset: int, size: int, there: "list[Pieces]") -> "tuple[Pieces, bytes]":
        """Of the stretch at `offset`, whose blocks have these pieces: those of blocks that hold anything but zeros, and the
        digests."""
        held, found = [], b""  # type: Pieces, bytes
        within = [block for k, block in enumerate(blocks(size)) if there[k]]
        if not within:
            return held, ZERO * len(there)
        self._load(i, offset, within[0][0], sum(within[-1]))
        for k, (at, long) in enumerate(blocks(size)):
            if not there[k]:
                self._buffer.clear(at, long)  # a target in this process hashes what it is given
            seen = digest(one, self._buffer, long, at)
            held += self._all(there[k], at, long) if seen != ZERO else []
            found += seen
        return joined(held), found

    def _all(self, there: Pieces, at: int, size: int) -> Pieces:
        """These pieces of the block at `at`; the block whole where it holds something beside them, written since the system was
        asked for them, or told of too late by a file system: else less is sent than was hashed, as if it had been damaged on
        the way."""
        if not all(self._buffer.zeros(long, at + start) for start, long in between(there, size)):
            return [(at, size)]
        return [(at + start, long) for start, long in there]

    def _load(self, i: int, offset: int, begin: int, end: int, straight: bool = False) -> None:
        """What lies from `begin` to `end` of the stretch at `offset`, into its place in the buffer."""
        try:
            whole = self._disk(i).load(self._buffer.view[begin:end], offset + begin, straight)
        except OSError as error:
            raise of(error, "the source", self.paths[i]) from None
        if not whole:
            raise Fault("changed", "the source %s became shorter while it was copied" % os.fsdecode(self.paths[i]))

    def _disk(self, i: int) -> Disk:
        if i not in self._disks:
            while len(self._disks) >= OPEN:
                self._disks.pop(next(iter(self._disks))).close()
            path = self.paths[i]
            try:
                disk = Disk(path, os.O_RDONLY | os.O_NONBLOCK)
                link = os.path.islink(path)
            except OSError as error:
                raise of(error, "the source", path) from None
            self._disks[i] = disk
            if not disk.block and (link or not disk.regular):
                raise Fault("refused", "the source %s is no file and no block device" % os.fsdecode(path))
        return self._disks[i]


def _label(fd: int) -> "str | None":
    try:
        return os.getxattr(fd, LABEL).hex()
    except OSError:  # no SELinux
        return None
