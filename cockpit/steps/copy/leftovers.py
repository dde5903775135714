"""What an earlier try over SFTP left at the target, taken away once the copy has come by another way. Knows no rsync."""

from __future__ import annotations

import os
import posixpath
from shlex import quote

from cockpit.fleet.beside import part_begins, unclaimed
from cockpit.fleet.tree import Excludes
from cockpit.plan.model import Copy
from cockpit.steps.api import StepContext
from cockpit.steps.copy.places import End

RELAYED = "relayed"  # noted of an attempt that went over SFTP
LISTED = 16 << 20  # bytes of names that are read


async def remove(ctx: StepContext, source: End, target: End, landing: str) -> None:
    """Before the target is counted, lest they stand in for what is missing. Only where this task has gone over SFTP. Lost;
    FleetError."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    if not any(detail.get(RELAYED) for detail in (ctx.detail, *ctx.earlier())):
        return
    root = landing.rstrip("/")
    alone = part_begins(os.fsencode(root)).decode(errors="surrogateescape")
    there = await _parts(target, root)
    contents = source.path.endswith("/")
    excludes = Excludes(action.exclude, b"" if contents else os.fsencode(posixpath.basename(source.path)))
    gone = unclaimed(there, set(await _parts(source, source.path.rstrip("/"))), excludes) if there else []
    names = b"".join(os.fsencode(f"{root}/") + path + b"\0" for path in gone)
    script = f"[ -d {quote(root)} ] || rm -f -- {quote(alone)}*.part\nxargs -0 rm -f --"
    await target.remote.run(script, become=target.become, stdin=names)
    if gone:
        ctx.say(f"{len(gone)} parts of files, of an earlier try over SFTP, are taken away")


async def _parts(end: End, root: str) -> list[bytes]:
    """Relative to root; none where it is no directory."""
    find = "find . -type f -name '.cockpit-*.part' -print0"
    done = await end.remote.run(f"cd -- {quote(root)}/. 2>/dev/null && {find}", become=end.become, limit=LISTED)
    return [path.removeprefix(b"./") for path in done.stdout.split(b"\0")[:-1]]
