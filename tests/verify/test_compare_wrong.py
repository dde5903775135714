"""What is wrong is named, and what could not be known is never green."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.steps.verify import readers
from cockpit.steps.verify import step as verify
from tests.hosts.factory import Hosts
from tests.verify.ground import bench, comparing, plant
from tests.verify.test_compare_places import KINDS

DATA = os.urandom(300_000)


def flip(root: Path) -> str:
    data = bytearray(DATA)
    data[123_456] ^= 1
    (root / "d/f").write_bytes(data)
    return "DIFFER d/f at two:/srv/data: sha256 "


def truncate(root: Path) -> str:
    os.truncate(root / "d/f", len(DATA) - 1)
    return "DIFFER d/f at two:/srv/data: 300,000 bytes, there 299,999"


def zero(root: Path) -> str:
    with (root / "d/f").open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    return "DIFFER d/f at two:/srv/data: sha256 "


def trailing_hole_lost(root: Path) -> str:
    os.truncate(root / "hole", 1 << 20)
    return "DIFFER hole at two:/srv/data: 2,097,152 bytes, there 1,048,576"


def remove(root: Path) -> str:
    (root / "d/f").unlink()
    return "MISSING d/f at two:/srv/data"


def add(root: Path) -> str:
    (root / "d/\x1b[31mnew\nname\t").write_text("")
    return r"EXTRA d/\x1b[31mnew\nname\t at two:/srv/data"


def relink(root: Path) -> str:
    (root / "l").unlink()
    os.symlink("d/g\n", root / "l")
    return r"DIFFER l at two:/srv/data: a link to d/g, there to d/g\n"


def other_kind(root: Path) -> str:
    (root / "d/f").unlink()
    os.mkfifo(root / "d/f")
    return "DIFFER d/f at two:/srv/data: a file, there a special file"


WRONG: list[Callable[[Path], str]] = [flip, truncate, zero, trailing_hole_lost, remove, add, relink, other_kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_one_thing_is_wrong(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", **KINDS[kind])

    def anew() -> Path:
        for host in (one, two):
            root = plant(host, "/srv/data", {"d/f": DATA, "d/g": b"g", "hole": b"x"})
            os.truncate(root / "hole", 2 << 20)
            for extra in ("l", "d/\x1b[31mnew\nname\t"):
                (root / extra).unlink(missing_ok=True)
            os.symlink("d/g", root / "l")
        return root

    async with bench([one, two], tmp_path) as b:
        for wrong in WRONG:
            root = anew()
            assert (await b.compare("/srv/data", "two:/srv/data")).result == "pass"
            words = wrong(root)
            outcome, ctx = await b.run(comparing("/srv/data", "two:/srv/data"))
            (told,) = ctx.verdicts
            assert told.result == "fail" and words in told.evidence, (wrong, told)
            assert outcome.result == "failed" and words in (outcome.error or ""), "the step's own error names it too"
            if wrong is not flip and wrong is not zero:
                assert (await b.compare("/srv/data", "two:/srv/data", by="size")).result == "fail"
            if root.joinpath("d/f").is_fifo():
                root.joinpath("d/f").unlink()


@pytest.mark.parametrize("kind", KINDS)
async def test_metadata(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one"), hosts("two", **({"user": "ops"} | KINDS[kind]))
    for host in (one, two):
        root = plant(host, "/srv/data", {"d/f": b"f"})
        for each in (root, *root.rglob("*")):
            os.chown(each, 1000, 1000)
    async with bench([one, two], tmp_path) as b:
        assert (await b.compare("/srv/data", "two:/srv/data", meta=True)).result == "pass"
        (root / "d/f").chmod(0o600)
        told = await b.compare("/srv/data", "two:/srv/data", meta=True)
        assert told.result == "fail" and "DIFFER d/f at two:/srv/data: mode 644, there 600" in told.evidence, told
        assert (await b.compare("/srv/data", "two:/srv/data")).result == "pass", "not asked for"
        (root / "d/f").chmod(0o644)
        os.utime(root / "d", (10**9, 10**9 + 1))
        told = await b.compare("/srv/data", "two:/srv/data", meta=True, by="count")
        assert told.result == "fail" and "time 1000000000, there 1000000001" in told.evidence, told
        os.utime(root / "d", (10**9, 10**9))
        os.chown(root / "d/f", 1000, 0)
        told = await b.compare("/srv/data", "two:/srv/data", meta=True, by="size")
        assert told.result == "fail" and "owner 1000:1000, there 1000:0" in told.evidence, told


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_read_is_not_tested(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", **(KINDS[kind] | ({} if kind == "sftp" else {"user": "ops"})))
    for host in (one, two):
        root = plant(host, "/srv/data", {"d/f": b"f", "e/g": b"g"})
    async with bench([one, two], tmp_path) as b:
        for locked in ("d/f", "d"):
            (root / locked).chmod(0)
            os.chown(root / locked, 0, 0)
            told = await b.compare("/srv/data", "two:/srv/data")
            assert told.result == "not-tested" and "UNREADABLE at two" in told.evidence, told
            assert "ermission denied" in told.evidence and f"{locked}" in told.evidence, told
            (root / locked).chmod(0o755)
        (root / "d").chmod(0)
        if kind in ("python", "sftp"):
            (root / "e/g").write_bytes(b"G")
            told = await b.compare("/srv/data", "two:/srv/data")
            assert told.result == "fail" and "1 differ: DIFFER e/g" in told.evidence, "what is certain is said"
            assert "and UNREADABLE at two:/srv/data: d (" in told.evidence
        root.chmod(0)
        told = await b.compare("/srv/data", "two:/srv/data/d")
        assert told.result == "not-tested", "behind a closed door is not the same as missing"


class Writer:
    """Writes to a file for as long as somebody else reads."""

    def __init__(self, path: Path) -> None:
        self.path, self.over = path, threading.Event()
        self.thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        while not self.over.wait(0.002):
            seen = self.path.stat()
            with self.path.open("r+b") as file:
                file.write(os.urandom(10))
            os.utime(self.path, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # as rsync does: only ctime tells

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


@pytest.mark.parametrize("kind", ["python", "gnu", "busybox"])
async def test_a_file_that_changes_while_it_is_read(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", **KINDS[kind])
    for host in (one, two):
        root = plant(host, "/srv/data", {"d/f": DATA * 100, "e": b"e"})
    async with bench([one, two], tmp_path) as b:
        with Writer(root / "d/f"):
            told = await b.compare("/srv/data", "two:/srv/data")
        assert told.result == "not-tested" and "CHANGED-DURING the check at two:/srv/data: d/f" in told.evidence, told


@pytest.mark.parametrize("size", [+1, -1])
async def test_a_file_that_changes_while_sftp_reads_it(size: int, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", sftp_only=True)
    for host in (one, two):
        root = plant(host, "/srv/data", {})
        with (root / "f").open("wb") as file:
            file.truncate(100 << 20)
    async with bench([one, two], tmp_path) as b:
        ctx = b.attempt(comparing("/srv/data", "two:/srv/data"), on="one")
        running = asyncio.create_task(verify.run(ctx))
        await asyncio.wait_for(ctx.listed.wait(), 30)
        os.truncate(root / "f", (100 << 20) + size)
        await asyncio.wait_for(running, 60)
        (told,) = ctx.verdicts
    assert told.result != "pass" and "f" in told.evidence, told
    assert size < 0 or told.evidence == "CHANGED-DURING the check at two:/srv/data: f", told


async def test_more_names_than_fit_are_not_tested(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LIMIT", 20_000)
    one, two = hosts("one", user="root"), hosts("two", user="root", without=("python3",))
    for host in (one, two):
        plant(host, "/srv/data", {f"f{i}": b"" for i in range(600)})
        plant(host, "/srv/small", {"f": b"f"})
    async with bench([one, two], tmp_path) as b:
        for places in (("/srv/data", "two:/srv/data"), ("two:/srv/data", "/srv/small")):
            told = await b.compare(*places)
            assert told.result == "not-tested" and "too many names" in told.evidence, told
        assert (await b.compare("/srv/small", "two:/srv/small")).result == "pass"


@pytest.mark.parametrize("tool", ["sha256sum", "find"])
async def test_a_server_without_the_tools_is_not_tested(tool: str, hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", user="root", without=("python3", tool))
    for host in (one, two):
        plant(host, "/srv/data", {"f": b"f"})
    async with bench([one, two], tmp_path) as b:
        told = await b.compare("/srv/data", "two:/srv/data")
        assert told.result == "not-tested" and "UNREADABLE at two" in told.evidence and tool in told.evidence, told


async def test_a_special_file_is_no_place(hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", user="root", without=("python3",))
    for host in (one, two):
        os.mkfifo(host.path("/srv/fifo"))
    async with bench([one, two], tmp_path) as b:
        told = await b.compare("/srv/fifo", "two:/srv/fifo")
        assert told.result == "not-tested" and "is no file or directory" in told.evidence, told


async def test_a_sample_says_what_it_bounds(hosts: Hosts, tmp_path: Path) -> None:
    kinds = ("python", "gnu", "sftp")
    made = [hosts(name, **KINDS[name]) for name in kinds]
    content: dict[str, bytes | None] = {f"d{i % 7}/f{i:03}": b"%03d" % i for i in range(400)}
    roots = [plant(host, "/srv/data", content) for host in made]
    places = [f"{host.name}:/srv/data" for host in made]
    async with bench(made, tmp_path) as b:
        told = await b.compare(*places, sample=0.05)
        assert told.result == "pass"
        assert "size of all and sha256 of 20 files (at most 15.0% of files differ, with 95 % confidence)" in told.evidence
        told = await b.compare(*places, sample=0.0001)
        assert "sha256 of 1 file (at most 100.0%" in told.evidence, "never of none"
        told = await b.compare(*places, sample=1.0)
        assert "sha256 of every byte" in told.evidence
        for name in content:
            (roots[2] / name).write_bytes(b"bad")
        told = await b.compare(*places, sample=0.05)
        assert told.result == "fail" and told.evidence.startswith("20 differ: DIFFER "), told
        (roots[1] / "d0/f000").write_bytes(b"longer")
        told = await b.compare(*places, sample=0.01, by="content")
        assert "DIFFER d0/f000 at gnu:/srv/data: 3 bytes, there 6" in told.evidence, "sizes are those of all"


async def test_a_cancel_ends_it(hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", user="root")
    for host in (one, two):
        with (plant(host, "/srv/data", {}) / "big").open("wb") as file:
            file.truncate(1 << 40)  # a day of reading, and no byte on the disk
    async with bench([one, two], tmp_path) as b:
        ctx = b.attempt(comparing("/srv/data", "two:/srv/data"), on="one")
        running = asyncio.create_task(verify.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 30)
        ctx.cancel.set()
        outcome = await asyncio.wait_for(running, 30)
        assert outcome.result == "cancelled" and ctx.verdicts == []
        for host in (one, two):
            done = await asyncio.wait_for(
                b.fleet.remote(host.name).run("while pgrep -f sys.stdin.buffer.read >/dev/null; do sleep 0.05; done"), 30
            )
            assert done.exit == 0, "nobody reads for nobody"
