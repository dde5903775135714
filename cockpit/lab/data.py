"""What lies on the lab's servers before the night: made from a seed, so that two demos are alike. Knows no server's workings.

At scale 1 about 140 MB of real data; over the night most of it is moved twice. Holes are not counted anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

BLOCK = 1 << 20
WORDS = ("ledger", "invoice", "letter", "minutes", "contract", "drawing", "photo", "scan", "order", "receipt", "offer", "plan")
ODD = (  # each a name that has broken somebody's script
    b"a name with  blanks .txt", b"-rf", b"'single' and \"double\".txt", b"$HOME `id` ; echo.txt", b"back\\slash.txt",
    "Grüße aus München.txt".encode(), "Gru\u0308\u00dfe decomposed.txt".encode(), b"not utf-8 \xff\xfe.bin", b"two\nlines.txt",
    b"*.txt", b"long " + b"x" * 246 + b".txt", b".hidden",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of real data in an image, in MiB."""

    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    size: float  # MiB, holes included
    extents: tuple[Extent, ...]


IMAGES = (
    Image("mail-gw.img", 24, (Extent(0, 5), Extent(9, 7))),  # ends in a hole
    Image("ldap.img", 24, (Extent(5, 6), Extent(18, 6))),  # begins with one
    Image("build.img", 24, (Extent(0, 2), Extent(11.5, 10))),
)
DISK = Image("sda", 40, (Extent(0, 1), Extent(6, 13), Extent(28, 10)))


def shares(place: Path, scale: float, random: Random) -> None:
    """Many files, some with names that nobody should use."""
    _files(place, round(600 * scale), (8_000, 96_000), random)
    (place / "README.txt").write_text("The shares of fs01.\n")
    odd = os.fsencode(place / "odd names")
    os.mkdir(odd)
    for name in ODD:
        with open(os.path.join(odd, name), "wb") as file:
            file.write(random.randbytes(random.randrange(1, 4000)))
    (place / "empty").touch()
    (place / "nothing in it").mkdir()
    (place / "latest").symlink_to("README.txt")
    (place / "second name").hardlink_to(place / "README.txt")
    (place / "README.txt").chmod(0o640)


def mail(place: Path, scale: float, random: Random) -> None:
    for person in ("ana", "bo", "chen", "dora"):
        for box in ("cur", "new", "tmp"):
            (place / person / box).mkdir(parents=True)
        for number in range(round(220 * scale)):
            name = f"{1_700_000_000 + number}.M{random.randrange(10**6)}.mail01:2,S"
            (place / person / "cur" / name).write_bytes(b"Subject: hello\n\n" + random.randbytes(random.randrange(2_000, 28_000)))


def database(place: Path, scale: float, random: Random) -> None:
    (place / "base").mkdir(parents=True)
    for number in range(4):
        (place / "base" / f"{16384 + number}").write_bytes(random.randbytes(round(4.5e6 * scale)))
    (place / "wal").mkdir()
    (place / "wal" / "000000010000000000000001").write_bytes(random.randbytes(round(2e6 * scale)))
    (place / "PG_VERSION").write_text("16\n")


def site(place: Path, scale: float, random: Random) -> None:
    _files(place / "media", round(240 * scale), (10_000, 74_000), random)
    (place / "index.html").write_text("<!doctype html><title>web01</title><p>We open at nine.\n")
    (place / "current").symlink_to("media")


def images(place: Path, scale: float, random: Random) -> None:
    for image in IMAGES:
        sparse(place / image.name, image, scale, random)


def disk(place: Path, scale: float, random: Random) -> None:
    """What stands for the physical disk of a server."""
    sparse(place, DISK, scale, random)


def sparse(path: Path, image: Image, scale: float, random: Random) -> None:
    """Everything but the extents is a hole, also at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for extent in image.extents:
            file.seek(_at(extent.start, scale))
            file.write(random.randbytes(_at(extent.length, scale)))
        file.truncate(_at(image.size, scale))


def _at(mebibytes: float, scale: float) -> int:
    """In whole pages of 4 KiB, so that holes stay holes at every scale."""
    return round(mebibytes * BLOCK * scale / 4096) * 4096


def _files(place: Path, count: int, sizes: tuple[int, int], random: Random) -> None:
    for number in range(count):
        folder = place / f"{random.choice(WORDS)}s" / f"{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{random.choice(WORDS)} {number:04}.dat"
        file.write_bytes(random.randbytes(random.randrange(*sizes)))


def real_bytes(place: Path) -> int:
    """Bytes below a path without its holes, as the file system counts them (a file's last block may be half empty)."""
    return sum(min(seen.st_size, seen.st_blocks * 512) for seen in _stats(place))


def apparent_bytes(place: Path) -> int:
    return sum(seen.st_size for seen in _stats(place))


def _stats(place: Path) -> Iterator[os.stat_result]:
    if place.is_file():
        yield place.lstat()
    for folder, _, names in os.walk(os.fsencode(place)):
        for name in names:
            yield os.lstat(os.path.join(folder, name))
