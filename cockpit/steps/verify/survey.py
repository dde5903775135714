"""Runs on a server, by its own python3, standard library only: what is below a path, as NUL-separated records on stdout.

    python3 - PATH HASH META   (this text on standard input; HASH and META are 0 or 1)

Record: kind (f, d, l, o), size, meta, digest, path, each ended by a tab but the path, which ends the record with a NUL.
kind `!` is something that could not be read (digest: why); digest `~` is a file that changed while it was read. Never reads
through SEEK_HOLE: on a file system with a bug there, data would look like zeros (OpenZFS #15526). Python 3.5 understands it.
"""

import hashlib
import os
import stat
import sys
from typing import BinaryIO, Tuple

Record = Tuple[str, int, str, str, bytes]  # kind, size, meta, digest, path
CHUNK = 1 << 20


def digest(path: bytes) -> str:
    before = os.lstat(path)
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as data:
        for piece in iter(lambda: data.read(CHUNK), b""):
            found.update(piece)
    after = os.lstat(path)
    same = (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
    return found.hexdigest() if same else "~"


def entry(path: bytes, name: bytes, hashed: bool, meta: bool) -> Record:
    seen = os.lstat(path)
    extra = "%o:%d:%d:%d" % (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid, int(seen.st_mtime)) if meta else ""
    if stat.S_ISREG(seen.st_mode):
        return ("f", seen.st_size, extra, digest(path) if hashed else "", name)
    if stat.S_ISDIR(seen.st_mode):
        return ("d", 0, extra, "", name)
    if stat.S_ISLNK(seen.st_mode):
        return ("l", 0, "", hashlib.sha256(os.readlink(path)).hexdigest(), name)
    return ("o", 0, extra, "%o" % stat.S_IFMT(seen.st_mode), name)


def walk(top: bytes, hashed: bool, meta: bool, out: BinaryIO) -> None:
    todo = [b""]
    while todo:
        name = todo.pop()
        path = os.path.join(top, name) if name else top
        try:
            record = entry(path, name, hashed, meta)
            inside = sorted(os.listdir(path)) if record[0] == "d" else []
        except OSError as error:
            record, inside = ("!", 0, "", error.strerror or "error", name), []
        out.write(("%s\t%d\t%s\t%s\t" % record[:4]).encode() + record[4] + b"\0")
        todo += [os.path.join(name, each) if name else each for each in inside]


if __name__ == "__main__":
    walk(os.fsencode(sys.argv[1]), sys.argv[2] == "1", sys.argv[3] == "1", sys.stdout.buffer)
