"""A survey of real servers, each with other tools: what rsync counts, and what rsync never tells."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.counting import Survey, parse_survey, survey_command
from cockpit.fleet.survey.able import able
from cockpit.fleet.survey.command import listing_command
from cockpit.fleet.survey.look import survey
from tests.copy import trees
from tests.copy.context import fleet_of
from tests.hosts import Host, Hosts
from tests.hosts.own import OWN_TOOLS, own_tool
from tests.hosts.tools import require

KINDS: dict[str, dict[str, Any]] = {
    "python3": {}, "find": {"without": ("python3",)},
    "stat": {"without": ("python3", "rsync"), "userland": "busybox", "sh": "busybox"},
}  # fmt: skip


@contextmanager
def path_of(root: Path) -> Iterator[str]:
    """A short one: a socket's address has room for 108 bytes."""
    place = os.open(root, os.O_PATH)
    try:
        yield f"/proc/self/fd/{place}"
    finally:
        os.close(place)


def counted_by_rsync(root: Path) -> Survey | None:
    judge = subprocess.run(survey_command(f"{root}/"), shell=True, capture_output=True, text=True, check=True)
    return parse_survey(judge.stdout)


def special(host: Host, root: Path) -> None:
    """What `trees.make` leaves out: a device, a socket, another group of links, twins, an attribute, an ACL."""
    os.mknod(root / "null", 0o20600, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as one, path_of(root) as place:
        one.bind(f"{place}/socket")
    for n in range(3):
        (root / f"again{n}").hardlink_to(root / "sub/f003")
    for name in ("Readme", "README", "r\u00e9sum\u00e9", "re\u0301sume\u0301"):
        (root / "empty" / name).write_text(name)
    os.setxattr(root / "sub/f004", "user.note", b"x")
    subprocess.run(["setfacl", "-m", "u:12345:r", root / "sub/f005"], check=True)


@pytest.mark.parametrize("way", KINDS)
async def test_all_is_counted_whatever_the_server_has(way: str, hosts: Hosts, tmp_path: Path) -> None:
    require("setfacl", "busybox")
    host = hosts("src", user="root", **KINDS[way])
    root = trees.make(host, "/srv/data")
    special(host, root)
    judge = counted_by_rsync(root)
    async with fleet_of([host], tmp_path) as fleet:
        found = await survey(fleet.remote("src"), "/srv/data/", become=False)
    assert found.way == way and found.exact
    assert found.counted == judge
    assert (found.link_groups, found.link_names) == (2, 6)
    assert found.link_saved == (root / "twin").stat().st_size + 3 * (root / "again0").stat().st_size
    assert found.sparse == 2 and found.sparse_gap >= 25 << 20
    assert found.special == {"fifo": 1, "socket": 1, "device": 1}
    assert sum(found.class_files) == found.files and sum(found.class_bytes) == found.size
    assert found.largest == 24 << 20 and found.longest_name == 255
    odd = {"newlines": 1, "control": 1, "reserved": 3, "case_twins": 1}
    if way == "python3":
        odd |= {"non_utf8": 1, "unicode_twins": 1}
        assert (found.acls, found.xattrs) == (1, 1) and not found.attributes_sampled
        assert found.largest_path == "disk.img" and found.examples["non_utf8"] == ["bad\udcff\udcfeutf8"]
    else:
        assert {"acls", "xattrs", "non_utf8", "unicode_twins"} <= set(found.unknown), "what is not known is not nought"
    assert dict(found.odd) == odd
    json.dumps(found.json()).encode()


@pytest.mark.parametrize(
    "python", ["echo 'Unknown option: -I' >&2; exit 2", "exit 69", "exit 127", "echo Fatal >&2; exit 1", "kill -ABRT $$"],
    ids=["no -I", "before 3.6", "no interpreter", "no library", "no locale"],
)
async def test_a_python_that_is_too_old_or_broken_is_passed_over(python: str, hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("src", user="root", sshd_config=OWN_TOOLS)
    own_tool(host, "python3", python)
    trees.make(host, "/srv/d", files=20)
    async with fleet_of([host], tmp_path) as fleet:
        seen = await survey(fleet.remote("src"), "/srv/d/", become=False)
        there = await able(fleet.remote("src"), "/srv/d", False)
        listed = await fleet.remote("src").run(listing_command("/srv/d/"))
    assert (seen.way, there.way, listed.exit) == ("find", "sh", 0)
    assert seen.counted == counted_by_rsync(host.path("/srv/d"))
    assert listed.stdout.count(b"\0") == seen.kinds["reg"] and there.writable


async def test_what_a_single_file_has_is_seen_too(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("src", user="root")
    one = host.path("/srv/one")
    one.write_bytes(b"x" * 5000)
    os.setxattr(one, "user.note", b"x")
    host.run("setfacl -m u:12345:r /srv/one")
    async with fleet_of([host], tmp_path) as fleet:
        found = await survey(fleet.remote("src"), "/srv/one", become=False)
    assert (found.files, found.size, found.acls, found.xattrs, found.attributes_seen) == (1, 5000, 1, 1, 1)


async def test_two_processes_count_what_one_does(hosts: Hosts, tmp_path: Path) -> None:
    """More directories than are shared out, and links between files that different processes see."""
    host = hosts("src", user="root")
    for d in range(200):
        place = host.path(f"/srv/data/d{d:03}/e")
        place.mkdir(parents=True)
        (place / "own").write_bytes(b"x" * d)
        if d == 0:
            (place / "linked").write_bytes(b"y" * 5000)
        else:
            (place / "linked").hardlink_to(host.path("/srv/data/d000/e/linked"))
    judge = counted_by_rsync(host.path("/srv/data"))
    async with fleet_of([host], tmp_path) as fleet:
        found = await survey(fleet.remote("src"), "/srv/data/", become=False)
    assert found.counted == judge
    assert (found.link_groups, found.link_names, found.link_saved) == (1, 200, 199 * 5000)
    assert found.inodes == found.entries - 199


async def test_what_cannot_be_looked_at_is_said(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("src")
    (host.path("/srv/data/closed")).mkdir(parents=True)
    (host.path("/srv/data/open")).write_text("x")
    host.own("/srv/data")
    os.chown(host.path("/srv/data/closed"), 0, 0)
    host.path("/srv/data/closed").chmod(0o700)
    async with fleet_of([host], tmp_path) as fleet:
        found = await survey(fleet.remote("src"), "/srv/data/", become=False)
    assert (found.unread, found.files) == (1, 1) and "closed" in found.errors[0]


async def test_over_sftp_alone(hosts: Hosts, tmp_path: Path) -> None:
    box = hosts("box", sftp_only=True)
    for name in ("a.tmp", "b", "sub/c"):
        path = box.seen("/srv/d") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("12345")
    async with fleet_of([box], tmp_path) as fleet:
        found = await survey(fleet.remote("box"), "/srv/d/", become=False, exclude=["*.tmp"])
    assert (found.way, found.files, found.size, found.kinds) == ("sftp", 2, 10, {"reg": 2, "dir": 2})
    assert "link_groups" in found.unknown
