"""Survey a place by the best way that its server has. Knows no copy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncssh

from cockpit.fleet.api import FleetError, Remote
from cockpit.fleet.survey.command import count_command
from cockpit.fleet.survey.model import Surveyed, of_tree, parse
from cockpit.fleet.survey.rules import prefix_of
from cockpit.fleet.tree import Excludes, walk

LIMIT = 4 << 20  # bytes of an answer: numbers, and a few names of at most 4096 bytes


async def survey(
    remote: Remote, path: str, *, become: bool, exclude: Sequence[str] = (), timeout: float | None = None,
) -> Surveyed:  # fmt: skip
    """What a copy of `path` would move. FleetError when it is not there or can't be read at all; Lost; TimeoutError."""
    if remote.target.sftp_only:
        async with asyncio.timeout(timeout):
            return await _by_sftp(remote, path, exclude)
    done = await remote.run(count_command(path, exclude), become=become, limit=LIMIT, timeout=timeout)
    found = parse(done.stdout.decode(errors="replace"))
    if found is None:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1][-300:] if said else f"exit {done.exit}"
        raise FleetError(remote.target.name, "other", f"{remote.target.name}:{path} can't be surveyed: {why}")
    return found


async def _by_sftp(remote: Remote, path: str, exclude: Sequence[str]) -> Surveyed:
    top = path.rstrip("/") or "/"
    prefix = prefix_of(path).encode()
    try:
        async with remote.sftp() as client:
            return of_tree(await walk(client, top.encode(), Excludes(exclude, prefix), follow=path.endswith("/")))
    except asyncssh.SFTPError as problem:
        raise FleetError(remote.target.name, "other", f"{remote.target.name}:{path} can't be surveyed: {problem}") from problem


