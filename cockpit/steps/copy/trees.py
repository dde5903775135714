"""Of which parts a copy by rsync is made: its files cut into shards or not, the options for these two rsyncs, the lines that the
other side may run."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from posixpath import dirname
from shlex import quote

from cockpit.fleet.image import bundle
from cockpit.fleet.image.receipts import name_of
from cockpit.fleet.jobs_words import file_name
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.routes import Route
from cockpit.fleet.rsync import Options, choose, paced_half, server_line, show_command
from cockpit.fleet.shards import (
    LARGE,
    NO_GZIP,
    Cut,
    cost,
    cut,
    folders,
    keep_command,
    kept_command,
    packed_listing,
    unpacked,
)
from cockpit.fleet.sides import Side
from cockpit.fleet.survey.able import Able
from cockpit.fleet.survey.command import HAS_PYTHON, listing_command
from cockpit.fleet.survey.model import Surveyed
from cockpit.plan.model import Copy
from cockpit.steps.api import StepContext
from cockpit.steps.copy import doubt
from cockpit.steps.copy.begun import Begun, again
from cockpit.steps.copy.files import Files
from cockpit.steps.copy.images import Images, Large
from cockpit.steps.copy.parts import Part
from cockpit.steps.copy.places import DEVICE, End, Refused, Source, Target
from cockpit.steps.copy.settle import Settle
from cockpit.units import plural

SMALL = 64 << 20  # of `shards.cost`: below it one rsync is through before several would have begun; for each transfer that runs,
# since several share the processors, and a login takes a fifth of a second of one
STREAMS = 2
LONG = 1 << 16  # bytes of stdin; what an errand is given, its shell reads one by one
LISTING = 256 << 20  # bytes of a compressed listing that are read: some ten million files


@dataclass(frozen=True, slots=True)
class Ground:
    """What was found out before a direct copy: its way, its sides, what is to be moved and what lies at the target."""

    route: Route
    opened: OpenRoute | None
    source: Side
    target: Side
    counted: Source
    place: Target
    without: frozenset[str]  # what stays behind, as a person agreed: words of `fits.Problem`
    able: Able  # what can be kept there


async def parts_of(ctx: StepContext, source: End, target: End, ground: Ground) -> list[Part]:
    """Refused: one of the two rsyncs words its half in a way that no key may be given."""
    action = ctx.step.action
    assert isinstance(action, Copy)
    options, survey, way = _options(ctx, action, ground), ground.counted.survey, ground.route.way
    if why := await doubt.why(ctx, target):
        ctx.say(f"{why}: everything is read on both sides and compared")
        options = replace(options, checksum=True)
    parts: list[Part] = []
    if ground.counted.kind == "file" and (action.method == "image" or (survey.size > LARGE and action.method == "auto")):
        one = await images(ctx, source, target, ground, [Large(source.path, ground.place.landing, survey.size)])
        if one.live or (one.times and _plain(ground.counted.seen) and action.pass_ != "final"):
            return [one]
        parts = [one]
    elif ground.counted.kind in ("contents", "dir"):
        parts = await _tree(ctx, source, target, ground, options)
    options = replace(options, exact=options.exact and all(part.times for part in parts if isinstance(part, Images)))
    half = await _half(options, source, target, ground)
    if parts:
        options = replace(options, changes=True, sparse=options.sparse and not options.inplace)
    if isinstance(last := parts[-1] if parts else None, Images) and last.live:
        options = replace(options, exclude=options.exclude + settled_later(last.large, source.path))
    size, files = survey.size - sum(part.size for part in parts), survey.files - sum(part.files for part in parts)
    biggest = 0 if parts else ground.counted.seen.largest
    settle = Settle(
        size=max(0, size), files=max(0, files), options=options, source=source.path, target=target.path, way=way, half=half,
        pass_=action.pass_, biggest=biggest,
    )  # fmt: skip
    return [*parts, settle]


def _small(ctx: StepContext, action: Copy) -> int:
    """What is not worth a stream more: of `shards.cost`. Where the plan says how many, that many are used."""
    return SMALL * (1 if action.streams else ctx.transfers())


def settled_later(large: Sequence[Large], source: str) -> tuple[str, ...]:
    """rsync's patterns for just these files: images in use had an image's time from before they were read, and a delta would
    move them a second time. The final pass compares them."""
    above = source.rstrip("/").rpartition("/")[0] + "/" if not source.endswith("/") else source.rstrip("/") + "/"
    return tuple("/" + _literal(one.source.removeprefix(above)) for one in large)


def _literal(path: str) -> str:
    """A backslash is one only where there is a wildcard (rsync(1), PATTERN MATCHING RULES)."""
    return re.sub(r"([\\*?\[])", r"\\\1", path) if re.search(r"[*?\[]", path) else path


async def _tree(ctx: StepContext, source: End, target: End, ground: Ground, options: Options) -> list[Part]:
    """None of them where one rsync does it as well: a small tree, or a source that can't be listed. A later pass carries only a
    difference: one rsync for the small files, chunks for the large ones."""
    action, survey, run_at = ctx.step.action, ground.counted.survey, source if ground.route.way == "push" else target
    assert isinstance(action, Copy)
    small = _small(ctx, action)
    chunks = action.method == "image" or (action.method == "auto" and ground.counted.seen.largest > LARGE)
    was_cut = not ground.place.empty and await _was_cut(ctx, run_at)
    if cost(survey.size, survey.files) < small and not chunks and not was_cut:
        return []
    later = not ground.place.empty and not was_cut
    if later and (action.method == "rsync" or survey.size <= LARGE):
        return []
    streams, above, landing = action.streams or STREAMS, _contents(source.path), _contents(ground.place.landing)
    shards = await _listed(ctx, source, action, streams)
    if shards is None:
        return []
    parts: list[Part] = []
    if shards.files and (was_cut or (not later and cost(shards.size, shards.files) >= small)):
        await _make(target, [landing])  # of several rsyncs that begin at once, all but one would fail to
        directory = await _keep(ctx, run_at, shards, fresh=ground.place.empty)
        part = _needed(replace(options, part=True, delete=False, exclude=(), itemize=False, checksum=False), ground.counted.seen)
        half = await _half(part, replace(source, path=above), replace(target, path=landing), ground)
        ctx.say(f"{plural(len(shards.shards), 'shard')} over {plural(streams, 'stream')}, then one pass over all")
        most = max(shards.shards, key=lambda shard: shard.largest)
        parts.append(Files(
            size=shards.size, files=shards.files, options=part, source=above, target=landing, way=ground.route.way, half=half,
            streams=streams, directory=directory, biggest=(most.id, most.largest, most.size),
        ))  # fmt: skip
    if shards.large:
        large = [Large(above + name, landing + name, size) for name, size in
                 ((os.fsdecode(path), size) for path, size in shards.large)]  # fmt: skip
        parts.append(await images(ctx, source, target, ground, large))
    return parts


def _plain(seen: Surveyed) -> bool:
    """Whether a single file is known to have neither ACL nor attributes: then what moves it by chunks leaves nothing behind."""
    return not (seen.attributes_sampled or seen.acls or seen.xattrs or {"acls", "xattrs"} & {*seen.unknown})


def _needed(options: Options, seen: Surveyed) -> Options:
    """Without what no file here has, which takes a fifth of the time. Attributes that the survey's samples overlooked come with
    the pass over all; ACLs must not come later than the modes, which until then let a group do what its ACL forbids."""
    def some(what: str) -> bool:
        return what in seen.unknown or bool(getattr(seen, what))

    return replace(
        options, sparse=options.sparse and some("sparse"), acls=options.acls and (seen.attributes_sampled or some("acls")),
        xattrs=options.xattrs and some("xattrs"),
    )  # fmt: skip


async def _listed(ctx: StepContext, source: End, action: Copy, streams: int) -> Cut | None:
    """The source's files cut into shards; None, and said, where it can't be listed."""
    listing = await source.remote.run(
        packed_listing(listing_command(source.path, action.exclude)), become=source.become, limit=LISTING,
    )  # fmt: skip
    code = listing.stderr.decode(errors="replace").rstrip().rpartition("listed ")[2]
    if code not in ("0", "1") or listing.truncated:
        ctx.say(f"one rsync for all: {source.server} can't list its files (exit {code or listing.exit})")
        return None
    rate = min((rate for rate in (action.limit, ctx.pace().rate) if rate), default=None)
    large = {"image": 0, "rsync": None}.get(action.method, LARGE)

    def made() -> Cut:
        found = folders(unpacked(listing.stdout), large)
        total, whole = sum(folder.cost for folder in found.values()), {} if action.exclude else found
        return cut(unpacked(listing.stdout), total=total, streams=streams, rate=rate, large=large, whole=whole)

    return await asyncio.to_thread(made)


async def images(ctx: StepContext, source: End, target: End, ground: Ground, large: list[Large]) -> Images:
    """The part that moves these by chunks. The directories that they come to lie in are made."""
    action, way = ctx.step.action, ground.route.way
    assert isinstance(action, Copy) and way != "relay"
    names = "".join(f"{name_of(os.fsencode(one.target))}\n" for one in large)
    ours, theirs, _ = await asyncio.gather(
        _has_python(source, ground.counted.seen.way), _has_python(target, ground.able.way),
        _make(target, [dirname(one.target) for one in large], bundle.kept_command(_place(ctx, "images")), names.encode(),
              within=ground.place.landing),
    )  # fmt: skip
    ctx.say(f"{plural(len(large), 'large file')} {'goes' if len(large) == 1 else 'go'} by chunks")
    streams = STREAMS if sum(one.size for one in large) >= _small(ctx, action) else 1
    other = target if way == "push" else source
    return Images(
        large, way, become=other.become, streams=action.streams or streams, live=action.pass_ == "initial",
        python=ours and theirs,
    )  # fmt: skip


async def _has_python(end: End, way: str) -> bool:
    """way: how it was surveyed or tried, which is by Python wherever there is one; a device is neither."""
    return way == "python3" if way not in ("", DEVICE) else not (await end.remote.errand(HAS_PYTHON, become=end.become)).exit


async def _make(target: End, places: Sequence[str], then: str = ":", stdin: bytes = b"", within: str = "/") -> None:
    """Directories of the tree, for nobody else to read until the pass over all gives them their modes. then: a command that
    may fail. within: the tree; a link in it to a directory elsewhere, whose files would be written into, gives way to a directory
    of its own, as it does to rsync. Refused."""
    links = dict.fromkeys(path for place in places for path in _under(within.rstrip("/"), place))
    lines = "\n".join(
        [f"[ ! -L {quote(path)} ] || rm -f -- {quote(path)} || exit" for path in links]
        + [f"mkdir -p -- {quote(place)} || exit" for place in dict.fromkeys(places)]
    )
    ask = target.remote.errand if len(stdin) < LONG else target.remote.run  # whose stdin takes no turn for each byte
    made = await ask(f"umask 077\n{lines}\n({then})\n:", become=target.become, stdin=stdin)
    if made.exit:
        raise Refused(f"{target.server}: {made.stderr.decode(errors='replace').strip()[-200:]}")


def _under(tree: str, place: str) -> list[str]:
    """The directories below the tree down to this place, the upper ones first; none for a place that is not in it."""
    names = place.removeprefix(tree + "/").rstrip("/").split("/") if tree and place.startswith(tree + "/") else []
    return [f"{tree}/{'/'.join(names[: n + 1])}" for n in range(len(names)) if names[0]]


def _contents(path: str) -> str:
    return path.rstrip("/") + "/"


def _place(ctx: StepContext, what: str = "shards") -> str:
    """Among the session's jobs, with which it is forgotten."""
    return f"{file_name(ctx.session)}/{what}-{hashlib.sha256(ctx.task.encode()).hexdigest()[:16]}"


async def _was_cut(ctx: StepContext, run_at: End) -> bool:
    """Whether an unfinished try of this copy has left shards: what lies at the target is its own."""
    done = await run_at.remote.errand(kept_command(_place(ctx), "echo kept"), become=run_at.become)
    return bool(done.stdout)


async def _keep(ctx: StepContext, run_at: End, shards: Cut, *, fresh: bool) -> str:
    """fresh: nothing lies at the target, whatever an earlier try had copied. Refused: nowhere to write it."""
    place, index = _place(ctx), shards.index
    script = keep_command(place, len(index), fresh=fresh)
    done = await run_at.remote.run(script, become=run_at.become, stdin=index + shards.names)
    if done.exit == NO_GZIP:
        names = await asyncio.to_thread(gzip.decompress, shards.names)
        script = keep_command(place, len(index), fresh=fresh, packed=False)
        done = await run_at.remote.run(script, become=run_at.become, stdin=index + names)
    directory = done.stdout.decode(errors="surrogateescape")
    if done.exit or not directory:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Refused(f"{run_at.server} can't keep the list of files: {said[-1] if said else f'exit {done.exit}'}")
    return directory


async def forget(ctx: StepContext, begun: Begun) -> None:
    """The shards of a copy that is whole."""
    if "files" in begun.done:
        await ctx.remote(begun.on).errand(kept_command(_place(ctx), 'rm -rf "$dir"'), become=begun.become)


def _options(ctx: StepContext, action: Copy, ground: Ground) -> Options:
    assert ground.source.rsync and ground.target.rsync
    options = choose(
        ground.source.rsync, ground.target.rsync, empty=ground.place.empty, retry=ctx.n > 1 or again(ctx),
        linked=ground.place.linked or _links(ground), final=action.pass_ == "final", delete=action.delete, exclude=action.exclude,
        without=ground.without,
    )  # fmt: skip
    lacking = [words for has, words in ((options.acls, "ACLs"), (options.xattrs, "extended attributes")) if not has]
    if lacking:
        ctx.say(f"{' and '.join(lacking)} stay behind: one of the two rsyncs, or the target, can't carry them")
    if not options.inplace:
        ctx.say("there are files with several names: files are written beside their places, those of a killed rsync start again")
    return options


def _links(ground: Ground) -> bool:
    """Whether the copy makes files of several names, so that a later run of it finds them."""
    seen = ground.counted.seen
    return "hard links" not in ground.without and (seen.link_groups > 0 or "link_groups" in seen.unknown)


async def _half(options: Options, source: End, target: End, ground: Ground) -> str | None:
    """The exact line that the other side runs, as its own rsync's partner asks for it."""
    if ground.opened is None:
        return None
    pull = ground.route.way == "pull"
    theirs = source if pull else target
    shown = await ground.opened.asked_by(show_command(options, f"{ground.opened.directory}/show", pull=pull))
    try:
        half = server_line(shown, theirs.path)
    except ValueError as odd:
        raise Refused(f"{ground.opened.job.name}: {odd}; method = \"sftp\" goes without rsync") from odd
    if pull:
        half = paced_half(half, become=theirs.become)
    return half if pull or not theirs.become else f"sudo -n {half}"
