"""Runs on a server, by its own python3 (3.6 on), standard library only: what can be kept at a place, found by trying.

    python3 trial.py PATH    one JSON document, as `cockpit.fleet.survey.able` reads it

Everything is tried in a directory of its own in the nearest directory that is there, and removed whatever happens. A trial
that ends in "not permitted", "not supported" or in something else than was asked is false; one that can't be made is null.
"""

import json
import os
import shutil
import signal
import stat
import struct
import sys
from typing import Any, Dict

NAME = "cockpit-trial"
WHOLE = 8 << 20  # bytes of the file that is all hole
LIMITS = [1 << n for n in (43, 40, 37, 34)] + [(1 << 32) - 1, (1 << 31) - 1]
# struct posix_acl_xattr (linux/posix_acl_xattr.h), version 2: user::rwx, user:12345:r--, group::r-x, mask::r-x, other::---
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in (
    (1, 7, 0xFFFFFFFF), (2, 4, 12345), (4, 5, 0xFFFFFFFF), (16, 5, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)))
FAT = {"vfat": (1 << 32) - 1, "msdos": (1 << 32) - 1}


def nearest(path: str) -> str:
    place = os.path.normpath(path)
    while not os.path.isdir(place):
        place = os.path.dirname(place) or "/"
    return place


def file_system(place: str) -> str:
    """Its type, by the device number that stat and mountinfo share (proc(5))."""
    device = os.stat(place).st_dev
    wanted = "%d:%d" % (os.major(device), os.minor(device))
    try:
        with open("/proc/self/mountinfo", "rb") as lines:
            for line in lines:
                words = line.decode(errors="replace").split()
                if words[2] == wanted:
                    return words[words.index("-") + 1]
    except (OSError, ValueError, IndexError):
        pass
    return ""


class Trial:
    def __init__(self, top: str) -> None:
        self.top = top
        self.count = 0

    def path(self, name: str = "") -> str:
        self.count += 1
        return os.path.join(self.top, name or "t%d" % self.count)

    def file(self, name: str = "") -> str:
        path = self.path(name)
        with open(path, "wb"):
            pass
        return path

    def chown(self) -> bool:
        path = self.file()
        os.chown(path, 12345, 54321)
        seen = os.stat(path)
        return (seen.st_uid, seen.st_gid) == (12345, 54321)

    def modes(self) -> bool:
        path, kept = self.file(), []
        for mode in (0o600, 0o751, 0o4444):
            os.chmod(path, mode)
            kept.append(stat.S_IMODE(os.stat(path).st_mode) == mode)
        return all(kept)

    def acl(self) -> bool:
        path = self.file()
        os.setxattr(path, "system.posix_acl_access", ACL)
        return os.getxattr(path, "system.posix_acl_access") == ACL

    def xattr(self) -> bool:
        path = self.file()
        os.setxattr(path, "user.cockpit", b"\0kept")
        return os.getxattr(path, "user.cockpit") == b"\0kept"

    def hard_links(self) -> bool:
        one, other = self.file(), self.path()
        os.link(one, other)
        return os.stat(one).st_ino == os.stat(other).st_ino and os.stat(one).st_nlink == 2

    def symlinks(self) -> bool:
        path = self.path()
        os.symlink("no/where", path)
        return os.readlink(path) == "no/where"

    def special(self) -> bool:
        path = self.path()
        os.mkfifo(path)
        return stat.S_ISFIFO(os.lstat(path).st_mode)

    def devices(self) -> bool:
        path = self.path()
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        return os.lstat(path).st_rdev == os.makedev(1, 3)

    def holes(self) -> bool:
        with open(self.path(), "wb") as file:
            file.truncate(WHOLE)
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_blocks * 512 < WHOLE // 2

    def nanoseconds(self) -> bool:
        path = self.file()
        os.utime(path, ns=(10**18, 10**18 + 123456789))
        return os.stat(path).st_mtime_ns == 10**18 + 123456789

    def apart(self, one: str, other: str) -> bool:
        """Two names are two files, and are listed as they were written."""
        top = self.path()
        os.mkdir(top)
        for name in (one, other):
            with open(os.path.join(top, name), "wb"):
                pass
        return sorted(os.listdir(os.fsencode(top))) == sorted(map(os.fsencode, (one, other)))

    def case(self) -> bool:
        return self.apart("case", "CASE")

    def unicode(self) -> bool:
        return self.apart("\u00e9", "e\u0301")

    def any_bytes(self) -> bool:
        return self.apart("bad\udcff", "bad\udcfe")

    def any_marks(self) -> bool:
        return self.apart('a:*?"<>|\\\n\x01', "end. ")

    def name_bytes(self) -> int:
        for length in (255, 143, 100, 64, 30, 14):  # 143: eCryptfs
            try:
                if self.apart("x" * length, "y" * length):
                    return length
            except OSError:
                pass
        return 8

    def file_limit(self) -> "int | None":
        """Bytes of the largest file, where a hole can show it; None: larger than was tried."""
        with open(self.path(), "wb") as file:
            for nth, size in enumerate(LIMITS):
                try:
                    os.ftruncate(file.fileno(), size)
                    return LIMITS[nth] if nth else None
                except OSError:
                    continue
        return None


TRIED = ("chown", "modes", "acl", "xattr", "hard_links", "symlinks", "special", "devices", "holes", "nanoseconds", "case",
         "unicode", "any_bytes", "any_marks", "name_bytes")


def tried(trial: Trial) -> "Dict[str, Any]":
    found = {}  # type: Dict[str, Any]
    for name in TRIED:
        try:
            found[name] = getattr(trial, name)()
        except AttributeError:  # this Python or this system has no such call
            found[name] = None
        except (OSError, ValueError):
            found[name] = False
    return found


def main(path: str) -> None:
    place = nearest(path)
    room = os.statvfs(place)
    kind = file_system(place)
    found = {"way": "python3", "place": place, "file_system": kind, "uid": os.geteuid(),
             "groups": [os.getegid(), *os.getgroups()],
             "free": room.f_bavail * room.f_frsize, "inodes": room.f_favail if room.f_files else None, "block": room.f_frsize}
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, lambda *_: sys.exit(1))  # so that what was made is removed
    try:
        top = os.path.join(place, ".%s-%s" % (NAME, os.urandom(8).hex()))
        os.mkdir(top, 0o700)
    except OSError as error:
        found.update(writable=False, why=error.strerror)
    else:
        try:
            found.update(writable=True, **tried(Trial(top)))
            found["file_limit"] = FAT.get(kind) or (Trial(top).file_limit() if found["holes"] else None)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
