"""Whether what lies at a target can be believed by its size and time, as rsync does, or must be read on both sides.

A file's size and time may be on the disk before its bytes are: of what a power cut or a file system that gave up has left, files
under the right name, size and time may hold nothing but zeros. A sync that ended well stands for what was there then. Knows no
part's inside, and of images nothing: their receipts are written after their sync, and all of them is proven.
"""

from __future__ import annotations

import re

from cockpit.steps.api import StepContext
from cockpit.steps.copy.begun import Begun
from cockpit.steps.copy.places import End

_GAVE_UP = re.compile(r": ([^:\n]+) \((?:5|6|19|30|107|108|116|117|121)\)$", re.MULTILINE)
"""rsync's last words on a line: EIO, ENXIO, ENODEV, EROFS, ENOTCONN, ESHUTDOWN, ESTALE, EUCLEAN, EREMOTEIO of errno(3)."""


def disk_of(begun: Begun, errors: str) -> str:
    """rsync's words from which follows that what it had written may be lost; "": there are none. errors: the end of the
    job's stderr."""
    found = _GAVE_UP.findall(errors) if begun.believed else []
    return str(found[-1]) if found else ""


async def started_anew(target: End, begun: Begun) -> bool:
    """Whether the target has gone down since this began, with what was not on its disk then. FleetError, Lost."""
    return begun.believed and begun.boot is not None and begun.boot != await target.remote.boot_id()


async def why(ctx: StepContext, target: End) -> str:
    """Why all of it must be read; "": it need not be. Noted, for the next job's note takes the place of the one that tells of it,
    and may be lost as well. FleetError, Lost."""
    if found := await _why(ctx, target):
        await ctx.note(doubt=found)
    return found


async def _why(ctx: StepContext, target: End) -> str:
    earlier = ctx.earlier()
    if said := ctx.detail.get("doubt"):
        return str(said)
    if any("sync_s" in detail for detail in earlier):  # who asks for another after its very end has seen that it is not the same
        return "this copy was done before and is doubted"
    for detail in (ctx.detail, *reversed(earlier)):
        if words := detail.get("disk"):
            return f"the disk gave up under this copy ({words})"
    noted = [detail.get("copy", {}) for detail in (ctx.detail, *earlier)]
    boots = {note["boot"] for note in noted if note.get("believed")} - {None}
    if boots and boots != {await target.remote.boot_id()}:
        return f"{target.server} was started anew since this copy began"
    return ""
