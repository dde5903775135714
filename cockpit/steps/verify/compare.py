"""`compare`: do these places hold the same? Every place is read whole and held against the first, which is the source.

A comparison says what it compared: without a common hash it would be by size, and it says so or does not pass.
"""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
from collections.abc import Iterator

from cockpit.plan.model import Check, Place
from cockpit.steps.api import StepContext
from cockpit.steps.verify.manifest import Entry, Manifest, Missing, manifest
from cockpit.steps.verify.verdict import Finding, judged
from cockpit.units import format_size

SHOWN = 5  # differences that are named


async def compare(ctx: StepContext, check: Check) -> Finding:
    """Raises FleetError, Lost, ValueError where a place cannot be read: then it was not tested."""
    places = [(place.server or ctx.server or "local", _path(ctx, place)) for place in check.places]
    hashed = check.by == "content"
    read = [_read(ctx, server, path, hashed, check.meta) for server, path in places]
    manifests = await asyncio.gather(*read)
    finding = _judge(check, [f"{s}:{p}" for s, p in places], list(manifests))
    return Finding(finding.result, finding.evidence, tuple(places))


def _path(ctx: StepContext, place: Place) -> str:
    return posixpath.normpath(ctx.render(place.path, path=True))


async def _read(ctx: StepContext, server: str, path: str, hashed: bool, meta: bool) -> Manifest | None:
    remote = ctx.remote(server)
    become = ctx.become() if server == ctx.server else None
    try:
        return await manifest(remote, path, hashed=hashed, meta=meta, become=become)
    except Missing:
        return None


def _judge(check: Check, names: list[str], manifests: list[Manifest | None]) -> Finding:
    for name, found in zip(names, manifests, strict=True):
        if found is None:
            return judged(False, f"MISSING: {name} is not there")
        unread = [f"{_name(n)} ({e.digest})" for n, e in found.items() if e.kind == "!"]
        if unread:
            return Finding("not-tested", f"UNREADABLE at {name}: {_some(unread)}")
        moving = [_name(n) for n, e in found.items() if e.digest == "~"]
        if moving:
            return Finding("not-tested", f"CHANGED-DURING the check at {name}: {_some(moving)}")
    whole = [m for m in manifests if m is not None]
    differing = [d for name, other in zip(names[1:], whole[1:], strict=True) for d in _differences(check, whole[0], name, other)]
    if differing:
        return judged(False, f"{len(differing)} differ: {_some(differing)}")
    return judged(True, _agreement(check, whole))


def _agreement(check: Check, manifests: list[Manifest]) -> str:
    files = [e for e in manifests[0].values() if e.kind == "f"]
    size = sum(e.size for e in files)
    text = f"{len(manifests)} places agree: {len(files):,} files, {format_size(size)}, by "
    if check.by != "content":
        return text + check.by
    if check.sample is None:
        return text + "sha256 of every byte" + (", and metadata" if check.meta else "")
    looked = sum(1 for n, e in manifests[0].items() if e.kind == "f" and _sampled(n, check.sample))
    bound = f"at most {min(1.0, 3 / looked):.1%} differ with 95 % confidence" if looked else "no content was looked at"
    return text + f"size of all and sha256 of {looked:,} ({bound})"  # the rule of three: 3/n


def _differences(check: Check, source: Manifest, name: str, other: Manifest) -> Iterator[str]:
    if check.by == "count":
        for kind, word in (("f", "files"), ("d", "directories"), ("l", "links")):
            mine, theirs = (sum(e.kind == kind for e in m.values()) for m in (source, other))
            if mine != theirs:
                yield f"{word}: {mine} at the source, {theirs} at {name}"
        return
    for path, entry in source.items():
        seen = other.get(path)
        if seen is None:
            yield f"- {_name(path)} is missing at {name}"
        elif not _same(check, path, entry, seen):
            yield f"* {_name(path)} differs at {name} ({_how(entry, seen)})"
    for path in other.keys() - source.keys():
        yield f"+ {_name(path)} is extra at {name}"


def _same(check: Check, path: bytes, one: Entry, other: Entry) -> bool:
    if (one.kind, one.size) != (other.kind, other.size):
        return False
    if check.meta and one.meta and other.meta and one.meta != other.meta:
        return False
    if one.kind == "f" and check.sample is not None and not _sampled(path, check.sample):
        return True
    return one.digest == other.digest


def _sampled(path: bytes, share: float) -> bool:
    """The same files at every place: chosen by a hash of their name."""
    return int.from_bytes(hashlib.sha256(path).digest()[:8]) < share * 2**64


def _how(one: Entry, other: Entry) -> str:
    if one.kind != other.kind:
        return f"{one.kind} is now {other.kind}"
    if one.size != other.size:
        return f"{one.size:,} bytes, there {other.size:,}"
    if one.digest != other.digest:
        return f"sha256 {one.digest[:12]}…, there {other.digest[:12]}…"
    return f"{one.meta}, there {other.meta}"


def _name(path: bytes) -> str:
    """A name as a person can read it in one line of evidence."""
    return path.decode(errors="backslashreplace").replace("\n", "\\n") or "."


def _some(words: list[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return "; ".join(words[:SHOWN]) + more
