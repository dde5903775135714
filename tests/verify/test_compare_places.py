"""Whatever a server is, its places are read right: the same trees agree, with everything that a tree may hold.

tests/long/test_compare.py has the other servers and login shells.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.copy import trees
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.verify.ground import bench, plant

KINDS = {
    "python": {"user": "root"},
    "gnu": {"user": "root", "without": ("python3",)},
    "busybox": {
        "user": "root", "shell": "busybox", "sh": "busybox", "userland": "busybox", "server": "dropbear",
        "without": ("python3",),
    },
    "sftp": {"sftp_only": True},
}  # fmt: skip
PLACE = "/srv/it's \"$HOME\" `x` !a* \\n é"


def tree(host: Host, place: str = PLACE) -> Path:
    """What `trees.make` has, and names that are hard to print and to split."""
    raw = host.seen(place)
    raw.parent.mkdir(parents=True, exist_ok=True)
    root = trees.make(host, str(host.seen(place).relative_to(host.root)), files=12)
    for name in (b"tab\tname", b"back\\slash", b"\\", b"cr\rname", b"two\n\nlines\n", b"-n", b"*", b"{}", b"\x01\x7f"):
        with open(os.fsencode(root) + b"/" + name, "wb") as file:
            file.write(b"in " + name)
    (root / "sub/f001").chmod(0o4755)  # not only its owner may read it
    (root / "new\nline dir").mkdir()
    (root / "new\nline dir/f").write_text("below")
    os.symlink(b"ends in a newline\n", os.fsencode(root) + b"/odd\nlink")
    return root


def clone(source: Path, host: Host, place: str = PLACE) -> Path:
    """The same tree on another host, by a way of the test's own."""
    target = host.seen(place)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


@pytest.mark.parametrize(("one", "other"), [("gnu", "busybox"), ("python", "sftp")])
async def test_everything_that_a_tree_may_hold(one: str, other: str, hosts: Hosts, tmp_path: Path) -> None:
    first, second = hosts("one", **KINDS[one]), hosts("two", **KINDS[other])
    source = tree(first)
    target = clone(source, second)
    async with bench([first, second], tmp_path) as b:
        told = await b.compare(PLACE, f"two:{PLACE}", meta=True)
        assert told.result == "pass", told
        files = sum(path.is_file() and not path.is_symlink() for path in source.rglob("*"))
        assert f"{files:,} files" in told.evidence and "3 links" in told.evidence, told
        assert "special files by name only" in told.evidence and "sha256 of every byte" in told.evidence
        assert told.paths == [("one", PLACE), ("two", PLACE)]
        again = await b.compare(PLACE, f"two:{PLACE}/", by="size")
        assert again.result == "pass" and "by name and size" in again.evidence
        counted = await b.compare(PLACE, f"two:{PLACE}", by="count")
        assert counted.result == "pass" and "by count" in counted.evidence
        with (target / "disk.img").open("r+b") as file:  # a hole's byte
            file.seek(-1, 2)
            file.write(b"\x01")
        told = await b.compare(PLACE, f"two:{PLACE}")
        assert told.result == "fail" and "DIFFER disk.img at two:" in told.evidence and "sha256" in told.evidence
        os.remove(os.fsencode(target) + b"/two\n\nlines\n")
        told = await b.compare(PLACE, f"two:{PLACE}", by="size")
        assert told.result == "fail" and r"MISSING two\n\nlines\n" in told.evidence


async def test_three_places_and_a_step_on_no_server(hosts: Hosts, tmp_path: Path) -> None:
    made = [hosts(name, **KINDS[name]) for name in ("python", "busybox", "sftp")]
    content: dict[str, bytes | None] = {"a": b"one", "sub/b": b"two", "empty": None}
    roots = [plant(host, "/srv/data", content) for host in made]
    places = [f"{host.name}:/srv/data" for host in made]
    async with bench(made, tmp_path) as b:
        told = await b.compare(*places)
        assert told.result == "pass" and told.evidence.startswith("3 places agree: 2 files, 3 directories, 6 B"), told
        shutil.rmtree(roots[2] / "empty")
        (roots[1] / "more").write_text("x")
        told = await b.compare(*places)
        assert told.evidence == "2 differ: EXTRA more at busybox:/srv/data; MISSING empty at sftp:/srv/data"


@pytest.mark.parametrize("shell", ["csh", "busybox"])
async def test_login_shells_sudo_and_noise(shell: str, hosts: Hosts, tmp_path: Path) -> None:
    """Each place is read as its own server says: through sudo, with a password, or as the user."""
    one = hosts("one", shell=shell, sudo="password", noisy_rc=True)
    two = hosts("two", shell=shell, sudo="nopasswd", without=("python3",))
    three = hosts("three", user="root")
    for host in (one, two, three):
        root = plant(host, "/srv/data", {"private": b"root's", "x/y": b"z"})
        for each in (root, *root.rglob("*")):
            os.chown(each, 0, 0)
            each.chmod(0o700 if each.is_dir() else 0o600)
    async with bench([one, two, three], tmp_path) as b:
        told = await b.compare("/srv/data", "two:/srv/data", "three:/srv/data", on="one", meta=True)
        assert told.result == "pass", told
        told = await b.compare("/srv/data", "two:/srv/data", "three:/srv/data", on="one", become=False)
        assert told.result == "not-tested" and "Permission denied" in told.evidence, "the step's own word is for all its places"


@pytest.mark.parametrize("kind", KINDS)
async def test_single_files_and_links_to_places(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", **KINDS[kind])
    for host in (one, two):
        plant(host, "/srv/data", {"-f": b"the same", "g": b"not the same"})
        os.symlink("data", host.seen("/srv/link"))
        os.symlink("data/-f", host.seen("/srv/file"))
        os.symlink("nowhere", host.seen("/srv/dangling"))
    two.seen("/srv/data/g").write_bytes(b"not the sbme")
    async with bench([one, two], tmp_path) as b:
        told = await b.compare("/srv/data/-f", "two:/srv/data/-f")
        assert told.result == "pass" and "1 file," in told.evidence
        told = await b.compare("/srv/data/g", "two:/srv/data/g")
        assert told.result == "fail" and "DIFFER . at two:/srv/data/g" in told.evidence
        told = await b.compare("/srv/file", "two:/srv/data/-f")
        assert told.result == "pass", "a link at the end of a place is followed"
        told = await b.compare("/srv/link", "two:/srv/link")
        assert told.result == "fail" and "DIFFER g" in told.evidence, "not only that both are links"
        told = await b.compare("/srv/data", "two:/srv/file")
        assert told.result == "fail" and "a directory, there a file" in told.evidence
        told = await b.compare("/srv/data", "two:/srv/dangling")
        assert told.result == "fail" and "MISSING: two:/srv/dangling" in told.evidence


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_proves_itself(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", **KINDS[kind])
    plant(host, "/srv/data", {"f": b"f"})
    os.symlink("data", host.seen("/srv/link"))
    async with bench([host], tmp_path) as b:
        for places in (("/srv/data", "one:/srv/data/"), ("/srv/data", "/srv/x/../data"), ("/srv/data", "/srv/link")):
            told = await b.compare(*places)
            assert told.result == "not-tested" and "nothing" in told.evidence, told
        for place in ("", "data", "~/data"):
            told = await b.compare("/srv/data", place)
            assert told.result == "not-tested" and "not an absolute path" in told.evidence


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_held_against_nothing_can_be_seen(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", **KINDS[kind])
    for host in (one, two):
        plant(host, "/srv/empty", {})
    async with bench([one, two], tmp_path) as b:
        told = await b.compare("/srv/empty", "two:/srv/empty")
        assert told.result == "pass"
        assert told.evidence == "2 places agree: 0 files, 1 directory, 0 B; there was no content to compare"
        for missing in (("/srv/none", "two:/srv/empty"), ("/srv/empty", "two:/srv/none"), ("/srv/none", "two:/srv/none")):
            told = await b.compare(*missing)
            assert told.result == "fail" and told.evidence.startswith("MISSING: "), told
