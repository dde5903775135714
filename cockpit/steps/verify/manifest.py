"""What was read of one place: its entries by name, relative to it. Shapes, and how they are parsed; reads nothing itself."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["file", "directory", "link", "special file"]
KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
VANISHED = "No such file or directory"  # why something listed a moment ago could not be read: it changed meanwhile


class Missing(Exception):
    """There is nothing at the place."""


class Unread(ValueError):
    """A place, or something in it, could not be read. One sentence that names it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """meta: mode, owner, group and time in seconds of a file or directory; "" where the server does not tell them.
    mark: another after any write to the file, as far as the server can tell. target: a link's."""

    kind: Kind
    size: int = 0
    meta: str = ""
    mark: int = 0
    target: bytes = b""


@dataclass(slots=True)
class Listing:
    """The place itself is entry b"". real: its path without links. unread: what could not be listed, and why."""

    real: str
    entries: dict[bytes, Entry] = field(default_factory=dict)
    unread: dict[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """One file's content: its sha256 and its mark afterwards, or why there is none."""

    digest: bytes = b""
    mark: int = 0
    error: str = ""


class Reader(Protocol):
    """Reads one place. Both raise FleetError, Lost, Missing, Unread."""

    @property
    def batch(self) -> int:
        """Bytes of files that are best asked for at once."""
        ...

    async def listing(self) -> Listing: ...

    async def digests(self, names: Sequence[bytes]) -> list[Read]:
        """Of each of these files, in this order."""
        ...


def entry_of(told: bytes, target: bytes = b"") -> Entry:
    """From what stat told on the server: the fields of `survey.py`. ValueError when they are none."""
    mode, size, uid, gid, seconds, rest = told.split(b" ", 5)
    bits = int(mode, 16)
    kind = KINDS.get(stat.S_IFMT(bits), "special file")
    whole = int(size) if kind == "file" else 0
    meta = f"mode {stat.S_IMODE(bits):o}, owner {int(uid)}:{int(gid)}, time {int(seconds)}"
    meta = meta if kind in ("file", "directory") else ""
    return Entry(kind, whole, meta, hash((whole, rest)), target)


def listing_of(data: bytes) -> Listing:
    """From `list`. Absolute names are the place's path and what comes below it. ValueError when it is cut."""
    fields = data.split(b"\0")
    if len(fields) % 3 != 2 or fields[-1]:
        raise ValueError("the list of what is there came incomplete")
    top = fields[0].rstrip(b"/")
    found = Listing(fields[0].decode(errors="surrogateescape"))
    for i in range(1, len(fields) - 1, 3):
        told, name, target = fields[i : i + 3]
        if name.startswith(b"/"):
            name = name[len(top) + 1 :]
        if told.startswith(b"!"):
            found.unread[name] = told[1:].decode(errors="replace")
        else:
            found.entries[name] = entry_of(told, target)
    return found


def reads_of(data: bytes) -> list[Read]:
    """From survey.py's `hash`."""
    fields = data.split(b"\0")[:-1]
    return [_read(digest, told) for digest, told in zip(fields[::2], fields[1::2], strict=True)]


def _read(digest: bytes, told: bytes) -> Read:
    if told.startswith(b"!"):
        return Read(error=told[1:].decode(errors="replace"))
    return Read(bytes.fromhex(digest.decode()), entry_of(told).mark)


def lines_of(data: bytes) -> list[Read]:
    """From survey.sh's `hash`: digests in lines of their own, in order, and between them what stat told, in the same order."""
    digests, marks = [], []
    for line in data.split(b"\n")[:-1]:
        if b" " in line:
            marks.append(entry_of(line).mark)
        else:
            digests.append(bytes.fromhex(line.decode()))
    return [Read(digest, mark) for digest, mark in zip(digests, marks, strict=True)]
