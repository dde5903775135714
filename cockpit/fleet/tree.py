"""What lies under a path, seen over SFTP, and which of it rsync's exclude patterns hide (rsync(1), FILTER RULES).

Knows how to look and nothing of copying. Paths are bytes, relative to the root; the root itself is b"".
"""

from __future__ import annotations

import asyncio
import posixpath
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import asyncssh

DIRECTORIES = 16  # read at once

Kind = Literal["file", "dir", "link", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """mtime in whole seconds: SFTP 3 has no more. mode: the permission bits."""

    path: bytes
    kind: Kind
    size: int
    mtime: int
    mode: int
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, path: bytes, attrs: Any) -> Entry:
        mode = attrs.permissions or 0
        kind: Kind = "other"
        for test, name in ((stat.S_ISREG, "file"), (stat.S_ISDIR, "dir"), (stat.S_ISLNK, "link")):
            if test(mode):
                kind = name  # type: ignore[assignment]
        return cls(path, kind, attrs.size or 0, int(attrs.mtime or 0), stat.S_IMODE(mode), attrs.uid, attrs.gid)


@dataclass(slots=True)
class Tree:
    """A place and all that is under it, every directory before what it holds."""

    root: bytes
    entries: list[Entry] = field(default_factory=list)

    @property
    def is_dir(self) -> bool:
        return bool(self.entries) and self.entries[0].kind == "dir"

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries if entry.kind == "file")

    def kinds(self) -> dict[str, int]:
        return dict(Counter(entry.kind for entry in self.entries))

    def at(self, entry: Entry) -> bytes:
        return posixpath.join(self.root, entry.path) if entry.path else self.root


class Excludes:
    """rsync's exclude patterns. prefix: the directory's own name, which patterns see where the source had no trailing slash."""

    def __init__(self, patterns: Sequence[str], prefix: bytes = b"") -> None:
        self._rules = [rule(pattern) for pattern in patterns]
        self._prefix = prefix

    def hides(self, path: bytes, *, is_dir: bool) -> bool:
        whole = posixpath.join(b"/" + self._prefix, path).rstrip(b"/")
        return any((is_dir or not dirs_only) and rule.search(whole) for rule, dirs_only in self._rules)


def rule(pattern: str) -> tuple[re.Pattern[bytes], bool]:
    """What hides "/name/name", and whether directories only. A leading slash anchors at the top; otherwise a pattern with a
    slash or ** matches the end of the path, and one without the name alone. A trailing slash means directories only, `***`
    a directory and all in it."""
    dirs_only = pattern.endswith("/")
    text = pattern.rstrip("/") if dirs_only else pattern
    anchored = text.startswith("/")
    lead = b"^/" if anchored else b"(?:^|/)" if text.startswith("**") else b"/"  # only ** may stand for nothing at the top
    return re.compile(lead + _glob(text.lstrip("/")) + rb"\Z", re.DOTALL), dirs_only


_ONE_OF = re.compile(r"\[([!^]?)(\](?:\[:[a-z]+:\]|[^\]])*|(?:\[:[a-z]+:\]|[^\]])+)\]", re.DOTALL)
_CLASS = re.compile(r"\[:([a-z]+):\]|[\[\]\\^]")
_CLASSES = {
    "alpha": "A-Za-z", "upper": "A-Z", "lower": "a-z", "digit": "0-9", "alnum": "A-Za-z0-9", "xdigit": "0-9A-Fa-f",
    "space": r"\s", "blank": " \t", "punct": r"!-/:-@\[-`{-~", "cntrl": r"\x00-\x1f\x7f", "print": " -~", "graph": "!-~",
}  # fmt: skip


def _glob(text: str) -> bytes:
    out, i = b"", 0
    while i < len(text):
        if text.startswith("/***", i) and i + 4 == len(text):
            out, i = out + rb"(?:/.*)?", i + 4
        elif text.startswith("**", i):
            out, i = out + b".*", i + 2
        elif text[i] == "*":
            out, i = out + b"[^/]*", i + 1
        elif text[i] == "?":
            out, i = out + b"[^/]", i + 1
        elif found := _ONE_OF.match(text, i):
            inner = _CLASS.sub(lambda part: _CLASSES.get(part[1] or "", "\\" + part[0]), found[2])
            out, i = out + (("[^/" if found[1] else "[") + inner + "]").encode(), found.end()
        elif text[i] == "\\" and i + 1 < len(text):
            out, i = out + re.escape(text[i + 1].encode()), i + 2
        else:
            out, i = out + re.escape(text[i].encode(errors="surrogateescape")), i + 1
    return out


async def walk(client: Any, root: bytes, excludes: Excludes, *, follow: bool = False) -> Tree:
    """Everything under `root`, symbolic links as links (the root too, unless `follow`). asyncssh.Error as it comes."""
    first = Entry.of(b"", await (client.stat(root) if follow else client.lstat(root)))
    tree = Tree(root, [first])
    level = [first] if first.kind == "dir" else []
    room = asyncio.Semaphore(DIRECTORIES)

    async def read(directory: Entry) -> list[Entry]:
        async with room:
            return [entry async for entry in _children(client, tree, directory) if
                    not excludes.hides(entry.path, is_dir=entry.kind == "dir")]  # fmt: skip

    while level:
        found = [entry for part in await asyncio.gather(*map(read, level)) for entry in part]
        tree.entries += found
        level = [entry for entry in found if entry.kind == "dir"]
    return tree


async def _children(client: Any, tree: Tree, directory: Entry) -> Any:
    try:
        async for name in client.scandir(tree.at(directory)):
            if name.filename not in (b".", b".."):
                yield Entry.of(posixpath.join(directory.path, name.filename), name.attrs)
    except asyncssh.SFTPNoSuchFile:
        return  # it vanished since its parent was read
