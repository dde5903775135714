"""The two ends of a copy as the plan names them, what must be refused, and what lies there. Knows no route."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.fleet.counting import Survey
from cockpit.fleet.survey.command import count_command
from cockpit.fleet.survey.look import LIMIT, survey
from cockpit.fleet.survey.model import Surveyed, parse
from cockpit.plan.model import LOCAL, Copy, Place
from cockpit.steps.api import StepContext

DEVICE = "device"  # the way of a survey that only measured one
Kind = Literal["contents", "dir", "file", "link"]


class Refused(Exception):
    """The operator's: this copy can't be made as it is written. One sentence, with what to do instead."""


@dataclass(frozen=True, slots=True)
class End:
    """One end: a server, a path as rsync reads it (a trailing slash means the contents), and whether root does the work."""

    server: str
    path: str
    remote: Remote
    become: bool


def ends(ctx: StepContext) -> tuple[End, End]:
    """Source and target with their templates filled in. Refused."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    source, target = _end(ctx, action.source), _end(ctx, action.target)
    device, same_server = action.method == "image" and action.convert is None, source.server == target.server
    refuse(source.path, target.path, same_server=same_server, delete=action.delete, device=device)
    return source, target


def servers(ctx: StepContext) -> tuple[End, End]:
    """The two ends of a pipe: servers without a path."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    return _end(ctx, action.source), _end(ctx, action.target)


def _end(ctx: StepContext, place: Place) -> End:
    server = place.server or ctx.server or LOCAL
    if server == ctx.server:
        become = ctx.become()
    else:
        known = ctx.plan.servers.get(server)
        become = ctx.step.become if ctx.step.become is not None else bool(known and known.become)
    if server == LOCAL:
        become = False
    return End(server, ctx.render(place.path, path=True), ctx.remote(server), become)


def refuse(source: str, target: str, *, same_server: bool, delete: bool = False, device: bool = False) -> None:
    """Pure. A target must be a place of its own: absolute, not `/`, not the source and not in it. One that is emptied of what
    the source has not (delete) must not hold the source either, which would empty itself. device: it may be one."""
    for path, what in ((source, "source"), (target, "target")):
        if not path.strip() or "\0" in path:
            raise Refused(f"the {what} of this copy is empty: a template in it has no value")
        if not path.startswith("/"):
            raise Refused(f"the {what} {path!r} is not an absolute path: write it from / on")
    whole = _normal(target)
    if whole == "/":
        raise Refused(f"the target {target!r} is the root of the server: name a directory below it")
    if whole == "/dev" or (among_devices(target) and not device):
        raise Refused(f"the target {target!r} is among the devices: a copy writes into directories and files only")
    inside = _normal(source)
    if same_server and (whole == inside or whole.startswith(inside.rstrip("/") + "/")):
        raise Refused(f"the target {target!r} lies in the source {source!r}")
    if same_server and delete and inside.startswith(whole.rstrip("/") + "/"):
        raise Refused(f"the source {source!r} lies in the target {target!r}, and delete would take it away: copy without delete")


def among_devices(path: str) -> bool:
    return _normal(path).startswith("/dev/")


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


@dataclass(frozen=True, slots=True)
class Source:
    """survey: the denominator, and what must be there in the end; seen: everything that was found out about it."""

    kind: Kind
    survey: Survey
    seen: Surveyed

    @property
    def device(self) -> bool:
        return self.seen.way == DEVICE


_NOTHING_TO_MOVE = {
    "missing": "is not there", "other": "is no file or directory",
    "device": "is a block device: a copy moves files and directories only",
}  # fmt: skip


async def kind_of(end: End) -> Kind:
    """What is to be moved. Refused when there is nothing to move."""
    path = quote(end.path)
    bare = quote(end.path.rstrip("/") or "/")
    script = f"""if [ -d {path} ] && [ {path} != {bare} ]; then echo contents
elif [ {path} != {bare} ]; then echo missing
elif [ -L {path} ]; then echo link; elif [ -d {path} ]; then echo dir; elif [ -f {path} ]; then echo file
elif [ -b {path} ]; then echo device; elif [ -e {path} ]; then echo other; else echo missing; fi"""
    kind = (await end.remote.errand(script, become=end.become)).stdout.decode().strip()
    if kind in _NOTHING_TO_MOVE:
        raise Refused(f"{end.server}:{end.path} {_NOTHING_TO_MOVE[kind]}")
    return kind  # type: ignore[return-value]


async def look_at_source(end: End, kind: Kind, exclude: Sequence[str]) -> Source:
    """What is to be moved, counted on its server by one command. Refused where it can't be read."""
    done = await end.remote.run(count_command(end.path, exclude), become=end.become, limit=LIMIT)
    seen = parse(done.stdout.decode(errors="replace"))
    if seen is None:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Refused(f"{end.server}:{end.path} can't be read: {said[-1] if said else f'exit {done.exit}'}")
    return Source(kind, seen.counted, seen)


async def device_size(end: End) -> int | None:
    """Bytes of a block device; None where the path is none. Refused: one that nobody can measure."""
    if not _normal(end.path).startswith("/dev/") or end.remote.target.sftp_only:
        return None
    path = quote(end.path)
    script = f"[ -b {path} ] || exit 0\nblockdev --getsize64 {path} || wc -c < {path}"
    done = await end.remote.errand(script, become=end.become)
    text = done.stdout.decode(errors="replace").strip()
    if done.exit or (text and not text.isdecimal()):
        raise Refused(f"{end.server}:{end.path} can't be measured: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return int(text) if text else None


def as_file(size: int) -> Source:
    """A block device of so many bytes, as the image that it becomes. How much of it is zeros nobody knows beforehand."""
    seen = Surveyed(way=DEVICE, files=1, size=size, apparent=size, largest=size)
    return Source("file", seen.counted, seen)


async def recount(end: End, path: str, exclude: Sequence[str], without: frozenset[str] = frozenset()) -> Survey | None:
    """The same count of another path of the same server, or again. without: what a copy from there leaves behind."""
    try:
        return (await survey(end.remote, path, become=end.become, exclude=exclude)).less(without)
    except Lost:
        raise
    except FleetError:
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """landing: where the root of what is copied comes to lie, with the source's trailing slash kept, so that exclude patterns
    mean the same there. empty: nothing lies there but a new file system's lost+found. bare: not even that. linked: files there
    have several names. device: it is a block device."""

    landing: str
    empty: bool
    bare: bool
    linked: bool
    device: bool = False


async def look_at_target(end: End, source: str, kind: Kind, *, image: bool = False) -> Target:
    """Makes the directory that the copy goes into, and says what is there. image: a file may go onto a block device. Refused: a
    device otherwise, or no such place can be made."""
    base = posixpath.basename(source.rstrip("/"))
    whole = end.path.rstrip("/")
    inner = posixpath.join(whole, base)
    if kind in ("contents", "dir"):
        landing, parent = (whole if kind == "contents" else inner), whole
        script = f"l={quote(landing)}\n"
    else:
        parent = whole if end.path.endswith("/") else posixpath.dirname(whole)
        landing = inner if end.path.endswith("/") else whole
        script = f"l={quote(landing)}\n[ -d {quote(whole)} ] && l={quote(inner)} && echo into\n"
    nowhere = 'echo "$l is no block device" >&2; exit 1\n' if among_devices(end.path) else ""
    script += f"""if [ -b "$l" ]; then echo block; exit 0; fi
if [ -c "$l" ]; then echo device; exit 0; fi
{nowhere}mkdir -p -- {quote(parent or "/")} || exit 1
[ -d "$l" ] && [ -n "$(ls -A "$l" | head -n 1)" ] && echo some
[ -d "$l" ] && [ -n "$(ls -A "$l" | grep -v -x -F lost+found | head -n 1)" ] && echo full
[ -f "$l" ] && [ -s "$l" ] && echo some full
[ -e "$l" ] && [ -n "$(find -H "$l" -type f -links +1 2>/dev/null | head -n 1)" ] && echo linked
exit 0"""
    done = await end.remote.errand(script, become=end.become)
    seen = done.stdout.decode(errors="replace").split()
    if done.exit:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Refused(f"{end.server}: {parent} can't be made: {said[-1] if said else f'exit {done.exit}'}")
    if "block" in seen and image and kind == "file" and "into" not in seen and not end.path.endswith("/"):
        return Target(landing, empty=False, bare=False, linked=False, device=True)
    if "block" in seen or "device" in seen:
        instead = "; a file or a device goes onto a disk by method = \"image\"" if "block" in seen else ""
        raise Refused(f"{end.server}:{end.path} is a device: a copy writes into directories and files only{instead}")
    landing = inner if "into" in seen else landing
    return Target(landing + "/" * (kind == "contents"), "full" not in seen, "some" not in seen, "linked" in seen)
