"""Runs on a server, by its own python3, standard library only: what is below a path, or the sha256 of files there.

    list PATH    the real path of PATH, then of everything below it: what stat tells, the name, a link's target
    hash PATH    of each file named on standard input, relative to PATH: its sha256, and what stat tells afterwards

Every field, on both sides, ends with a NUL: a name may hold anything else. What stat tells is the text of `survey.sh`'s
stat, or `!` and why it could not be read; `+BYTES` on standard error is progress. Never reads through SEEK_HOLE: on a file
system with a bug there, data would look like zeros (OpenZFS #15526). Python 3.5 understands it. Exit 66: nothing is there.
"""

import errno
import hashlib
import os
import stat
import sys

CHUNK = 1 << 20
TELL = 64 << 20  # bytes between two words of progress


def told(seen: os.stat_result) -> bytes:
    """Mode, size, owner, group, seconds; then what no write leaves as it was: inode, and both times to the nanosecond."""
    shown = (seen.st_mode, seen.st_size, seen.st_uid, seen.st_gid, seen.st_mtime_ns // 10**9)
    return b"%x %d %d %d %d " % shown + b"%d %d %d" % (seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns)


def why(error: OSError) -> bytes:
    return b"!" + (error.strerror or "error").encode()


def say(*fields: bytes) -> None:
    sys.stdout.buffer.write(b"".join(field + b"\0" for field in fields))


def walk(top: bytes) -> None:
    todo = [b""]
    while todo:
        name = todo.pop()
        path = os.path.join(top, name) if name else top
        target = b""
        try:
            seen = os.lstat(path)
            if stat.S_ISDIR(seen.st_mode):
                todo += [os.path.join(name, each) for each in os.listdir(path)]
            elif stat.S_ISLNK(seen.st_mode):
                target = os.readlink(path)
            say(told(seen), name, target)
        except OSError as error:
            say(why(error), name, b"")


def digest(path: bytes, untold: "list[int]") -> "tuple[bytes, bytes]":
    """A file that became a link or a fifo since it was listed is neither followed nor waited for."""
    found = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as data:
        for piece in iter(lambda: data.read(CHUNK), b""):
            found.update(piece)
            untold[0] += len(piece)
            if untold[0] >= TELL:
                os.write(2, b"+%d\n" % untold[0])
                untold[0] = 0
    return found.hexdigest().encode(), told(os.lstat(path))


def main(what: str, place: bytes) -> None:
    top = os.path.realpath(place)
    try:
        os.stat(top)
    except OSError as error:
        sys.stderr.write("%s\n" % error.strerror)
        sys.exit(66 if error.errno in (errno.ENOENT, errno.ENOTDIR) else 1)
    if what == "list":
        say(top)
        walk(top)
        return
    untold = [0]
    for name in sys.stdin.buffer.read().split(b"\0")[:-1]:
        try:
            say(*digest(os.path.join(top, name) if name else top, untold))
        except OSError as error:
            say(b"", why(error))


if __name__ == "__main__":
    main(sys.argv[1], os.fsencode(sys.argv[2]))
