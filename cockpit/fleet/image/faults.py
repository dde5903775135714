"""What can go wrong while an image moves, in words of the two servers. Runs on the servers (Python 3.6)."""

import errno
import os

KINDS = {
    errno.ENOSPC: ("full", "is full"), errno.EDQUOT: ("full", "has no quota left"), 
    errno.EFBIG: ("full", "takes no file so large"),
    errno.EROFS: ("readonly", "is mounted read-only"), errno.EIO: ("io", "has an input/output error"),
    errno.EACCES: ("refused", "may not be opened"), errno.EPERM: ("refused", "may not be opened"),
    errno.ENOENT: ("gone", "is not there"), errno.ENODEV: ("gone", "is not there"), errno.ENXIO: ("gone", "is not there"),
}  # fmt: skip


class Fault(Exception):
    """kind: full, readonly, io, refused, gone, changed, locked, busy, small, infrastructure, other; text: one sentence."""

    def __init__(self, kind: str, text: str) -> None:
        Exception.__init__(self, text)
        self.kind, self.text = kind, text


class Broken(Exception):
    """The stream to the other end broke, or nothing came over it for too long: trying again may help."""


def of(error: OSError, what: str, path: bytes) -> Fault:
    """what: the source, the target."""
    kind, words = KINDS.get(error.errno or 0, ("other", "failed: %s" % (error.strerror or error)))
    return Fault(kind, "%s %s %s" % (what, os.fsdecode(path), words))
