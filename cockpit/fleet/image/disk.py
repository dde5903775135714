"""One file or block device, by offset: reads, writes, zeros, extents. Past the page cache where the system lets us, since
going through it costs as much time as the cipher does, and since a proof that reads the cache proves nothing of the disk.

Runs on the servers (Python 3.6). Knows no chunk and no receipt. Raises OSError.
"""

import ctypes
import errno
import fcntl
import os
import stat
import struct

from cockpit.fleet.image.blocks import BLOCK, CHUNK, SECTOR, Buffer

BLKGETSIZE64, BLKZEROOUT = 0x80081272, 0x127F  # linux/fs.h
PUNCH = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
LABEL = "security.selinux"
_libc = ctypes.CDLL(None, use_errno=True)
_NO_PUNCH = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV)


class Disk:
    """`flags` are those of open(2). path is bytes."""

    def __init__(self, path: bytes, flags: int) -> None:
        self.path = path
        self.fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        seen = os.fstat(self.fd)
        self.block = stat.S_ISBLK(seen.st_mode)
        self.regular = stat.S_ISREG(seen.st_mode)
        try:
            self.direct = os.open(path, flags & ~(os.O_CREAT | os.O_EXCL) | os.O_CLOEXEC | os.O_DIRECT)
        except OSError:
            self.direct = -1  # tmpfs of older kernels, some network file systems

    def close(self) -> None:
        for fd in (self.fd, self.direct):
            if fd >= 0:
                os.close(fd)
        self.fd = self.direct = -1

    def size(self) -> int:
        if self.block:
            return int(struct.unpack("=Q", fcntl.ioctl(self.fd, BLKGETSIZE64, bytes(8)))[0])
        return os.fstat(self.fd).st_size

    def load(self, view: memoryview, offset: int, straight: bool = False) -> bool:
        """So many bytes as the view holds. straight: not from the page cache; the view is aligned as a Buffer is. False: there
        are not so many."""
        past = self._past(view, offset) if straight else 0
        if straight and past < len(view):  # nothing left: no length would mean the file's whole rest
            os.posix_fadvise(self.fd, offset + past, len(view) - past, os.POSIX_FADV_DONTNEED)
        return past + _read(self.fd, view[past:], offset + past) == len(view)

    def _past(self, view: memoryview, offset: int) -> int:
        """How much of it could be read past the page cache: whole sectors, where the system lets us."""
        whole = len(view) // SECTOR * SECTOR
        if self.direct < 0 or not whole or offset % SECTOR:
            return 0
        try:
            return _read(self.direct, view[:whole], offset)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return 0

    def store(self, buffer: Buffer, start: int, length: int, offset: int) -> None:
        """That part of the buffer to `offset` of the file."""
        begin = -start % SECTOR
        middle = (length - begin) // SECTOR * SECTOR
        if self.direct < 0 or middle <= 0 or (offset + begin) % SECTOR:
            _write(self.fd, buffer.view[start : start + length], offset)
            return
        _write(self.fd, buffer.view[start : start + begin], offset)
        try:
            _write(self.direct, buffer.view[start + begin : start + begin + middle], offset + begin)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            os.close(self.direct)
            self.direct = -1
            _write(self.fd, buffer.view[start + begin : start + begin + middle], offset + begin)
        _write(self.fd, buffer.view[start + begin + middle : start + length], offset + begin + middle)

    def zero(self, offset: int, length: int) -> None:
        """From now on that range reads as zeros: a hole where there can be one."""
        if length <= 0:
            return
        if self.block:
            if offset % 512 == 0 and length % 512 == 0:
                try:
                    fcntl.ioctl(self.fd, BLKZEROOUT, struct.pack("=QQ", offset, length))
                    return
                except OSError as error:
                    if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL):
                        raise
        elif not _libc.fallocate(self.fd, PUNCH, ctypes.c_int64(offset), ctypes.c_int64(length)):
            return
        elif ctypes.get_errno() not in _NO_PUNCH:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        nothing = bytes(min(length, BLOCK))
        for at in range(0, length, BLOCK):
            _write(self.fd, memoryview(nothing)[: min(BLOCK, length - at)], offset + at)

    def sync(self) -> None:
        os.fdatasync(self.fd)

    def data(self, start: int, end: int) -> "list[tuple[int, int]]":
        """(start, end) of the runs of data in [start, end): one run where the system can't tell holes."""
        found = []  # type: list[tuple[int, int]]
        at = start
        while at < end:
            try:
                begin = os.lseek(self.fd, at, os.SEEK_DATA)
                at = os.lseek(self.fd, begin, os.SEEK_HOLE)
            except OSError as error:
                return found if error.errno == errno.ENXIO else found + [(at, end)]
            if begin < end:
                found.append((begin, min(at, end)))
        return found

    def next_data(self, at: int) -> int:
        """Where the next data begins, at or after `at`; -1: nowhere."""
        try:
            return os.lseek(self.fd, at, os.SEEK_DATA)
        except OSError as error:
            return -1 if error.errno == errno.ENXIO else at


def held(disk: Disk, size: int) -> bytes:
    """A byte for each chunk: 1 where there is data in it."""
    found, at = bytearray((size + CHUNK - 1) // CHUNK), 0
    while at < size:
        at = disk.next_data(at)
        if not 0 <= at < size:
            break
        found[at // CHUNK] = 1
        at = (at // CHUNK + 1) * CHUNK
    return bytes(found)


def _read(fd: int, view: memoryview, offset: int) -> int:
    at = 0
    while at < len(view):
        os.lseek(fd, offset + at, os.SEEK_SET)  # preadv is 3.7's, and what pread brings is aligned to nothing
        count = os.readv(fd, [view[at:]])
        if not count:
            break
        at += count
    return at


def _write(fd: int, view: memoryview, offset: int) -> None:
    while len(view):
        count = os.pwrite(fd, view, offset)
        view, offset = view[count:], offset + count
