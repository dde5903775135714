"""A whole copy through this machine over SFTP: where it lands, what moves, and whether all of it arrived.

Knows `Remote` and `pump`; refuses to know why the copy comes this way. Slower than rsync between the servers, and it needs
nothing on either side but an SFTP server.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh

from cockpit.fleet.api import CopyProgress, FleetError, Lost, Remote
from cockpit.fleet.files import BROKEN
from cockpit.fleet.pump import Count, Pump
from cockpit.fleet.tree import Entry, Excludes, Tree, walk

TELL_EVERY = 0.25  # seconds between two words of progress
ANSWER = 10.0  # seconds in which a side that is still there answers a question


@dataclass(frozen=True, slots=True)
class Relayed:
    """How a relayed copy ended. missing: what is not at the target as it was in the source; changed: files that did not
    hold still; special: what SFTP can't carry, by path."""

    files: int
    size: int
    missing: tuple[bytes, ...] = ()
    changed: tuple[bytes, ...] = ()
    special: tuple[bytes, ...] = ()
    not_owned: int = 0
    removed: int = 0


async def relay(
    source: Remote, target: Remote, from_: str, to: str, *, exclude: Sequence[str] = (), delete: bool = False,
    rate: Callable[[], float | None] = lambda: None, tell: Callable[[CopyProgress], None] = lambda _: None,
    without: Container[str] = (),
) -> Relayed:  # fmt: skip
    """Copy by rsync's rules of trailing slashes. Resumed by calling it again: what is whole is left, parts go on. without:
    what the target can't keep and is left behind: owners, modes, symlinks (the rest of `fits.Problem`'s words SFTP never has).
    Raises FleetError (a refusal, with the server's words), Lost, OSError."""
    async with source.sftp() as ours, target.sftp() as theirs:
        try:
            return await _relay(ours, theirs, os.fsencode(from_), os.fsencode(to), exclude, delete, rate, tell, without)
        except BROKEN as problem:
            name = source.target.name if await _is_gone(ours) else target.target.name
            raise Lost(name, f"contact with {name} was lost during sftp: {problem}") from problem
        except asyncssh.Error as problem:
            both = f"{source.target.name} or {target.target.name}"
            raise FleetError(target.target.name, "other", f"sftp between {both}: {problem}") from problem


async def _is_gone(client: Any) -> bool:
    """Whether it is this side's connection that broke: the error of a broken one doesn't say whose it was."""
    try:
        await asyncio.wait_for(client.realpath("."), ANSWER)
    except asyncssh.SFTPError as problem:
        return isinstance(problem, BROKEN)  # any other refusal is an answer
    except (TimeoutError, *BROKEN):
        return True
    return False


async def _relay(
    ours: Any, theirs: Any, from_: bytes, to: bytes, exclude: Sequence[str], delete: bool,
    rate: Callable[[], float | None], tell: Callable[[CopyProgress], None], without: Container[str],
) -> Relayed:  # fmt: skip
    tell(CopyProgress("scan", 0))
    contents = from_.endswith(b"/")
    root = from_.rstrip(b"/") or b"/"
    base = posixpath.basename(root)
    excludes = Excludes(exclude, b"" if contents else base)
    tree = await walk(ours, root, excludes, follow=contents)
    if "symlinks" in without:
        tree.entries = [entry for entry in tree.entries if entry.kind != "link"]
    if contents and not tree.is_dir:
        raise OSError(f"{from_!r} is not a directory")
    landing = await landing_of(theirs, to, base, tree, contents)
    special = tuple(entry.path for entry in tree.entries if entry.kind == "other")
    files = tree.kinds().get("file", 0)
    size = tree.size

    next_tell, most = 0.0, 0

    def told(count: Count) -> None:
        """A file that is read again is counted once: what was told never falls."""
        nonlocal next_tell, most
        if time.monotonic() >= next_tell:
            next_tell, most = time.monotonic() + TELL_EVERY, max(most, min(count.bytes_done, size))
            tell(CopyProgress("copy", most, size, count.files_done, files))

    pump = Pump(ours, theirs, tree, landing, rate=rate, tell=told, without=without)
    count = await pump.run()
    if delete:
        await pump.delete_extra(excludes)
    tell(CopyProgress("verify", size, size, files, files))
    tree.entries = [count.read_again.get(entry.path, entry) for entry in tree.entries]
    there = await _there(theirs, tree, landing)
    missing = _missing(there, tree, set(count.changed))
    if not missing:
        await pump.clear(there, excludes)
    return Relayed(files, size, missing, tuple(count.changed), special, count.not_owned, count.removed)


async def landing_of(client: Any, to: bytes, base: bytes, tree: Tree, contents: bool) -> bytes:
    """Where the root of the tree comes to lie, as rsync has it."""
    place = to.rstrip(b"/") or b"/"
    if contents:
        return place
    if tree.is_dir or to.endswith(b"/"):
        return posixpath.join(place, base)
    try:
        there = Entry.of(b"", await client.stat(place))
    except asyncssh.SFTPNoSuchFile:
        return place
    if there.kind == "other":
        raise OSError(f"{place.decode(errors='replace')} is a device: it is not written to")
    return posixpath.join(place, base) if there.kind == "dir" else place


async def _there(client: Any, tree: Tree, landing: bytes) -> Tree:
    """What lies at the target; of a link that is all there is to copy nobody asks."""
    if not tree.is_dir and all(entry.kind == "link" for entry in tree.entries):
        return tree
    return await walk(client, landing, Excludes(()), follow=True)


def _missing(found: Tree, tree: Tree, changed: set[bytes]) -> tuple[bytes, ...]:
    """What is not there as it was in the source: kind, and of files the size and the time."""
    there = {entry.path: entry for entry in found.entries}

    def same(entry: Entry) -> bool:
        seen = there.get(entry.path)
        if seen is None or seen.kind != entry.kind:
            return False
        return entry.kind != "file" or (seen.size, seen.mtime) == (entry.size, entry.mtime)

    wanted = (entry for entry in tree.entries if entry.kind != "other" and entry.path not in changed)
    return tuple(entry.path for entry in wanted if not same(entry))
