"""How far a copy is, as its samples tell it: percent never falls, a proof counts for itself, and what forecasts need is there."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet import shards
from cockpit.steps import copy
from cockpit.steps.api import Reached
from cockpit.steps.copy import direct, told, trees
from cockpit.steps.copy.begun import Begun
from cockpit.steps.copy.files import Files
from cockpit.steps.copy.images import Images, Large
from cockpit.steps.copy.settle import Settle
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts

MIB = 1 << 20


def shares(ctx: Context) -> list[float]:
    return [done / total for _, done, total, _, _ in ctx.samples if total]


async def test_an_images_proof_counts_for_itself(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/d").mkdir()
    for name, size in (("one", 60), ("other", 90)):
        (src.path("/srv/d") / name).write_bytes(os.urandom(size * MIB))
    step = copying("/srv/d/", "dst:/srv/d/", method="image", limit=100 * MIB)  # else it is over before it says anything
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.errors)
    heard = list(zip(ctx.samples, ctx.more, strict=True))
    proofs = [more for (phase, *_), more in heard if phase == "verify" and more.get("phase_total")]
    assert proofs and proofs[-1]["phase_total"] == 150 * MIB
    assert all(done == total for (phase, done, total, *_), _ in heard if phase == "verify")
    assert shares(ctx) == sorted(shares(ctx))
    copied = [more for (phase, *_), more in heard if phase == "copy"]
    assert copied[0]["largest"] == 90 * MIB
    assert max(more["moved"] or 0 for more in copied) >= 150 * MIB * 0.9


def test_what_an_images_job_says_of_itself() -> None:
    part = Images([Large("/a", "/b", 60), Large("/c", "/d", 90)], "pull")
    assert (part.largest, part.moved, part.proof) == (90, 0, None)
    part.feed(b"at copy 100 80 0 0 50\n")
    assert (part.bytes_done, part.largest, part.moved, part.proof) == (100, 50, 80, None)
    part.feed(b"at sync 150 0 0 0 0\n")
    assert part.moved == 80, "what was sent stays sent"
    part.feed(b"at verify 150 130 37 0 0\n")
    assert (part.bytes_done, part.moved, part.proof) == (150, 130, (37, 150))


async def test_a_source_that_shrank_never_passes_its_total() -> None:
    ctx: Any = Context(None, None, None, "src")  # type: ignore[arg-type]
    ctx.last = Reached(900, 1000, 9, 10)
    done = {"files": {"size": 700, "files": 7, "detail": {"moved": 500}}}
    part = Settle(size=300, files=3)
    begun = Begun(
        "j", "dst", False, "pull", 2, "/srv/d", False, 10, 1000, 1000, {}, "settle", {}, done, total=(800, 8), largest=70
    )
    part.feed(b"            200  20%    1.00MB/s    0:00:00 (xfr#2, to-chk=1/3)\n")
    direct._told(ctx, begun, part)
    assert ctx.samples == [("copy", 800, 800, 8, 8)]
    assert ctx.more[0] == {**ctx.more[0], "largest": 70, "moved": 700}


@pytest.mark.parametrize(("done", "said"), [(100, ("scan", 900)), (900, ("copy", 900)), (950, ("copy", 950))])
async def test_what_lay_there_is_looked_through_as_a_scan(done: int, said: tuple[str, int]) -> None:
    ctx: Any = Context(None, None, None, "src")  # type: ignore[arg-type]
    ctx.last = Reached(900, 1000, 9, 10)
    told.tell(ctx, "copy", done, 1000, 1, 10)
    assert ctx.samples == [(*said, 1000, 9, 10)]


@pytest.mark.parametrize(("method", "small"), [("rsync", 0)])
async def test_the_largest_file_is_told_until_it_is_there(method: str, small: int, hosts: Hosts, tmp_path: Path) -> None:
    """It shrinks while it moves and not before. By shards; tests/long/test_copy_told.py: by one rsync, through this machine."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    root = src.path("/srv/d")
    for n in range(4):
        (root / f"d{n}").mkdir(parents=True)
        (root / f"d{n}/f").write_bytes(os.urandom(MIB))
    (root / "d2/most").write_bytes(os.urandom(9 * MIB))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "SMALL", small)
        patch.setattr(shards, "SMALLEST", 4 * MIB)
        patch.setattr(shards, "BIGGEST", 4 * MIB)
        async with fleet_of([src, dst], tmp_path) as fleet:
            step = copying("/srv/d/", f"dst:/srv/{method}/", method=method, limit=3_000_000)
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night=method)
            outcome = await asyncio.wait_for(copy.run(ctx), 60)
            assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    left = [more["largest"] or 0 for (phase, *_), more in zip(ctx.samples, ctx.more, strict=True) if phase == "copy"]
    assert (left[0], left[-1]) == (9 * MIB, 0) or method == "sftp", (method, left)
    assert left == sorted(left, reverse=True) and any(0 < one < 9 * MIB for one in left), (method, left)


def test_a_job_that_is_found_again_knows_its_largest_file() -> None:
    for part in (Settle(size=300, files=3, biggest=200), Files(size=300, files=3, biggest=("a", 200, 250))):
        again = direct.REVIVED[part.name](json.loads(json.dumps(part.memory())))
        assert again.largest == part.largest == 200
    again.feed(b"at a  90  30%  1.00MB/s  0:00:09\n")
    assert again.largest == 160
    again.feed(b"done a 250 2 0  250 100%  1.00MB/s  0:00:09\n")
    assert again.largest is None
