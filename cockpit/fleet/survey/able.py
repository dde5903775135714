"""What a destination can keep, found by trying there, and the words for what it can't. Knows no source."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from shlex import quote
from typing import Any

import asyncssh

from cockpit.fleet.api import FleetError, Remote
from cockpit.fleet.survey.command import HERE, program, python_or

PATIENCE = 60.0  # seconds for a trial: it makes some thirty small files

LACKS: Mapping[str, str] = {
    "writable": "nothing can be written", "chown": "owners and groups can't be set", "modes": "permissions can't be set",
    "acl": "no ACLs", "xattr": "no extended attributes", "hard_links": "no hard links", "symlinks": "no symbolic links",
    "special": "no fifos or sockets", "devices": "no device nodes", "holes": "files have no holes",
    "nanoseconds": "times are cut to coarser ones", "case": "upper and lower case are the same name",
    "unicode": "names that differ only in Unicode's form are the same", "any_bytes": "names must be valid text",
    "any_marks": 'names may not hold : * ? " < > | \\ or control characters',
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Able:
    """True: it was tried and kept; False: tried, and not; None: could not be tried.

    place: the nearest directory that is there, where it was tried; free, block, file_limit: bytes (free: that this user may
    still write); inodes: that may still be made, None where they are not counted; name_bytes: the longest name that was
    taken, of 255 tried; file_limit None: none was found."""

    way: str = ""  # python3 | sh | sftp
    place: str = ""
    file_system: str = ""
    writable: bool | None = None
    why: str = ""  # it is not writable
    uid: int | None = None
    groups: tuple[int, ...] = ()
    chown: bool | None = None
    modes: bool | None = None
    acl: bool | None = None
    xattr: bool | None = None
    hard_links: bool | None = None
    symlinks: bool | None = None
    special: bool | None = None
    devices: bool | None = None
    holes: bool | None = None
    nanoseconds: bool | None = None
    case: bool | None = None
    unicode: bool | None = None
    any_bytes: bool | None = None
    any_marks: bool | None = None
    name_bytes: int | None = None
    file_limit: int | None = None
    free: int | None = None
    inodes: int | None = None
    block: int = 4096

    def lacks(self) -> list[str]:
        """In words for a person; only what was tried and failed."""
        found = [words for name, words in LACKS.items() if getattr(self, name) is False]
        if self.name_bytes is not None and self.name_bytes < 255:
            found.append(f"names have at most {self.name_bytes} bytes")
        if self.file_limit is not None:
            found.append(f"files have at most {self.file_limit} bytes")
        return found

    def json(self) -> dict[str, Any]:
        tried = {name: getattr(self, name) for name in LACKS}
        return {
            "way": self.way, "place": self.place, "file_system": self.file_system or None, "able": tried, "lacks": self.lacks(),
            "name_bytes": self.name_bytes, "file_limit": self.file_limit, "free": self.free, "inodes": self.inodes,
        }  # fmt: skip


async def able(remote: Remote, path: str, become: bool) -> Able:
    """Tries it at the nearest directory that is there and removes what it made. FleetError when the server can't say; Lost;
    TimeoutError."""
    if remote.target.sftp_only:
        return await _by_sftp(remote, path)
    done = await remote.errand(trial_command(path), become=become, timeout=PATIENCE)
    found = parse(done.stdout.decode(errors="replace"))
    if found is None:
        said = done.stderr.decode(errors="replace").strip()[-300:] or f"exit {done.exit}"
        raise FleetError(remote.target.name, "other", f"{remote.target.name}:{path} could not be tried: {said}")
    return found


def trial_command(path: str) -> str:
    text = "\n".join(line for line in (HERE / "trial.sh").read_text().splitlines() if not line.startswith("#"))
    return python_or(program("trial.py", path), f"sh -c {quote(text)} sh {quote(path)}")


def parse(text: str) -> Able | None:
    """From `trial_command`'s output; None when it ended early."""
    if text.startswith("{"):
        told = json.loads(text)
        return Able(**told | {"groups": tuple(told["groups"])})
    told = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    if "writable" not in told:
        return None
    numbers = {name: int(told[name]) for name in ("uid", "free", "inodes", "name_bytes", "file_limit") if name in told}
    truths = {name: told[name] == "1" for name in LACKS if name in told}
    return Able(
        "sh", told.get("place", "").rstrip(" "), told.get("file_system", ""), why=told.get("why", ""),
        groups=tuple(map(int, told.get("groups", "").split())), **truths, **numbers,  # type: ignore[arg-type]
    )  # fmt: skip


def over_sftp(there: Able) -> Able:
    """What a relay can keep at this place: it writes every name as a file of its own, with whole seconds, without attributes."""
    return replace(there, acl=False, xattr=False, hard_links=False, special=False, devices=False, nanoseconds=False)


# --- where there is only SFTP


async def _by_sftp(remote: Remote, path: str) -> Able:
    """What SFTP 3 has words for."""
    async with remote.sftp() as client:
        place = path.rstrip("/") or "/"
        while place != "/" and not await client.isdir(place):
            place = posixpath.dirname(place) or "/"
        found = over_sftp(Able("sftp", place))
        try:
            room = await client.statvfs(place)
            free = int(room.bavail) * int(room.frsize or room.bsize)
            found = replace(found, free=free, inodes=int(room.favail) if room.files else None)
        except asyncssh.SFTPError:
            pass  # an extension of OpenSSH's: elsewhere its room is not known
        top = posixpath.join(place, f".cockpit-trial-{token_hex(6)}")
        try:
            await client.mkdir(top)
        except asyncssh.SFTPError as problem:
            return replace(found, writable=False, why=str(problem))
        try:
            return replace(found, writable=True, **await _tried(client, top))
        finally:
            await client.rmtree(top, ignore_errors=True)


async def _tried(client: Any, top: str) -> dict[str, Any]:
    async def file(name: str) -> str:
        path = posixpath.join(top, name)
        async with await client.open(path, "wb"):
            return path

    async def chown() -> bool:
        path = await file("o")
        await client.chown(path, 12345, 54321)
        seen = await client.stat(path)
        return (seen.uid, seen.gid) == (12345, 54321)

    async def modes() -> bool:
        path = await file("m")
        await client.chmod(path, 0o751)
        return bool((await client.stat(path)).permissions & 0o7777 == 0o751)

    async def symlinks() -> bool:
        path = posixpath.join(top, "s")
        await client.symlink("no/where", path)
        return bool(await client.islink(path))

    async def apart(folder: str, *names: str) -> bool:
        await client.mkdir(posixpath.join(top, folder))
        for name in names:
            await file(posixpath.join(folder, name))
        return set(await client.listdir(posixpath.join(top, folder))) - {".", ".."} == set(names)

    tries: dict[str, Callable[[], Awaitable[Any]]] = {
        "chown": chown, "modes": modes, "symlinks": symlinks, "case": lambda: apart("c", "case", "CASE"),
        "unicode": lambda: apart("u", "\u00e9", "e\u0301"), "any_marks": lambda: apart("k", 'a:*?"<>|', "end. "),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, trial in tries.items():
        try:
            found[name] = await trial()
        except asyncssh.SFTPError:
            found[name] = False
    for length in (255, 143, 100, 64, 30, 14):
        try:
            await file("x" * length)
        except asyncssh.SFTPError:
            continue
        return found | {"name_bytes": length}
    return found
