"""Are these places the same? Pure: listings and digests in, differences and the words of an agreement out.

Only what was really held against each other is claimed: the agreement says how many files, by what, and what was left out.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from cockpit.plan.model import Check
from cockpit.steps.verify.manifest import VANISHED, Entry, Kind, Listing, Read
from cockpit.steps.verify.verdict import Finding, judged
from cockpit.units import format_size, plural

SHOWN = 5  # differences that are named
KINDS: tuple[tuple[Kind, str], ...] = (
    ("file", "files"), ("directory", "directories"), ("link", "links"), ("special file", "special files"),
)  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What was read of one place. digests: of the files whose content was looked at."""

    name: str
    listing: Listing
    digests: dict[bytes, bytes]
    unread: dict[bytes, str]  # and why
    moving: set[bytes]  # changed while they were read

    @classmethod
    def of(cls, name: str, listing: Listing) -> Seen:
        gone = {path for path, why in listing.unread.items() if why == VANISHED}
        return cls(name, listing, {}, {p: why for p, why in listing.unread.items() if p not in gone}, gone)

    def add(self, path: bytes, read: Read) -> None:
        if read.error == VANISHED or (not read.error and read.mark != self.listing.entries[path].mark):
            self.moving.add(path)
        elif read.error:
            self.unread[path] = read.error
        else:
            self.digests[path] = read.digest


def to_hash(check: Check, seen: Sequence[Seen], salt: str) -> list[bytes]:
    """The files whose content is read, the same at every place: those of one size everywhere (of a sample, its share of them)."""
    if check.by != "content":
        return []
    source, others = seen[0].listing.entries, [each.listing.entries for each in seen[1:]]
    alike = [
        path for path, entry in source.items() if entry.kind == "file"
        and all((there := other.get(path)) and (there.kind, there.size) == ("file", entry.size) for other in others)
    ]  # fmt: skip
    if check.sample is not None:
        alike = heapq.nsmallest(math.ceil(check.sample * len(alike)), alike, key=lambda path: _lot(salt, path))
    return alike


def _lot(salt: str, path: bytes) -> bytes:
    return hashlib.sha256(salt.encode() + b"\0" + path).digest()


def differences(check: Check, seen: Sequence[Seen], hashed: Collection[bytes]) -> Iterator[str]:
    """In words, one by one. What could not be read at a place, or lies below such a directory, is not spoken of."""
    if check.by == "count" and not check.meta:
        if not any(each.unread or each.moving for each in seen):
            yield from _counts(seen)
        return
    silent = set[bytes]().union(*(each.unread.keys() | each.moving for each in seen))
    source = seen[0]
    for other in seen[1:]:
        for path, text in _between(check, source, other, hashed):
            if not silent or not _below(path, silent):
                yield text


def _below(path: bytes, tops: Collection[bytes]) -> bool:
    while path:
        if path in tops:
            return True
        path = path.rpartition(b"/")[0]
    return b"" in tops


def _counts(seen: Sequence[Seen]) -> Iterator[str]:
    mine = _kinds(seen[0].listing)
    for other in seen[1:]:
        theirs = _kinds(other.listing)
        for kind, word in KINDS:
            if mine[kind] != theirs[kind]:
                yield f"{word}: {mine[kind]:,} at {seen[0].name}, {theirs[kind]:,} at {other.name}"


def _kinds(listing: Listing) -> Counter[Kind]:
    return Counter(entry.kind for entry in listing.entries.values())


def _between(check: Check, source: Seen, other: Seen, hashed: Collection[bytes]) -> Iterator[tuple[bytes, str]]:
    ours, theirs = source.listing.entries, other.listing.entries
    for path, entry in ours.items():
        there = theirs.get(path)
        if there is None:
            yield path, f"MISSING {shown(path)} at {other.name}"
        elif how := _how(check, entry, there):
            yield path, f"DIFFER {shown(path)} at {other.name}: {how}"
    for path in hashed:
        mine, digest = source.digests.get(path), other.digests.get(path)
        if mine is not None and digest is not None and mine != digest:
            yield path, f"DIFFER {shown(path)} at {other.name}: sha256 {mine.hex()[:12]}…, there {digest.hex()[:12]}…"
    for path in theirs.keys() - ours.keys():
        yield path, f"EXTRA {shown(path)} at {other.name}"


def _how(check: Check, one: Entry, there: Entry) -> str:
    """How two entries of one name differ, "" where they don't; content is judged by its digests."""
    if one.kind != there.kind:
        return f"a {one.kind}, there a {there.kind}"
    if one.size != there.size and check.by != "count":
        return f"{one.size:,} bytes, there {there.size:,}"
    if one.target != there.target:
        return f"a link to {shown(one.target)}, there to {shown(there.target)}"
    if check.meta and one.meta and there.meta and one.meta != there.meta:
        mine, theirs = one.meta.split(", "), there.meta.split(", ")
        return "; ".join(f"{a}, there {b.partition(' ')[2]}" for a, b in zip(mine, theirs, strict=True) if a != b)
    return ""


def not_tested(check: Check, seen: Sequence[Seen]) -> str:
    """Why nothing can be said about all of it; "" when something can."""
    for each in seen:
        if each.unread:
            return f"UNREADABLE at {each.name}: " + some([f"{shown(path)} ({why})" for path, why in each.unread.items()])
    for each in seen:
        if each.moving:
            return f"CHANGED-DURING the check at {each.name}: " + some([shown(path) for path in each.moving])
    for each in seen if check.meta else ():
        if untold := [p for p, e in each.listing.entries.items() if e.kind in ("file", "directory") and not e.meta]:
            return f"UNVERIFIED: {each.name} does not tell mode and owner of {some([shown(path) for path in untold])}"
    return ""


def agreement(check: Check, seen: Sequence[Seen], hashed: Collection[bytes]) -> str:
    """What was compared and how much of it there was: a comparison of nothing can be seen to be one."""
    kinds, source = _kinds(seen[0].listing), seen[0].listing.entries
    counts = ", ".join(plural(kinds[kind], kind, word) for kind, word in KINDS if kinds[kind] or kind == "file")
    text = f"{len(seen)} places agree: {counts}"
    if check.by != "count":
        text += ", " + format_size(sum(entry.size for entry in source.values()))
    parts = [_depth(check, kinds["file"], len(hashed))]
    if check.meta:
        parts.append("mode, owner and time (to the second) of files and directories")
    if kinds["special file"]:
        parts.append("special files by name only")
    return f"{text}; by {', '.join(parts)}" if kinds["file"] else f"{text}; there was no content to compare"


def _depth(check: Check, total: int, looked: int) -> str:
    if check.by == "count":
        return "names" if check.meta else "count"
    if check.by == "size":
        return "name and size"
    if looked == total:
        return "sha256 of every byte"
    bound = min(1.0, 3 / looked) if looked else 1.0  # the rule of three
    return f"size of all and sha256 of {plural(looked, 'file')} (at most {bound:.1%} of files differ, with 95 % confidence)"


def shown(path: bytes) -> str:
    """A name as a person can read it in one line of evidence."""
    text = path.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) or "."


def some(words: Sequence[str], count: int | None = None) -> str:
    """The first of `count` words (of all that are given)."""
    more = (len(words) if count is None else count) - SHOWN
    return "; ".join(words[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def finding_of(check: Check, seen: Sequence[Seen], hashed: Collection[bytes]) -> Finding:
    """What surely differs fails, whatever else could not be read; then what could not be read; then it passes."""
    named: list[str] = []
    count = 0
    for text in differences(check, seen, hashed):
        count += 1
        if count <= SHOWN:
            named.append(text)
    unsure = not_tested(check, seen)
    if count:
        return judged(False, f"{count:,} differ: {some(named, count)}" + (f"; and {unsure}" if unsure else ""))
    return Finding("not-tested", unsure) if unsure else judged(True, agreement(check, seen, hashed))
