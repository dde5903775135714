"""What a destination can keep, tried on real file systems; and a copy that would lose something asks before it moves anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.survey.able import Able, able
from cockpit.fleet.survey.fits import fits, fits_beside
from cockpit.fleet.survey.model import Surveyed
from cockpit.steps import copy
from tests.copy import disks, trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts import Hosts

FAT = {"chown", "modes", "acl", "xattr", "hard_links", "symlinks", "special", "devices", "holes", "case", "any_marks"}
TOOLS: dict[str, dict[str, Any]] = {"python3": {}, "sh": {"without": ("python3",)}}


def lacking(found: Able) -> set[str]:
    return {name for name in FAT | {"nanoseconds", "unicode", "any_bytes"} if getattr(found, name) is False}


@pytest.mark.parametrize("way", TOOLS)
async def test_each_file_system_is_told_by_trying(way: str, hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("dst", user="root", **TOOLS[way])
    for place, kind in (("/srv/good", "ext4"), ("/srv/old", "old"), ("/srv/stick", "exfat")):
        disks.mount(host, place, kind)
    host.run("mkdir -p /srv/fixed; mount -t tmpfs none /srv/fixed; mount -o remount,ro /srv/fixed")
    async with fleet_of([host], tmp_path) as fleet:
        remote = fleet.remote("dst")
        good, old, stick, fixed = [
            await able(remote, path, False) for path in ("/srv/good/to/be/made", "/srv/old", "/srv/stick/x", "/srv/fixed")
        ]
    assert (good.way, good.place, good.writable, lacking(good)) == (way, "/srv/good", True, set())
    assert good.free and good.free < 48 << 20 and good.inodes
    assert lacking(old) == {"nanoseconds"}
    assert lacking(stick) >= {"chown", "hard_links", "symlinks", "special", "devices", "case"}, stick
    assert {"no hard links", "no symbolic links"} <= set(stick.lacks())
    assert fixed.writable is False and "ead-only" in fixed.why
    for place in ("/srv/good", "/srv/old", "/srv/stick"):
        assert not list(disks.seen(host, place).glob(".cockpit*")), "removed again"


async def test_a_person_who_is_not_root_and_a_server_with_only_sftp(hosts: Hosts, tmp_path: Path) -> None:
    host, box = hosts("dst"), hosts("box", sftp_only=True)
    async with fleet_of([host, box], tmp_path) as fleet:
        mine = await able(fleet.remote("dst"), "/home/ops/new", False)
        theirs = await able(fleet.remote("dst"), "/srv/new", False)
        far = await able(fleet.remote("box"), "/srv/new", False)
    assert mine.writable and mine.chown is False and mine.uid == 1000 and 1000 in mine.groups
    assert theirs.writable is False and "denied" in theirs.why
    assert (far.way, far.place, far.writable, far.symlinks, far.name_bytes) == ("sftp", "/srv", True, True, 255)
    assert far.free and far.hard_links is False
    assert not list(box.seen("/srv").glob(".cockpit*"))


async def test_too_little_room_and_too_few_inodes_before_anything_moves(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    few, tight = disks.mount(dst, "/srv/few", "few"), disks.mount(dst, "/srv/tight", "ext4", "16M")
    many, big = src.path("/srv/many"), src.path("/srv/big")
    many.mkdir()
    big.mkdir()
    for n in range(200):
        (many / f"f{n}").write_text("x")
    (big / "one").write_bytes(os.urandom(20 << 20))
    trees.sparse(big / "hole", 40 << 20, data=4096)
    async with fleet_of([src, dst], tmp_path) as fleet:
        for source, there, words in (("many", few, "inodes free"), ("big", tight, "free at /srv/tight")):
            step = copying(f"/srv/{source}/", f"dst:/srv/{there.name}/")
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
            outcome = await copy.run(ctx)
            assert outcome.result == "failed" and words in (outcome.error or ""), outcome
            assert {path.name for path in there.iterdir()} <= {"lost+found"} and not ctx.asked
        dst.run("mkdir /srv/fixed; mount -t tmpfs none /srv/fixed; mount -o remount,ro /srv/fixed")
        step = copying("/srv/many/", "dst:/srv/fixed/")
        outcome = await copy.run(Context(fleet, plan_of(fleet, [src, dst], step), step, "src"))
        assert outcome.result == "failed" and "ead-only" in (outcome.error or ""), outcome


async def test_what_would_be_lost_is_asked_about_and_then_left_behind(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    stick = disks.mount(dst, "/srv/stick", "exfat")
    source = src.path("/srv/d")
    source.mkdir()
    (source / "f").write_text("words")
    (source / "twin").hardlink_to(source / "f")
    (source / "link").symlink_to("f")
    os.mkfifo(source / "fifo")
    os.chown(source / "f", 1000, 1000)
    os.setxattr(source / "f", "user.note", b"x")
    step = copying("/srv/d/", "dst:/srv/stick/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        refused = Context(fleet, plan, step, "src", answer="cancel")
        outcome = await copy.run(refused)
        assert outcome.result == "failed" and "nothing has moved" in (outcome.error or ""), outcome
        assert refused.asked[0][0] == "loss" and "2 names share 1 file " in refused.asked[0][1]
        assert not any(path.is_file() for path in stick.rglob("*"))
        ctx = Context(fleet, plan, step, "src", n=2)
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.errors, ctx.said)
        assert {"hard links", "symlinks", "special", "owners"} <= set(ctx.detail["without"])
        assert (stick / "d/f").read_text() == (stick / "d/twin").read_text() == "words"
        assert sorted(path.name for path in (stick / "d").iterdir()) == ["f", "twin"]
        again = Context(fleet, plan, step, "src", n=3, before=[ctx.detail], answer="cancel")
        assert (await copy.run(again)).result == "done" and not again.asked, "nobody is asked twice for the same"
        for place in (source, stick / "d"):
            (place / "twin").unlink()
        counted = Context(fleet, plan, step, "src", n=3, detail=again.detail, resumed=True, errors=again.errors)
        outcome = await copy.run(counted)
        assert outcome.result == "done", (outcome, "the source is counted again, less what was to stay behind")
        relayed = copying("/srv/d/", "dst:/srv/stick/sftp/", method="sftp")
        outcome = await copy.run(Context(fleet, plan_of(fleet, [src, dst], relayed), relayed, "src", night="s2"))
        assert outcome.result == "done", outcome
    assert (stick / "d/f").read_text() == (stick / "sftp/f").read_text() == "words"
    assert [path.name for place in ("d", "sftp") for path in (stick / place).iterdir()] == ["f", "f"]


def test_what_could_never_be_done_is_refused() -> None:
    source = Surveyed(
        "python3", files=3, size=6 << 30, kinds={"reg": 3}, largest=5 << 30, longest_name=200,
        odd={"case_twins": 1, "non_utf8": 1, "newlines": 1}, sparse=1, sparse_gap=4 << 30,
    )  # fmt: skip
    there = Able("python3", "/x", case=False, any_bytes=False, name_bytes=143, file_limit=(1 << 32) - 1, free=5 << 30, holes=True)
    assert [p.what for p in fits(source, there) if p.grave == "refuse"] == ["names", "size", "names", "names"]
    full = Able("python3", "/x", free=5 << 30, inodes=2, holes=False)
    found = fits(source, full)
    assert [p.what for p in found] == ["room", "inodes", "holes", "odd names"]
    assert [p.grave for p in found] == ["refuse", "refuse", "ask", "say"]
    assert str(5 << 30) in found[0].text and "holes that can't be kept" in found[0].text
    lying = Surveyed("python3", files=3, size=2 << 30, allocated=2 << 30, kinds={"reg": 3})
    assert not [p for p in fits(source, full, lying) if p.grave == "refuse"], "what lies there is not needed again"
    assert fits(source, Able()) == fits(source, Able())[-1:], "what could not be tried is no problem"


def test_what_lies_there_need_not_be_counted_where_all_fits_beside_it() -> None:
    source = Surveyed("python3", files=3, size=6 << 30, kinds={"reg": 3})
    assert fits_beside(source, Able("python3", "/x", free=7 << 30, inodes=3))
    assert not fits_beside(source, Able("python3", "/x", free=6 << 30, inodes=3)), "each file takes half a block more"
    assert not fits_beside(source, Able("python3", "/x", free=7 << 30, inodes=2))
    assert fits_beside(source, Able("python3", "/x")), "what nobody knows stops nothing"
