"""How much would still go to a path. Reads only; knows no copy."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from shlex import quote

import asyncssh

from cockpit.fleet.api import FleetError, Remote


@dataclass(frozen=True, slots=True)
class Room:
    """free: bytes that this user may still write; on: the file system, the same text for two paths on the same one;
    place: the nearest directory that is there."""

    place: str
    on: str
    free: int


_NEAREST = """p={path}; while [ -n "$p" ] && [ ! -e "$p" ]; do n=$(dirname -- "$p"); [ "$n" = "$p" ] && break; p=$n; done
printf '%s\\n' "$p"; LC_ALL=C df -Pk -- "$p" | tail -n 1"""


async def room(remote: Remote, path: str, *, become: bool) -> Room:
    """Of the file system on which `path` is or would be. FleetError when the server can't say."""
    if remote.target.sftp_only:
        return await _by_sftp(remote, path)
    done = await remote.errand(_NEAREST.format(path=quote(path.rstrip("/") or "/")), become=become, timeout=60)
    place, _, row = done.stdout.decode(errors="replace").partition("\n")
    words = row.split()
    try:  # device, 1024-blocks, used, available, capacity, mount point: the mount point may hold blanks, the device too
        mark = next(i for i, word in enumerate(words) if word.endswith("%"))
        return Room(place, " ".join([words[0], *words[mark + 1 :]]), int(words[mark - 1]) * 1024)
    except (StopIteration, ValueError, IndexError):
        said = done.stderr.decode(errors="replace").strip()[-200:]
        raise FleetError(remote.target.name, "other", f"df of {path} said nothing of use: {said or row}") from None


async def _by_sftp(remote: Remote, path: str) -> Room:
    async with remote.sftp() as client:
        place = path.rstrip("/") or "/"
        while place != "/" and not await client.exists(place):
            place = posixpath.dirname(place) or "/"
        try:
            found = await client.statvfs(place)
        except asyncssh.SFTPError as problem:
            raise FleetError(remote.target.name, "other", f"it does not tell how much room there is: {problem}") from problem
    return Room(place, f"{remote.target.name} fsid {found.fsid}", int(found.bavail) * int(found.frsize or found.bsize))
