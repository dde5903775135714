"""What has arrived at a target, written down beside it on its server: survives every process and every attempt.

Runs on the servers (Python 3.6). A file of lines, only ever appended to, each in one write and with a check sum of its own,
so that half a line is no receipt. Its first line says of which source, for which target, by which hash. Kept in the
cockpit's directory there, not beside the target: a tree must not get files that its source has not. Knows no data.
"""

import fcntl
import hashlib
import json
import os
import time
import zlib
from typing import Any

from cockpit.fleet.image.blocks import BLOCK, CHUNK, Facts
from cockpit.fleet.image.faults import Fault

GRACE = 60.0  # seconds for what an earlier job left running here to see that its connection is gone
BASES = ("~/.cockpit", "/var/tmp/cockpit-%d", "/tmp/cockpit-%d")  # a home may be read-only


def directory() -> str:
    """Ours alone, made when it is not there. Fault."""
    for pattern in BASES:
        base = os.path.expanduser(pattern) if pattern[0] == "~" else pattern % os.getuid()
        path = os.path.join(base, "images")
        try:
            os.makedirs(path, 0o700, exist_ok=True)
            if os.lstat(base).st_uid == os.getuid() and not os.path.islink(base) and os.access(path, os.W_OK):
                return path
        except OSError:
            continue
    raise Fault("other", "no directory for receipts is writable (tried the home and /var/tmp)")


def name_of(target: bytes) -> str:
    """Of the path as it is written: the cockpit, which takes receipts away at a night's end, can't ask what it leads to."""
    return hashlib.sha256(target).hexdigest()[:32]


class Receipts:
    """Of one target. `head` is the first line; chunks: number -> digest in hex; done: the target's size and time when all of it
    was proven."""

    def __init__(self, target: bytes) -> None:
        self.path = os.path.join(directory(), name_of(target))
        self.head = {}  # type: Facts
        self.chunks = {}  # type: dict[int, str]
        self.done = None  # type: list[int] | None
        self._fd = -1

    def load(self) -> "Receipts":
        try:
            with open(self.path, "rb") as file:
                lines = file.read().split(b"\n")[:-1]
        except OSError:
            return self
        for line in lines:
            text, _, check = line.rpartition(b" ")
            if check != b"%08x" % zlib.crc32(text):
                continue
            fact = json.loads(text.decode())
            if isinstance(fact, dict):
                self.head = fact
            elif fact[0] == "chunk":
                self.chunks[fact[1]] = fact[2]
            elif fact[0] == "done":
                self.done = fact[1:]
        return self

    def begin(self, head: Facts) -> None:
        """Forget what was, and write down for what the next receipts will stand."""
        head = dict(head, chunk=CHUNK, block=BLOCK)
        new = self.path + ".new"
        with open(new, "wb") as file:
            file.write(_line(head))
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, self.path)
        self.head, self.chunks, self.done = head, {}, None

    def fits(self) -> bool:
        return self.head.get("chunk") == CHUNK and self.head.get("block") == BLOCK

    def add(self, *fact: "str | int") -> None:
        """("chunk", number, digest) or ("done", size, nanoseconds)."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.write(self._fd, _line(list(fact)))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def _line(fact: Any) -> bytes:
    text = json.dumps(fact, sort_keys=True).encode()
    return text + b" %08x\n" % zlib.crc32(text)


def lock(path: str, job: int) -> int:
    """Held as long as this process lives: only streams of one job write to one target. An earlier job's, whose connection
    is gone, end by themselves and are waited for. Returns the descriptor. Fault."""
    fd = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + GRACE
    while True:
        if _try(fd, fcntl.LOCK_EX):  # nobody is there
            os.pwrite(fd, b"%020d" % job, 0)
        if _try(fd, fcntl.LOCK_SH) and os.pread(fd, 20, 0) == b"%020d" % job:
            return fd
        fcntl.flock(fd, fcntl.LOCK_UN)
        if time.monotonic() > until:
            os.close(fd)
            raise Fault("locked", "another job writes to this target")
        time.sleep(0.1)


def _try(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
