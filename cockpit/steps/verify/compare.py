"""`compare`: do these places hold the same? All are listed, then the content of the same files is read at all of them.

The first place is the source. How a place is read is `readers`', what follows from it `judge`'s; here is only the order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from cockpit.plan.model import Check
from cockpit.steps.api import StepContext
from cockpit.steps.verify.judge import Seen, finding_of, to_hash
from cockpit.steps.verify.manifest import Entry, Listing, Missing, Reader, Unread
from cockpit.steps.verify.places import Spot, spots
from cockpit.steps.verify.readers import reader_of
from cockpit.steps.verify.tally import Share, Tally
from cockpit.steps.verify.together import together
from cockpit.steps.verify.verdict import Finding, judged

FILES = 4000  # asked for at once, whatever their size


async def compare(ctx: StepContext, check: Check, tally: Tally) -> Finding:
    """Raises FleetError, Lost, TemplateProblem, ValueError (also Unread): then it was not tested."""
    where = spots(ctx, check)
    shares = tally.shares(check.name, len(where))
    readers = await together(*(
        reader_of(ctx.remote(spot.server), spot.path, spot.become, share.hear)
        for spot, share in zip(where, shares, strict=True)
    ))
    listings = await together(*(_listing(spot, reader) for spot, reader in zip(where, readers, strict=True)))
    missing = [str(spot) for spot, listing in zip(where, listings, strict=True) if listing is None]
    if missing:
        return judged(False, f"MISSING: {', '.join(missing)} is not there")
    seen = [Seen.of(str(spot), listing) for spot, listing in zip(where, listings, strict=True) if listing]
    _apart(where, seen)
    names = await asyncio.to_thread(to_hash, check, seen, ctx.attempt)
    tally.expect(check.name, len(seen) * sum(seen[0].listing.entries[name].size for name in names))
    await together(*(_hash(*each, names) for each in zip(seen, readers, shares, strict=True)))
    return await asyncio.to_thread(finding_of, check, seen, frozenset(names))


async def _listing(spot: Spot, reader: Reader) -> Listing | None:
    try:
        found = await reader.listing()
    except Missing:
        return None
    except Unread as problem:
        raise Unread(f"UNREADABLE at {spot.server}: {problem}") from problem
    top = found.entries.get(b"")
    if top is not None and top.kind == "special file":
        raise Unread(f"{spot} is no file or directory: compare reads nothing else")
    return found


def _apart(where: Sequence[Spot], seen: Sequence[Seen]) -> None:
    """A link that leads from one place to another would prove the other to be itself."""
    real = [(spot.server, each.listing.real) for spot, each in zip(where, seen, strict=True)]
    for i, place in enumerate(real):
        if place in real[:i]:
            raise ValueError(f"{where[i]} and {where[real.index(place)]} are one place, {place[1]}: that proves nothing")


async def _hash(seen: Seen, reader: Reader, share: Share, names: Sequence[bytes]) -> None:
    entries = seen.listing.entries
    for batch in _batches(entries, names, reader.batch):
        try:
            read = await reader.digests(batch)
        except Unread as problem:
            raise Unread(f"UNREADABLE at {seen.name}: {problem}") from problem
        for name, each in zip(batch, read, strict=True):
            seen.add(name, each)
        share.settle(sum(entries[name].size for name in batch))


def _batches(entries: dict[bytes, Entry], names: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    """Names in order, each batch of about `size` bytes: between two of them a check that is no longer wanted ends."""
    batch: list[bytes] = []
    total = 0
    for name in names:
        batch.append(name)
        total += entries[name].size
        if total >= size or len(batch) >= FILES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
