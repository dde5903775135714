"""The parts that a relay writes beside the places of its files: how they are named, and which of them nobody claims.

A name says of which place it is a part, and of which version of its source. Knows no SFTP and no shell.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterable
from hashlib import sha1

from cockpit.fleet.tree import Excludes

PART = re.compile(rb"\.cockpit-[0-9a-f]{20}\.part")


def part_of(place: bytes, size: int, mtime: int) -> bytes:
    """The path of the part that becomes this file, when its source has that size and time."""
    return b"%s%s.part" % (part_begins(place), _mark(b"%d\0%d" % (size, mtime)))


def part_begins(place: bytes) -> bytes:
    """How the path of every part of this place begins."""
    return posixpath.join(posixpath.dirname(place), b".cockpit-" + _mark(place))


def unclaimed(there: Iterable[bytes], wanted: Container[bytes], excludes: Excludes) -> list[bytes]:
    """Of the files at a target the parts that its source has not, and that are not in what the copy leaves alone. Relative."""
    found = [path for path in there if PART.fullmatch(posixpath.basename(path)) and path not in wanted]
    return [path for path in found if not _hidden(path, excludes)]


def _hidden(path: bytes, excludes: Excludes) -> bool:
    names = path.split(b"/")
    above = (b"/".join(names[:n]) for n in range(1, len(names)))
    return excludes.hides(path, is_dir=False) or any(excludes.hides(place, is_dir=True) for place in above)


def _mark(text: bytes) -> bytes:
    return sha1(text, usedforsecurity=False).hexdigest()[:10].encode()
