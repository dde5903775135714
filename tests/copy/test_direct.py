"""rsync between two real servers: what arrives, what a key may do, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from cockpit.steps import copy
from cockpit.steps.copy import trees as parts_of_trees
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts


async def test_a_tree_is_pulled_whole(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = trees.make(src, "/srv/data")
    step = copying("src:/srv/data/", "dst:/srv/new/place/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.errors)
        assert outcome.detail["way"] == "pull"
    assert not dst.path("/srv/data").exists(), "a copy can't have been made locally"
    there = dst.path("/srv/new/place")
    assert trees.listing(there) == trees.listing(source)
    assert trees.allocated(there / "disk.img") <= trees.allocated(source / "disk.img") + 65536, "holes stay holes"
    assert (there / "twin").stat().st_ino == (there / "sub/f002").stat().st_ino
    ctx.check_progress()
    assert trees.left_behind(src, dst) == []


async def test_odd_paths_and_every_login_shell(hosts: Hosts, tmp_path: Path) -> None:
    dst = hosts("dst")
    sources = [hosts(shell, shell=shell) for shell in ("csh", "fish", "busybox", "dash")]
    odd = "/srv/o'dd \"$HOME\" `x` !a*?\nd\\e"
    dst.path("/srv/in").mkdir()
    dst.own("/srv/in")
    async with fleet_of([*sources, dst], tmp_path) as fleet:

        async def one(name: str) -> None:
            src = next(host for host in sources if host.name == name)
            src.path(odd).mkdir()
            (src.path(odd) / "f").write_text(name)
            src.own(odd)
            step = copying(f"{name}:{odd}", f"dst:/srv/in/{name}/")
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, name)
            outcome = await copy.run(ctx)
            assert (outcome.result, outcome.detail.get("way")) == ("done", "pull"), (name, outcome, ctx.said, ctx.errors)
            assert (dst.path(f"/srv/in/{name}") / odd.rpartition("/")[2] / "f").read_text() == name

        await asyncio.gather(*(one(src.name) for src in sources))
    assert trees.left_behind(dst, *sources) == []


async def test_the_key_can_do_nothing_else(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src"), hosts("dst", user="root")
    src.path("/srv/big").write_bytes(os.urandom(8 << 20))
    src.own("/srv/big")
    step = copying("/srv/big", "dst:/srv/", limit=1_000_000)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 30)
        line = src.path("/home/ops/.ssh/authorized_keys").read_text().splitlines()[-1]
        assert line.startswith('restrict,from="127.') and 'expiry-time="' in line
        script = line.split(',command="/bin/sh ')[1].split('" ssh-ed25519 ')[0]
        said = src.path(f"/home/ops/{script}").read_text()
        assert 'exec rsync --server --sender "--bwlimit=$b" -' in said and said.count("exec ") == 2 and ". /srv/big" in said
        key = next(dst.root.glob("root/.cockpit/routes/*/key"))
        assert key.parent.stat().st_mode & 0o777 == 0o700
        options = ["-F", "/dev/null", "-i", str(key), "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no"]
        options.append("-oUserKnownHostsFile=/dev/null")
        tried = await asyncio.create_subprocess_exec(
            "ssh", *options, "-p", str(src.port), f"ops@{src.address}", "touch /tmp/taken",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        await tried.communicate()
        assert tried.returncode == 12, "only the one rsync that its line says answers"
        assert not src.path("/tmp/taken").exists()
        ctx.cancel.set()
        outcome = await asyncio.wait_for(running, 30)
        assert outcome.result == "cancelled"
    assert trees.left_behind(src, dst) == []


async def test_another_host_key_stops_the_copy(hosts: Hosts, tmp_path: Path) -> None:
    src, dst, other = hosts("src"), hosts("dst"), hosts("other")
    for name in ("src", "dst"):
        host = {"src": src, "dst": dst}[name]
        host.path("/srv/d").mkdir()
        host.own("/srv/d")
    step = copying("/srv/d/", "dst:/srv/d/in/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        src.swap_host_key()
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "failed" and not outcome.transient
        assert "host key" in (outcome.error or "")
        assert trees.left_behind(src, dst, other) == []
    assert not any(dst.path("/srv/d/in").iterdir())


SLASHES = [
    ("/srv/d/", "dst:/srv/1/to", "to/f"), ("/srv/d", "dst:/srv/2/to/", "to/d/f"), ("/srv/d", "dst:/srv/3/to", "to/d/f"),
    ("/srv/d/f", "dst:/srv/4/new", "new"), ("/srv/d/f", "dst:/srv/5/new/", "new/f"), ("/srv/d/f", "dst:/srv/6", "f"),
]  # fmt: skip


@pytest.mark.parametrize("method", ["auto", "sftp"])
async def test_trailing_slashes_as_rsync(method: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/d").mkdir()
    src.path("/srv/d/f").write_text("here")
    dst.path("/srv/6").mkdir()
    async with fleet_of([src, dst], tmp_path) as fleet:

        async def one(n: int, source: str, target: str, landing: str) -> None:
            step = copying(source, target, method=method)
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night=f"s{n}")
            outcome = await copy.run(ctx)
            assert outcome.result == "done", (source, target, outcome, ctx.said)
            assert (dst.path(f"/srv/{n}") / landing).read_text() == "here", (source, target)

        await asyncio.gather(*(one(n, *case) for n, case in enumerate(SLASHES, 1)))
    assert trees.left_behind(src, dst) == [], "six routes at once between the same two"


@pytest.mark.parametrize("method", ["rsync", "sftp"])
async def test_exclude_and_delete(method: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    for host, names in ((src, ["a/keep", "a/x.tmp", "b"]), (dst, ["old/deep/f", "a/gone", "y.tmp"])):
        for name in names:
            path = host.path("/srv/d") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    step = copying("/srv/d/", "dst:/srv/d/", method=method, exclude=("*.tmp",), delete=True)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    there = dst.path("/srv/d")
    assert sorted(str(path.relative_to(there)) for path in there.rglob("*")) == ["a", "a/keep", "b", "y.tmp"]


async def test_refusals_are_words(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst")
    src.path("/srv/d").mkdir()
    async with fleet_of([src, dst], tmp_path) as fleet:
        for source, target, words in [
            ("/srv/none/", "dst:/tmp/x", "src:/srv/none/ is not there"), ("/srv/d/", "dst:/", "root of the server"),
            ("/srv/d/", "/srv/d/x", "lies in the source"), ("/srv/d", "dst:/srv/deeper/x", "Permission denied"),
            ("/dev/null", "dst:/tmp/x", "no file"),
        ]:  # fmt: skip
            step = copying(source, target)
            outcome = await copy.run(Context(fleet, plan_of(fleet, [src, dst], step), step, "src"))
            assert outcome.result == "failed" and words in (outcome.error or ""), (source, target, outcome)
    assert trees.left_behind(src, dst) == []


async def test_an_unreadable_file_is_never_done(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src"), hosts("dst", user="root")
    (src.path("/srv/d")).mkdir()
    src.path("/srv/d/a").write_text("a")
    src.own("/srv/d")
    src.path("/srv/d/secret").write_text("root's")
    src.path("/srv/d/secret").chmod(0o600)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.exit, outcome.transient) == ("failed", 23, False)
        assert b"secret" in ctx.errors and "secret" in (outcome.error or "")


async def test_within_one_server(hosts: Hosts, tmp_path: Path) -> None:
    src = hosts("src", sudo="nopasswd")
    source = trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d", "/srv/copy/")
    async with fleet_of([src], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src], step), step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.detail.get("way")) == ("done", "local"), (outcome, ctx.errors)
    assert trees.listing(src.path("/srv/copy/d")) == trees.listing(source)


async def test_a_final_pass_ends_at_rest(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = trees.make(src, "/srv/d", files=5)
    async with fleet_of([src, dst], tmp_path) as fleet:
        for n, pass_ in enumerate(("initial", "final"), 1):
            step = copying("/srv/d/", "dst:/srv/d/", pass_=pass_, delete=True)
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=n)
            outcome = await copy.run(ctx)
            assert outcome.result == "done", (outcome, ctx.errors)
            (source / "sub/f000").write_text("changed in between")
            (source / "sub/f003").unlink(missing_ok=True)
        ctx.check_progress()
    assert (dst.path("/srv/d/sub/f000")).read_text() == "changed in between"
    assert not dst.path("/srv/d/sub/f003").exists()


async def test_attributes_links_and_what_shares_them(hosts: Hosts, tmp_path: Path) -> None:
    """Extended attributes travel; a target whose files have several names is not written in place."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    for host, words in ((src, "new words"), (dst, "old words")):
        host.path("/srv/d").mkdir()
        host.path("/srv/d/f").write_text(words)
    os.utime(dst.path("/srv/d/f"), (10**9, 10**9))
    os.setxattr(src.path("/srv/d/f"), "user.note", b"kept")
    os.chown(src.path("/srv/d/f"), 12345, 54321)
    dst.path("/srv/snapshot").hardlink_to(dst.path("/srv/d/f"))
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.errors)
    there = dst.path("/srv/d/f")
    assert there.read_text() == "new words" and os.getxattr(there, "user.note") == b"kept"
    assert (there.stat().st_uid, there.stat().st_gid) == (12345, 54321), "by number, whoever that is there"
    assert dst.path("/srv/snapshot").read_text() == "old words"


@pytest.mark.parametrize(("running", "streams", "parts"), [(1, 2, ["files", "images", "settle"]), (7, 1, ["images", "settle"])])
async def test_beside_others_a_small_copy_takes_fewer_streams(
    running: int, streams: int, parts: list[str], hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login more costs more than it brings where several transfers share the processors."""
    monkeypatch.setattr(parts_of_trees, "SMALL", 2 << 20)
    monkeypatch.setattr(parts_of_trees, "LARGE", 4 << 20)
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/d").mkdir()
    for n in range(4):
        src.path(f"/srv/d/f{n}").write_bytes(os.urandom(1 << 20))
    src.path("/srv/d/large").write_bytes(os.urandom(6 << 20))
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", running=running)
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.errors)
    assert [*ctx.detail["copy"]["done"], ctx.detail["copy"]["part"]] == parts
    assert outcome.detail["streams"] == streams
    for name in os.listdir(src.path("/srv/d")):
        assert dst.path(f"/srv/d/{name}").read_bytes() == src.path(f"/srv/d/{name}").read_bytes()
    ctx.check_progress()


async def test_it_ends_at_its_timeout(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/big").write_bytes(os.urandom(8 << 20))
    async with fleet_of([src, dst], tmp_path) as fleet:
        for n, method in enumerate(("rsync", "sftp")):
            step = copying("/srv/big", "dst:/srv/", method=method, limit=500_000, timeout=1.0)
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night=f"s{n}")
            outcome = await asyncio.wait_for(copy.run(ctx), 15)
            assert outcome.result == "failed" and "timeout" in (outcome.error or ""), outcome
    assert trees.left_behind(src, dst) == []


async def test_what_a_job_left_undone_is_seen(hosts: Hosts, tmp_path: Path) -> None:
    """rsync said 0, and the target has less than the source: never done."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        ctx = Context(fleet, plan, step, "src")
        assert (await copy.run(ctx)).result == "done"
        dst.path("/srv/d/sub/f003").unlink()
        again = Context(fleet, plan, step, "src", detail=ctx.detail, resumed=True, errors=ctx.errors)
        outcome = await copy.run(again)
        assert (outcome.result, outcome.transient) == ("failed", True), "the same job, judged by what is there now"
        assert "at the target" in (outcome.error or "")
