"""One large file and nothing else: chunks bring all of it, and rsync comes after them only for what chunks don't carry."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from cockpit import crash
from cockpit.steps import copy
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.images import MIB, dense, same
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.hosts.tools import find

LABEL = b"system_u:object_r:virt_image_t:s0\0"
FOR_ALL = "u::rwx,g::rwx,u:12345:rwx,o::---"


def ready(hosts: Hosts) -> tuple[Host, Host]:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/d").mkdir()
    dense(src.path("/srv/d/disk"), 3 * MIB + 12_345)
    os.chown(src.path("/srv/d/disk"), 12345, 54321)
    src.path("/srv/d/disk").chmod(0o640)
    os.utime(src.path("/srv/d/disk"), ns=(10**18, 10**18 + 123_456_789))
    return src, dst


async def moved(src: Host, dst: Host, place: Path, n: int = 1, **how: Any) -> Context:
    step = copying("/srv/d/disk", "dst:/srv/in/disk", method="image", **how)
    async with fleet_of([src, dst], place) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=n)
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.errors)
    ctx.check_progress()
    assert same(src.path("/srv/d/disk"), dst.path("/srv/in/disk"))
    return ctx


def dressed(src: Host, dst: Host) -> None:
    seen, told = dst.path("/srv/in/disk").stat(), src.path("/srv/d/disk").stat()
    assert (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns) == (told.st_mode, 12345, 54321, told.st_mtime_ns)


async def test_chunks_alone_bring_a_file_without_attributes(hosts: Hosts, tmp_path: Path) -> None:
    """What lies there in the end has no attribute that the source has not, whatever its directory gives to new files."""
    src, dst = ready(hosts)
    os.setxattr(src.path("/srv/d/disk"), "security.selinux", LABEL)
    dst.path("/srv/in").mkdir()
    dst.run(f"{find('setfacl')} -d -m {FOR_ALL} /srv/in")
    assert "system.posix_acl_default" in os.listxattr(dst.path("/srv/in"))
    ctx = await moved(src, dst, tmp_path)
    assert ctx.detail["copy"]["part"] == "images" and ctx.detail["copy"]["last"]
    dressed(src, dst)
    assert os.listxattr(dst.path("/srv/in/disk")) == ["security.selinux"]
    assert os.getxattr(dst.path("/srv/in/disk"), "security.selinux") == LABEL
    keys = [host.path("/root/.ssh/authorized_keys") for host in (src, dst)]
    assert all("cockpit-route" not in key.read_text() for key in keys if key.exists())


async def test_attributes_of_one_that_was_there_before_are_gone(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = ready(hosts)
    dst.path("/srv/in").mkdir()
    dst.path("/srv/in/disk").write_bytes(b"another")
    os.setxattr(dst.path("/srv/in/disk"), "user.note", b"of another")
    ctx = await moved(src, dst, tmp_path)
    assert ctx.detail["copy"]["part"] == "images"
    assert os.listxattr(dst.path("/srv/in/disk")) == []


async def test_a_copy_made_again_mends_what_is_not_data(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = ready(hosts)
    await moved(src, dst, tmp_path)
    src.path("/srv/d/disk").chmod(0o600)
    dst.run(f"{find('setfacl')} -m u:7:rwx /srv/in/disk; chown 7:7 /srv/in/disk")
    ctx = await moved(src, dst, tmp_path, n=2)
    assert ctx.detail["copy"]["part"] == "images"
    dressed(src, dst)
    assert os.listxattr(dst.path("/srv/in/disk")) == []


async def test_an_attempt_whose_images_are_done_ends_where_no_rsync_is_needed_any_more(hosts: Hosts, tmp_path: Path) -> None:
    """Its source lost its attribute between a crash and the resume."""
    src, dst = ready(hosts)
    os.setxattr(src.path("/srv/d/disk"), "user.note", b"kept")

    def dies(name: str) -> None:
        if name == "copy.part-done":
            raise asyncio.CancelledError

    step = copying("/srv/d/disk", "dst:/srv/in/disk", method="image")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        with pytest.MonkeyPatch.context() as patch, pytest.raises(asyncio.CancelledError):
            patch.setattr(crash, "point", dies)
            await copy.run(ctx)
        os.removexattr(src.path("/srv/d/disk"), "user.note")
        again = Context(fleet, ctx.plan, step, "src", detail=ctx.detail, resumed=True)
        outcome = await copy.run(again)
        assert outcome.result == "done", (outcome, again.errors)
    again.check_progress()
    dressed(src, dst)
    assert same(src.path("/srv/d/disk"), dst.path("/srv/in/disk"))


@pytest.mark.parametrize("has", ["attributes", "acl"])
async def test_rsync_brings_what_chunks_do_not(has: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = ready(hosts)
    if has == "acl":
        src.run(f"{find('setfacl')} -m u:12345:rw /srv/d/disk")
    else:
        os.setxattr(src.path("/srv/d/disk"), "user.note", b"kept")
    ctx = await moved(src, dst, tmp_path)
    assert ctx.detail["copy"]["part"] == "settle" and "images" in ctx.detail["copy"]["done"]
    dressed(src, dst)
    here, there = src.path("/srv/d/disk"), dst.path("/srv/in/disk")
    assert os.listxattr(there) == os.listxattr(here) != []
    assert all(os.getxattr(there, name) == os.getxattr(here, name) for name in os.listxattr(here))


async def test_a_final_pass_is_ended_by_rsync_that_finds_nothing_to_do(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = ready(hosts)
    ctx = await moved(src, dst, tmp_path, pass_="final")
    assert ctx.detail["copy"]["part"] == "settle"
    dressed(src, dst)
