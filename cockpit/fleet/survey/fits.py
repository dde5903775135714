"""What a source has that its destination can't keep or hold. Pure: two answers in, words out.

refuse: such a copy could never be done (it would stop in the middle, or one file would overwrite another). ask: it can be
done without what is named, which a person must want. say: good to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cockpit.fleet.survey.able import Able
from cockpit.fleet.survey.model import Surveyed, shown
from cockpit.units import format_size, plural

Grave = Literal["refuse", "ask", "say"]


@dataclass(frozen=True, slots=True)
class Problem:
    """what: one of room, inodes, writing, names, size (refuse); owners, modes, ACLs, attributes, hard links, symlinks, special,
    holes, room for all of it (ask: "go on without" it); times, unread, odd names (say). text: a sentence with numbers; instead:
    what to do."""

    what: str
    grave: Grave
    text: str
    instead: str = ""

    def json(self) -> dict[str, Any]:
        return {"what": self.what, "grave": self.grave, "text": self.text, "instead": self.instead or None}


def needed(source: Surveyed, able: Able, lying: Surveyed | None = None) -> int:
    """Bytes that the copy will still take there: holes and shared files only where they can be kept, each file rounded up to
    half a block more, less what lies there."""
    size = source.size + source.files * (able.block // 2)
    size -= source.sparse_gap if able.holes is not False else 0
    size += source.link_saved if able.hard_links is False else 0
    return max(0, size - (lying.allocated or lying.size if lying else 0))


def needed_inodes(source: Surveyed, able: Able, lying: Surveyed | None = None) -> int:
    return max(0, (source.entries if able.hard_links is False else source.inodes) - (lying.inodes if lying else 0))


def fits_beside(source: Surveyed, able: Able) -> bool:
    """Whether there is room for all of it whatever lies there, which then need not be counted."""
    room = able.free is None or needed(source, able) <= able.free
    return room and (able.inodes is None or needed_inodes(source, able) <= able.inodes)


def fits(source: Surveyed, able: Able, lying: Surveyed | None = None) -> list[Problem]:
    """lying: what is at the destination already, counted. The gravest first."""
    return [*_refused(source, able, lying), *_lost(source, able), *_noted(source, able), *_hoped(source, able, lying)]


def _refused(source: Surveyed, able: Able, lying: Surveyed | None) -> Iterator[Problem]:
    if able.writable is False:
        yield Problem("writing", "refuse", f"nothing can be written in {able.place}: {able.why}", "mend that, or copy elsewhere")
    more, inodes = needed(source, able, lying), needed_inodes(source, able, lying)
    if able.free is not None and more > able.free:
        text = f"{format_size(more)} to come ({more} bytes), {format_size(able.free)} free at {able.place} ({able.free})"
        grown = source.sparse_gap if able.holes is False else 0
        text += f"; {format_size(grown)} of it are holes that can't be kept there" if grown else ""
        if source.way == "device" and able.holes is not False:  # its zeros become holes, and nobody knows yet how many they are
            yield Problem("room for all of it", "ask", f"{text}, unless enough of it is zeros")
        else:
            yield Problem("room", "refuse", text, "make room, or copy elsewhere")
    if able.inodes is not None and inodes > able.inodes:
        text = f"{inodes} files and directories to come, {able.inodes} inodes free at {able.place}"
        yield Problem("inodes", "refuse", text, "make room, or copy elsewhere")
    if able.name_bytes is not None and source.longest_name > able.name_bytes:
        text = f"a name of {source.longest_name} bytes ({shown(source.longest_name_is)[:40]}…), at most {able.name_bytes} there"
        yield Problem("names", "refuse", text, "shorten or exclude it")
    if able.file_limit is not None and source.largest > able.file_limit:
        text = f"a file of {format_size(source.largest)} ({shown(source.largest_path)}), at most {format_size(able.file_limit)}"
        yield Problem("size", "refuse", f"{text} there", "exclude it, or copy elsewhere")
    yield from _names(source, able)


def _hoped(source: Surveyed, able: Able, lying: Surveyed | None) -> Iterator[Problem]:
    """What lies there is taken for an earlier pass of this copy. It may be something else."""
    more = needed(source, able)
    if lying is not None and able.free is not None and needed(source, able, lying) <= able.free < more:
        text = f"{format_size(more)} to come, {format_size(able.free)} free at {able.place}"
        text += ": it fits only if what lies there is of this copy"
        yield Problem("room for all of it", "say", text)


_NAMES: Sequence[tuple[str, str, str]] = (
    ("non_utf8", "any_bytes", "names that are no UTF-8, which can't be written there"),
    ("reserved", "any_marks", "names with characters that can't be written there"),
    ("case_twins", "case", "names that differ from a neighbour's only in case, and would overwrite it there"),
    ("unicode_twins", "unicode", "names that differ from a neighbour's only in Unicode's form, and would overwrite it there"),
)


def _names(source: Surveyed, able: Able) -> Iterator[Problem]:
    for odd, ability, words in _NAMES:
        if (n := source.odd.get(odd, 0)) and getattr(able, ability) is False:
            yield Problem("names", "refuse", f"{n} {words}{_as(source, odd)}", "rename or exclude them")


def _as(source: Surveyed, what: str) -> str:
    """The first examples of it, in brackets."""
    paths = [shown(path) for path in source.examples.get(what, ())]
    return f" ({', '.join(paths)})" if paths else ""


def _lost(source: Surveyed, able: Able) -> Iterator[Problem]:
    def ask(what: str, text: str) -> Problem:
        return Problem(what, "ask", text)

    others = sum(n for uid, gid, n in source.owners if uid != able.uid or gid not in able.groups)
    if able.chown is False and able.uid is not None and others:
        yield ask("owners", f"{others} entries belong to somebody else than user {able.uid}, who will own them all there")
    if able.modes is False:
        yield ask("modes", "permissions can't be set there")
    if able.acl is False and source.acls:
        yield ask("ACLs", f"{_least(source, source.acls)} entries have ACLs, which can't be set there{_as(source, 'acls')}")
    if able.xattr is False and source.xattrs:
        text = f"{_least(source, source.xattrs)} entries have extended attributes, which can't be set there"
        yield ask("attributes", text + _as(source, "xattrs"))
    if able.hard_links is False and source.link_groups:
        shared = plural(source.link_groups, "file")
        text = f"{source.link_names} names share {shared} by hard links; there each becomes a file of its own"
        yield ask("hard links", f"{text}, {format_size(source.link_saved)} more")
    if able.symlinks is False and (n := source.kinds.get("link", 0)):
        yield ask("symlinks", f"{n} symbolic links can't be made there")
    pipes, devices = _special(source)
    if (able.special is False and pipes) or (able.devices is False and devices):
        n = pipes * (able.special is False) + devices * (able.devices is False)
        yield ask("special", f"{n} special files (fifos, sockets, devices) can't be made there{_as(source, 'special')}")
    if able.holes is False and source.sparse:
        text = f"{source.sparse} sparse files grow to their full size there, {format_size(source.sparse_gap)} more"
        yield ask("holes", f"{text}{_as(source, 'sparse')}")


def _special(source: Surveyed) -> tuple[int, int]:
    return source.kinds.get("special", 0), source.kinds.get("dev", 0)


def _least(source: Surveyed, n: int) -> str:
    return f"at least {n}" if source.attributes_sampled else str(n)


def _noted(source: Surveyed, able: Able) -> Iterator[Problem]:
    if able.nanoseconds is False:
        yield Problem("times", "say", "times are cut to coarser ones there")
    if source.unread:
        said = f": {shown(source.errors[0])}" if source.errors else ""
        text = f"{source.unread} directories or entries could not be looked at{said}"
        yield Problem("unread", "say", text, "they would stay behind")
    odd = [f"{source.odd[kind]} with {words}" for kind, words in _ODD if source.odd.get(kind)]
    if odd:
        yield Problem("odd names", "say", f"names: {', '.join(odd)}")
    if not source.exact:
        yield Problem("excludes", "say", "what is excluded is counted too: the server has no means to leave it out")


_ODD = (("newlines", "newlines"), ("control", "control characters"), ("non_utf8", "bytes that are no UTF-8"))
