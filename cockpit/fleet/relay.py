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
from dataclasses import dataclass, replace
from typing import Any

import asyncssh

from cockpit.fleet.api import CopyProgress, FleetError, Lost, Remote
from cockpit.fleet.files import BROKEN
from cockpit.fleet.proof import SMALL, Shell
from cockpit.fleet.pump import Count, Pump
from cockpit.fleet.tree import Entry, Excludes, Tree, walk
from cockpit.units import format_size

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
    sent: int = 0  # entries that were not at the target as in the source before
    restless: int = 0  # of a final copy: changes that its last pass still found


async def relay(
    source: Remote, target: Remote, from_: str, to: str, *, exclude: Sequence[str] = (), delete: bool = False,
    final: bool = False, rate: Callable[[], float | None] = lambda: None,
    tell: Callable[[CopyProgress], None] = lambda _: None, say: Callable[[str], None] = lambda _: None,
    without: Container[str] = (),
) -> Relayed:  # fmt: skip
    """Copy by rsync's rules of trailing slashes. Resumed by calling it again: what is whole is left, parts go on. without:
    what the target can't keep and is left behind: owners, modes, symlinks (the rest of `fits.Problem`'s words SFTP never has).
    final: then look once more whether the two are the same, as they have to be. Raises FleetError (a refusal, with the
    server's words), Lost, OSError (also of a file that arrived twice other than it was read)."""
    shell = await Shell.of(target)

    async def once(tell: Callable[[CopyProgress], None], say: Callable[[str], None]) -> Relayed:
        places = os.fsencode(from_), os.fsencode(to)
        work = _Pass(ours, theirs, *places, exclude, delete, shell, target.target.name, without)
        return await work.run(rate, tell, say)

    async with source.sftp() as ours, target.sftp() as theirs:
        try:
            done = await once(tell, say)
            if not final or done.missing or done.changed:
                return done
            last = await once(lambda _: None, lambda _: None)
            return replace(done, missing=last.missing, restless=last.sent + len(last.changed))
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


@dataclass(frozen=True, slots=True)
class _Pass:
    """One walk over the source, and what it found to do. ours, theirs: SFTP clients."""

    ours: Any
    theirs: Any
    source: bytes
    target: bytes
    exclude: Sequence[str]
    delete: bool
    shell: Shell | None
    name: str  # of the target's server
    without: Container[str]

    async def run(
        self, rate: Callable[[], float | None], tell: Callable[[CopyProgress], None], say: Callable[[str], None],
    ) -> Relayed:  # fmt: skip
        tell(CopyProgress("scan", 0))
        contents = self.source.endswith(b"/")
        root = self.source.rstrip(b"/") or b"/"
        base = posixpath.basename(root)
        excludes = Excludes(self.exclude, b"" if contents else base)
        tree = await walk(self.ours, root, excludes, follow=contents)
        if "symlinks" in self.without:
            tree.entries = [entry for entry in tree.entries if entry.kind != "link"]
        if contents and not tree.is_dir:
            raise OSError(f"{self.source!r} is not a directory")
        landing = await landing_of(self.theirs, self.target, base, tree, contents)
        say(self._proof(tree))
        told = _Told(tree.size, tree.kinds().get("file", 0), tell)
        pump = Pump(
            self.ours, self.theirs, tree, landing, rate=rate, tell=told, say=say, shell=self.shell, without=self.without
        )
        count = await pump.run()
        if self.delete:
            await pump.delete_extra(excludes)
        told.over()
        tree.entries = [count.read_again.get(entry.path, entry) for entry in tree.entries]
        there = await _there(self.theirs, tree, landing)
        missing = _missing(there, tree, set(count.changed))
        if not missing:
            await pump.clear(there, excludes)
        special = tuple(entry.path for entry in tree.entries if entry.kind == "other")
        return Relayed(told.files, told.size, missing, tuple(count.changed), special, count.not_owned, count.removed, count.sent)

    def _proof(self, tree: Tree) -> str:
        """How what is moved is compared, and what of it has to come back for that at most."""
        back = sum(e.size for e in tree.entries if e.kind == "file" and (self.shell is None or e.size <= SMALL))
        read = f"at most {format_size(back)} of files that are not there yet"
        if self.shell is None:
            return f"each file is read back from {self.name} over SFTP and compared by SHA-256: {read}"
        how = f"{self.name} hashes files over {format_size(SMALL)} itself ({self.shell.tool}), smaller ones are read back"
        return f"each file is compared by SHA-256: {how}: {read}"


class _Told:
    """Progress in words of its own for each phase: bytes that were moved, then bytes that were compared. A file that is sent
    again is counted once: what was told never falls."""

    def __init__(self, size: int, files: int, tell: Callable[[CopyProgress], None]) -> None:
        self.size, self.files, self._tell = size, files, tell
        self._next, self._moved, self._proven = 0.0, 0, 0

    def __call__(self, count: Count) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + TELL_EVERY
        self._moved = max(self._moved, min(count.bytes_done, self.size))
        self._proven = max(self._proven, min(count.proven, self.size))
        if self._moved < self.size:
            self._tell(CopyProgress("copy", self._moved, self.size, count.files_done, self.files, largest=count.largest or None))
        else:
            proof = (self._proven, self.size)
            self._tell(CopyProgress("verify", self.size, self.size, count.files_done, self.files, proof))

    def over(self) -> None:
        self._tell(CopyProgress("verify", self.size, self.size, self.files, self.files, (self.size, self.size)))


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
