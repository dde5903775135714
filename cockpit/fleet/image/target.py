"""The target of images: files or block devices that are written in place, synced, receipted and read back.

Runs on the servers (Python 3.6). Says of a target whether it is fresh, can be gone on with, or must be compared; refuses
devices that are in use or too small. Never says of a chunk that it is there before it is on the disk.
"""

import errno
import os
import stat
import time

from cockpit.fleet.image.blocks import (
    CHUNK,
    DIGEST,
    STRETCH,
    ZERO,
    Buffer,
    Facts,
    Found,
    between,
    blocks,
    digests,
    hasher,
    hashes,
    pieces,
    stretches,
    whole,
)
from cockpit.fleet.image.disk import LABEL, Disk, held
from cockpit.fleet.image.faults import Fault, of
from cockpit.fleet.image.receipts import Receipts, lock

LATEST = 1.0  # seconds that a receipt may wait for its sync
SAME = ("device", "size", "inode", "written")  # of the source: receipts of another stand for nothing


class Target:
    """Everything is asked by a file's number in `paths`. One thread at a time; other processes may write other chunks."""

    def __init__(self, paths: "list[bytes]") -> None:
        self.paths = paths
        self._job = 0
        self._buffer = Buffer()
        self._open = (-1, None, None, -1)  # type: tuple[int, Disk | None, Receipts | None, int]
        self._late = []  # type: list[tuple[str | int, ...]]
        self._owed = 0  # bytes that were written and not yet synced, for which the late receipts will stand
        self._since = 0.0

    def hello(self) -> "dict[str, float]":
        return hashes()

    def job(self, number: int) -> None:
        """Whose streams may write together: those that say the same number."""
        self._job = int(number)

    def prepare(self, i: int, source: Facts, names: "list[str]") -> Facts:
        """Make the target ready for this source, whose hashes are `names`, the best one first. Returns what is to be done:
        state (done | write | clean | compare), hash, chunks. write: holes are there already; clean: they must be made;
        compare: only what differs must be moved. Fault."""
        disk, receipts = self._at(i, make=True)
        seen, size = os.fstat(disk.fd), disk.size()
        wanted = int(source["size"])
        head = {"source": [source[key] for key in SAME], "target": [seen.st_rdev if disk.block else seen.st_ino, disk.block]}
        if size < wanted and disk.block:
            raise Fault("small", "the target %s has %d bytes, its source %d" % (os.fsdecode(self.paths[i]), size, wanted))
        known = receipts.fits() and receipts.head["target"] == head["target"]
        same = known and receipts.head["source"] == head["source"] and receipts.head["hash"] in names
        if not disk.block and size != wanted and (size or receipts.chunks):
            same = False  # emptied or rewritten since: it was given its size before its first receipt
        if same and receipts.done is not None:
            if receipts.done == [size, seen.st_mtime_ns] and not source["device"]:
                return {"state": "done", "hash": receipts.head["hash"], "chunks": sorted(receipts.chunks.items())}
            same = False
        if not same:
            fresh = "write" if not disk.block and not size else "clean" if disk.block and not known else "compare"
            receipts.begin(dict(head, hash=names[0], state=fresh))
        try:
            if not disk.block and size != wanted:
                os.ftruncate(disk.fd, wanted)
        except OSError as error:
            raise self._fault(i, error) from None
        return {"state": receipts.head["state"], "hash": receipts.head["hash"], "chunks": sorted(receipts.chunks.items())}

    def take(
        self, i: int, offset: int, length: int, name: str, clean: bool, wanted: "bytes | None", rest: bytes, found: Found
    ) -> "tuple[str, int]":
        """Put in place what a source's `read` yields, compare the digests of what came with the source's; the receipt is
        written when it is synced, soon. Returns the chunk's digest in hex ("": what came is not what was sent) and how many
        bytes were data.
        clean: what is no data becomes zeros. rest: the digests of the blocks that are not wanted. Fault."""
        disk, one, moved, sent = self._at(i)[0], hasher(name), 0, b""
        data = []  # type: list[tuple[int, int]]
        size = blocks(length)
        came = [ZERO] * len(size)
        try:
            for n, held, buffer in found:
                if n < 0:
                    sent = buffer
                    break
                begin = size[n][0]
                known = buffer.digests or digests(one, buffer, min(STRETCH, length - begin))
                came[n : n + len(known)] = known
                if self._late and self._owed + moved + STRETCH > CHUNK:
                    self.flush()
                for start, long in held:
                    disk.store(buffer, start, long, offset + begin + start)
                    data.append((begin + start, begin + start + long))
                    moved += long
            for n, (start, long) in enumerate(size):
                if clean and (wanted is None or wanted[n]):
                    for at, gap in between(pieces(data, start, long), long):
                        disk.zero(offset + start + at, gap)
        except OSError as error:
            raise self._fault(i, error) from None
        self._owed += moved
        if b"".join(came) != sent:
            return "", moved
        if wanted is not None:
            sent = b"".join((came[n] if wanted[n] else rest[n * DIGEST : n * DIGEST + DIGEST]) for n in range(len(size)))
        return self.receipt(i, offset, length, sent), moved

    def receipt(self, i: int, offset: int, length: int, digests: bytes) -> str:
        """This chunk is written, and this is what its source says that it is: receipted with the next sync, which chunks with
        little data share. At most a chunk's worth of data is without. Returns the chunk's digest in hex."""
        text = whole(digests, length).hex()
        self._at(i)
        if not self._late:
            self._since = time.monotonic()
        self._late.append(("chunk", offset // CHUNK, text))
        if self._owed >= CHUNK or time.monotonic() - self._since > LATEST:
            self.flush()
        return text

    def flush(self) -> None:
        """Sync what was written, then write its receipts. Fault."""
        i, disk, receipts, _ = self._open
        late, self._late, owed, self._owed = self._late, [], self._owed, 0
        if disk is None or receipts is None or not late:
            return
        try:
            if owed:
                disk.sync()
        except OSError as error:
            raise self._fault(i, error) from None
        for fact in late:
            self._note(i, *fact)

    def map(self, i: int, size: int) -> bytes:
        """A byte for each chunk: 1 where there is data in it."""
        return held(self._at(i)[0], size)

    def digest(self, i: int, offset: int, length: int, name: str, straight: bool) -> bytes:
        """The digests of a chunk's blocks. straight: every byte read from the disk, whatever the system says of holes."""
        disk, one, found = self._at(i)[0], hasher(name), []
        try:
            runs = [(offset, offset + length)] if straight else disk.data(offset, offset + length)
            for _, start, size in stretches(length):
                there = pieces(runs, offset + start, size)
                if there and not disk.load(self._buffer.view[:size], offset + start, straight):
                    raise Fault("changed", "the target %s became shorter" % os.fsdecode(self.paths[i]))
                found += digests(one, self._buffer, size) if there else [ZERO] * len(blocks(size))
        except OSError as error:
            raise self._fault(i, error) from None
        return b"".join(found)

    def settle(self, i: int, size: int) -> None:
        """The exact size; all of it, and its name, on the disk."""
        disk = self._at(i)[0]
        self.flush()
        try:
            if not disk.block and disk.size() != size:
                os.ftruncate(disk.fd, size)
            os.fsync(disk.fd)
            if not disk.block:
                _sync_directory(self.paths[i])
        except OSError as error:
            raise self._fault(i, error) from None

    def finish(self, i: int, source: Facts) -> None:
        """All of it was proven: give it the source's owner (where we may), mode and times, and write that down."""
        disk, receipts = self._at(i)
        try:
            if not disk.block and not source["device"]:
                _dress(disk.fd, source)
                os.fsync(disk.fd)
            seen = os.fstat(disk.fd)
            receipts.add("done", disk.size(), seen.st_mtime_ns)
        except OSError as error:
            raise self._fault(i, error) from None

    def _note(self, i: int, *fact: "str | int") -> None:
        try:
            self._at(i)[1].add(*fact)
        except OSError as error:
            raise of(error, "the place for receipts", os.fsencode(self._at(i)[1].path)) from None

    def _fault(self, i: int, error: OSError) -> Fault:
        return of(error, "the target", self.paths[i])

    def _at(self, i: int, make: bool = False) -> "tuple[Disk, Receipts]":
        """Opened and locked; one file at a time."""
        number, disk, receipts, _ = self._open
        if number == i and not make and disk is not None and receipts is not None:
            return disk, receipts
        self.close()
        try:
            receipts = Receipts(self.paths[i])
            locked = lock(receipts.path, self._job)
            if make:
                receipts.load()
            disk = _opened(self.paths[i], make)
        except OSError as error:
            raise self._fault(i, error) from None
        self._open = (i, disk, receipts, locked)
        return disk, receipts

    def close(self) -> None:
        self.flush()
        _, disk, receipts, locked = self._open
        self._open = (-1, None, None, -1)
        if disk is not None and receipts is not None:
            disk.close()
            receipts.close()
            os.close(locked)


def _opened(path: bytes, make: bool) -> Disk:
    if not make:
        return Disk(path, os.O_RDWR)
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        if not os.path.islink(path):
            return Disk(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        seen = os.lstat(path)
    if stat.S_ISBLK(seen.st_mode):
        _unused(path)
    elif not stat.S_ISREG(seen.st_mode) or os.path.islink(path):
        raise Fault("refused", "the target %s is no file and no block device" % os.fsdecode(path))
    elif seen.st_nlink > 1:  # its other names are not ours to change
        os.unlink(path)
        return Disk(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    return Disk(path, os.O_RDWR)


def _unused(path: bytes) -> None:
    """The kernel lets nobody else have a device for himself that is mounted, or part of something that is used."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_EXCL))
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise Fault("busy", "the target %s is mounted or in use" % os.fsdecode(path)) from None
        raise


def _dress(fd: int, source: Facts) -> None:
    """Owner, mode and times of the source; no ACL (a directory's default gives one) and no attributes: where the source has
    some, whoever moves those comes later."""
    for name in _attributes(fd):
        os.removexattr(fd, name)
    uid, gid, mode, written, read = (int(source[key]) for key in ("uid", "gid", "mode", "written", "read"))
    for owner, group in ((uid, gid), (-1, gid)):
        try:
            os.fchown(fd, owner, group)
            break
        except PermissionError:
            mode &= 0o1777  # never another's set-uid
    os.fchmod(fd, mode)
    if source["label"] is not None:
        try:
            os.setxattr(fd, LABEL, bytes.fromhex(source["label"]))
        except OSError:  # no SELinux here, or none that knows this label: then it has the one of its place
            pass
    os.utime(fd, ns=(read, written))


def _attributes(fd: int) -> "list[str]":
    """Those that a copy answers for. A label of the system's own is none of them."""
    try:
        names = os.listxattr(fd)
    except OSError:  # a file system that has none
        return []
    return [name for name in names if name in ("system.posix_acl_access", "security.capability") or name.startswith("user.")]


def _sync_directory(path: bytes) -> None:
    fd = os.open(os.path.dirname(path) or b".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

