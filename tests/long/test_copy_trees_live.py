"""Trees that change while they are copied, and targets that change between two tries: between real servers, by shards and one
pass over all."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.pump import Pump
from cockpit.steps import copy
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.disks import failing, mended, read_anew, seen
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.long.test_copy_trees import EACH, kept, many, small_is_large

__all__ = ["small_is_large"]


@dataclass
class Watched(Context):
    """at: what happens when the job of this part is about to start."""

    at: tuple[str, Callable[[], Any]] = ("", lambda: None)

    async def note(self, **detail: Any) -> None:
        await super().note(**detail)
        part, then = self.at
        if detail.get("copy", {}).get("part") == part and part not in detail["copy"]["done"]:
            self.at = ("", then)
            then()


class Stopped(Exception):
    """The engine is killed."""


def stop() -> None:
    raise Stopped


async def run(
    src: Host, dst: Host, place: Path, at: tuple[str, Callable[[], Any]] = ("", lambda: None), n: int = 1, **how: Any,
) -> tuple[copy.Outcome, Watched]:  # fmt: skip
    async with fleet_of([src, dst], place) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", **how)
        ctx = Watched(fleet, plan_of(fleet, [src, dst], step), step, "src", n=n, at=at)
        return await copy.run(ctx), ctx


@pytest.mark.parametrize("pass_", [None, "final"])
async def test_a_name_of_several_that_becomes_a_file_of_its_own(pass_: str | None, hosts: Hosts, tmp_path: Path) -> None:
    """As an editor saves it. What the shards linked must not be written through."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)

    def save() -> None:
        (source / "dir9/new").write_bytes(os.urandom(EACH))
        (source / "dir9/new").rename(source / "dir9/twin")

    outcome, ctx = await run(src, dst, tmp_path, ("settle", save), pass_=pass_)
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


@pytest.mark.parametrize("part", ["files", "settle"])
async def test_files_that_grow_shrink_and_are_rewritten_meanwhile(part: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)

    def work() -> None:
        with (source / "dir1/f010").open("ab") as file:
            file.write(os.urandom(50_000))
        os.truncate(source / "dir2/f020", 1000)
        (source / "dir3/f030").write_bytes(os.urandom(200_000))
        (source / "dir4/f049").unlink()
        (source / "dir5/new").write_bytes(b"new")

    outcome, ctx = await run(src, dst, tmp_path, (part, work), delete=True)
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


async def test_a_target_that_was_emptied_between_two_tries(hosts: Hosts, tmp_path: Path) -> None:
    """What the shards of the first one had copied is not there: it counts for nothing, and holes are made again."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)
    trees.sparse(source / "dir0/holes", 24 << 20, data=4096)
    with pytest.raises(Stopped):
        await run(src, dst, tmp_path, ("settle", stop))
    assert kept(dst)
    shutil.rmtree(dst.path("/srv/d"))
    outcome, ctx = await run(src, dst, tmp_path, n=2)
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    ctx.check_progress()
    assert outcome.detail["moved_files"] == 121, outcome.detail
    assert trees.allocated(dst.path("/srv/d/dir0/holes")) < 1 << 20
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


async def test_a_side_without_gzip_gets_the_names_as_they_are(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=("gzip",))
    source = many(src)
    outcome, ctx = await run(src, dst, tmp_path)
    assert (outcome.result, outcome.detail["streams"]) == ("done", 2), (outcome, ctx.said, ctx.errors)
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


_ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
    (1, 6, 0xFFFFFFFF), (2, 6, 12345), (4, 0, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)))  # fmt: skip


async def test_an_acl_that_the_survey_overlooked_comes_with_its_file(hosts: Hosts, tmp_path: Path) -> None:
    """Later its group could do until then what the ACL forbids: of such a file the mode shows the mask as the group's."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    root = src.path("/srv/d")
    root.mkdir()
    for n in range(2490):
        (root / f"f{n}").write_bytes(b"x")
    last = [entry.name for entry in os.scandir(root)][-1]  # the survey looks at the first two thousand, then at every fiftieth
    os.setxattr(root / last, "system.posix_acl_access", _ACL)
    seen = list[list[str]]()
    there = dst.path("/srv/d") / last
    outcome, ctx = await run(src, dst, tmp_path, ("settle", lambda: seen.append(os.listxattr(there))))
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    assert seen == [["system.posix_acl_access"]] and os.getxattr(there, "system.posix_acl_access") == _ACL


async def test_what_the_shards_leave_out_comes_in_the_end(hosts: Hosts, tmp_path: Path) -> None:
    """An attribute that came to be after the survey, which saw none."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)

    def late() -> None:
        os.setxattr(source / "dir1/f010", "user.note", b"late")

    outcome, ctx = await run(src, dst, tmp_path, ("files", late))
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    assert os.getxattr(dst.path("/srv/d/dir1/f010"), "user.note") == b"late"
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


@pytest.mark.parametrize("later", ["retried", "found again"])
async def test_what_the_disk_could_not_write_back_is_never_done(later: str, hosts: Hosts, tmp_path: Path) -> None:
    """Each write went well, and all of it can be read again, from memory; the kernel tells of it once."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = src.path("/srv/d")
    source.mkdir()
    (source / "f").write_bytes(os.urandom(24 << 20))
    failing(dst, "/srv/d")
    there = seen(dst, "/srv/d")
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        ctx = Context(fleet, plan, step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.transient) == ("failed", False), (outcome, ctx.said, ctx.errors)
        assert "Input/output error" in (outcome.error or "") and "empty the target" in (outcome.error or "")
        again = Context(fleet, plan, step, "src", detail=ctx.detail, resumed=True, errors=ctx.errors)
        if later == "retried":
            again = Context(fleet, plan, step, "src", n=2, before=[{**ctx.detail, **outcome.detail}])
        outcome = await copy.run(again)
        assert (outcome.result, outcome.transient) == ("failed", False), (outcome, again.said, again.errors)
        assert "empty the target" in (outcome.error or "")
        mended(dst)
        (there / "f").unlink()
        last = Context(fleet, plan, step, "src", n=3)
        outcome = await copy.run(last)
        assert outcome.result == "done", (outcome, last.said, last.errors)
    assert (there / "f").read_bytes() == (source / "f").read_bytes()


@pytest.mark.parametrize("heard", ["by the copy", "by nobody"])
@pytest.mark.parametrize("alone", [False, True])
async def test_what_came_over_sftp_and_is_not_on_the_disk_is_never_done(
    heard: str, alone: bool, hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By nobody: the engine is killed, or contact breaks, when the server has told the fsync, which it does once."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = src.path("/srv/d")
    source.mkdir()
    (source / "f").write_bytes(os.urandom(24 << 20))
    failing(dst, "/srv/d")
    there = seen(dst, "/srv/d")
    step = copying("/srv/d/" + "f" * alone, "dst:/srv/d/", method="sftp")
    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        ctx = Context(fleet, plan, step, "src")
        if heard == "by nobody":
            with monkeypatch.context() as patch, pytest.raises(Stopped):
                patch.setattr(Pump, "_synced", killed(Pump._synced))
                await copy.run(ctx)
            mended(dst)
            ctx = Context(fleet, plan, step, "src", detail=ctx.detail, resumed=True)
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.transient) == ("failed", False), (outcome, ctx.said)
        assert "dst did not get all to its disk" in (outcome.error or "") and "empty the target" in (outcome.error or "")
        mended(dst)
        (there / "f").unlink(missing_ok=True)
        last = Context(fleet, plan, step, "src", n=2, before=[ctx.detail])
        outcome = await copy.run(last)
        assert outcome.result == "done", (outcome, last.said)
    read_anew(dst, "/srv/d")
    assert (there / "f").read_bytes() == (source / "f").read_bytes()


def killed(real: Callable[..., Any]) -> Callable[..., Any]:
    async def synced(*file: Any) -> None:
        with suppress(OSError):
            await real(*file)
        raise Stopped

    return synced
