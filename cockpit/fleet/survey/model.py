"""A survey's answer, whichever way it was made: numbers, and which of them are not known. Pure text in, numbers out."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cockpit.fleet.counting import Survey, parse_survey
from cockpit.fleet.tree import Tree

CLASSES = ("up to 4 KiB", "4 to 64 KiB", "64 KiB to 1 MiB", "1 to 256 MiB", "over 256 MiB")
SPECIAL = ("fifo", "socket", "device")
AWK_UNKNOWN = ("acls", "xattrs", "non_utf8", "unicode_twins")
LITTLE_UNKNOWN = ("allocated", "link_groups", "sparse", "owners", "names", *AWK_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a copy of a place would move, excludes obeyed. Sizes in bytes; a hard-link group counts once in files, size,
    allocated and the classes, and with every name in `apparent` and `kinds`.

    way: python3 | find | stat | rsync | sftp. unknown: fields and keys of `odd` that this way can't tell. exact: False where
    the excludes could not be obeyed (then everything is counted)."""

    way: str = ""
    files: int = 0
    size: int = 0
    apparent: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)  # by rsync's names: reg, dir, link, special, dev
    allocated: int = 0
    class_files: Sequence[int] = (0,) * 5  # as CLASSES
    class_bytes: Sequence[int] = (0,) * 5
    link_groups: int = 0
    link_names: int = 0
    link_saved: int = 0  # bytes more where every name becomes a file of its own
    sparse: int = 0
    sparse_gap: int = 0  # bytes more where their holes are written
    special: Mapping[str, int] = field(default_factory=dict)  # fifo, socket, device
    odd: Mapping[str, int] = field(default_factory=dict)  # names: newlines, control, non_utf8, reserved, case_ and unicode_twins
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)  # paths, surrogateescape for bytes that are no UTF-8
    owners: Sequence[tuple[int, int, int]] = ()  # uid, gid, entries: the most frequent first
    owner_count: int = 0
    acls: int = 0  # entries with one, of those looked at
    xattrs: int = 0
    attributes_seen: int = 0
    attributes_sampled: bool = False  # not every entry's attributes were looked at
    symlink_bytes: int = 0  # of `apparent`: the lengths of what symbolic links say, as rsync counts them
    largest: int = 0
    largest_path: str = ""
    longest_name: int = 0  # bytes
    longest_path: int = 0
    longest_name_is: str = ""
    unread: int = 0  # directories and entries that can't be looked at
    errors: Sequence[str] = ()
    unknown: Sequence[str] = ()
    exact: bool = True

    @property
    def counted(self) -> Survey:
        """The denominator of progress, and what arrival is measured by."""
        return Survey(self.files, self.size, self.apparent, dict(self.kinds))

    def less(self, without: Container[str]) -> Survey:
        """`counted` for a copy that leaves behind what `fits` named: "hard links", "symlinks", "special"."""
        files, size = self.files, self.size
        if "hard links" in without:
            files, size = files + self.link_names - self.link_groups, size + self.link_saved
        gone = {"link"} if "symlinks" in without else set()
        gone |= {"special", "dev"} if "special" in without else set()
        apparent = self.apparent - (self.symlink_bytes if "symlinks" in without else 0)
        return Survey(files, size, apparent, {kind: n for kind, n in self.kinds.items() if kind not in gone})

    @property
    def entries(self) -> int:
        return sum(self.kinds.values())

    @property
    def inodes(self) -> int:
        """What a copy to an empty place makes: every entry but the further names of hard-linked files."""
        return self.entries - (self.link_names - self.link_groups)

    def json(self) -> dict[str, Any]:
        """For preflight's document. Paths are for people: bytes that are no UTF-8 come as U+FFFD."""
        return {
            "way": self.way, "exact": self.exact, "files": self.files, "bytes": self.size, "allocated": self.allocated,
            "entries": self.entries, "kinds": dict(self.kinds), "class_files": list(self.class_files),
            "class_bytes": list(self.class_bytes), "link_groups": self.link_groups, "link_names": self.link_names,
            "link_saved": self.link_saved, "sparse": self.sparse, "sparse_gap": self.sparse_gap, "special": dict(self.special),
            "odd": dict(self.odd), "acls": self.acls, "xattrs": self.xattrs, "largest": self.largest,
            "largest_path": shown(self.largest_path), "longest_name": self.longest_name, "longest_path": self.longest_path,
            "owners": self.owner_count, "unread": self.unread, "unknown": list(self.unknown),
        }  # fmt: skip


def shown(path: str) -> str:
    return path.encode(errors="surrogateescape").decode(errors="replace")


def parse(text: str) -> Surveyed | None:
    """From what `command.count_command` printed; None when the numbers are not there."""
    if text.startswith("{"):
        try:
            return _python(json.loads(text))
        except ValueError:
            return None
    way, _, rest = text.partition("\n")
    if way in ("find", "stat"):
        return _awk(way, rest)
    counted = parse_survey(text)
    if counted is None:
        return None
    return Surveyed(
        "rsync", counted.files, counted.size, counted.apparent, counted.kinds, unknown=(*LITTLE_UNKNOWN, "sizes", "special"),
    )  # fmt: skip


def _python(told: dict[str, Any]) -> Surveyed:
    return Surveyed(**told | {"owners": tuple(tuple(owner) for owner in told["owners"])})


def _awk(way: str, text: str) -> Surveyed | None:
    numbers: dict[str, int] = {}
    groups: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        group, dot, name = key.partition(".")
        if not value.isdigit():
            if line == "unfiltered":
                continue
            return None
        if dot:
            groups.setdefault(group, {})[name] = int(value)
        else:
            numbers[key] = int(value)
    if "files" not in numbers:
        return None
    odd = groups.get("odd", {})
    exact = "unfiltered" not in text.splitlines()
    owners = sorted(((n, *map(int, who.split(":"))) for who, n in groups.get("owner", {}).items()), reverse=True)
    return Surveyed(
        way, kinds=groups.get("kind", {}), special={kind: odd.pop(kind) for kind in SPECIAL if kind in odd}, odd=odd,
        class_files=_five(groups.get("class_files", {})), class_bytes=_five(groups.get("class_bytes", {})),
        owners=tuple((uid, gid, n) for n, uid, gid in owners[:50]), owner_count=len(owners), unknown=AWK_UNKNOWN, exact=exact,
        **numbers,  # type: ignore[arg-type]
    )  # fmt: skip


def _five(of: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(of.get(str(k), 0) for k in range(5))


def of_tree(tree: Tree) -> Surveyed:
    """What an SFTP walk knows: names, kinds and sizes; no links between names, no blocks, no attributes."""
    files = [entry for entry in tree.entries if entry.kind == "file"]
    names = {"file": "reg", "other": "special"}
    kinds = {names.get(kind, kind): n for kind, n in tree.kinds().items()}
    largest = max(files, key=lambda entry: entry.size, default=None)
    sizes = [[entry.size for entry in files if low < entry.size <= high] for low, high in _BOUNDS]
    lengths = [len(entry.path.rpartition(b"/")[2]) for entry in tree.entries]
    return Surveyed(
        "sftp", len(files), tree.size, tree.size, kinds, class_files=tuple(map(len, sizes)), class_bytes=tuple(map(sum, sizes)),
        largest=largest.size if largest else 0, largest_path=largest.path.decode(errors="surrogateescape") if largest else "",
        longest_name=max(lengths, default=0), longest_path=max((len(entry.path) for entry in tree.entries), default=0),
        special={"special": kinds["special"]} if "special" in kinds else {}, unknown=LITTLE_UNKNOWN,
    )  # fmt: skip


_EDGES = (-1, 4096, 65536, 1 << 20, 256 << 20, 1 << 63)
_BOUNDS = tuple(pairwise(_EDGES))
