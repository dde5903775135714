"""Trees to copy, and whether they arrived: read on the disks of the hosts, not over what copied them."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

from tests.hosts.host import Host


def make(host: Host, place: str, *, files: int = 40, special: bool = True, seed: int = 7) -> Path:
    """A tree with everything a tree may hold: odd names, holes, links both ways, empty things, modes and old times."""
    rng = random.Random(seed)
    root = host.path(place)
    for name in ("sub/deep", "empty"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for n in range(files):
        (root / f"sub/f{n:03}").write_bytes(rng.randbytes(rng.randrange(0, 60_000)))
    sparse(root / "disk.img", 24 << 20, data=1 << 20)
    (root / "hole.img").write_bytes(b"")
    os.truncate(root / "hole.img", 5 << 20)
    raw = os.fsencode(root)
    for name in (b"new\nline", b"bad\xff\xfeutf8", b"-dash", b" space ", b"q'\"$x`*?[a]", "é".encode(), b"x" * 255):
        with open(raw + b"/" + name, "wb") as file:
            file.write(name)
    (root / "link").symlink_to("sub/f000")
    os.symlink(b"no\xffwhere", raw + b"/dangling")
    (root / "sub/f001").chmod(0o4750)
    (root / "sub/deep/leaf").write_text("leaf")
    (root / "sub/deep").chmod(0o555)
    if special:
        (root / "twin").hardlink_to(root / "sub/f002")
        os.mkfifo(root / "fifo")
    host.own(place)
    (root / "sub/f001").chmod(0o4750)
    for path in (*root.rglob("*"), root):  # long ago: rsync leaves a time alone that is right to the second
        if not path.is_symlink():
            os.utime(path, ns=(10**18, 10**18 + 123_456_789))
    return root


def emptied(path: Path) -> None:
    """As a power cut or a disk that gave up may leave it: length and time were on the disk, its bytes were not."""
    seen = path.stat()
    path.write_bytes(bytes(seen.st_size))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def sparse(path: Path, size: int, *, data: int) -> None:
    """A file with data at its start and in its middle and a hole at its end."""
    with path.open("wb") as file:
        file.write(os.urandom(data))
        file.seek(size // 2)
        file.write(os.urandom(data))
        file.truncate(size)


def listing(root: Path, *, seconds: bool = False) -> dict[bytes, tuple[Any, ...]]:
    """Every entry below root (and root as b""): kind, mode, time, and what it holds. seconds: times as SFTP has them."""
    found = {b"": _entry(os.fsencode(root), seconds)}
    raw = os.fsencode(root)
    for place, directories, files in os.walk(raw):
        for name in directories + files:
            path = os.path.join(place, name)
            found[os.path.relpath(path, raw)] = _entry(path, seconds)
    return found


def _entry(path: bytes, seconds: bool) -> tuple[Any, ...]:
    seen = os.lstat(path)
    kind = stat.S_IFMT(seen.st_mode)
    if stat.S_ISLNK(kind):
        return (kind, os.readlink(path))
    content: Any = None
    if stat.S_ISREG(kind):
        with open(path, "rb") as file:
            content = file.read()
    return (kind, stat.S_IMODE(seen.st_mode), seen.st_mtime_ns // (10**9 if seconds else 1), content)


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def left_behind(*hosts: Host) -> list[str]:
    """What of routes is still on these hosts: keys, directories, lines."""
    found = []
    for host in hosts:
        for place in ("home/*/.cockpit", "root/.cockpit", "var/tmp/cockpit-*", "tmp/cockpit-*"):
            found += [str(path) for path in host.root.glob(f"{place}/routes/*")]
        for pattern in ("home/*/.ssh/*", "root/.ssh/*"):
            files = [path for path in host.root.glob(pattern) if path.is_file()]
            found += [str(path) for path in files if "cockpit" in path.name or b"cockpit-route" in path.read_bytes()]
    return found
