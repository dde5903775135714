"""A pipe between two servers: counted truly, both ends' words and exit codes kept, and never done when one of them failed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.plan.model import Estimate
from cockpit.steps import copy
from tests.copy import trees
from tests.copy.context import Context, fleet_of, piping, plan_of
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.long.test_copy_resume import through_losses


def tool(name: str) -> Callable[[int], bool]:
    def is_it(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() == name
        except OSError:
            return False

    return is_it


async def ended(host: Host, name: str) -> None:
    async with asyncio.timeout(15):
        while any(tool(name)(pid) for pid in host.pids()):  # noqa: ASYNC110 - another host's processes tell nobody
            await asyncio.sleep(0.1)


async def piped(fleet: Any, hosts: list[Host], step: Any, **more: Any) -> tuple[Any, Context]:
    ctx = Context(fleet, plan_of(fleet, hosts, step), step, hosts[0].name, **more)
    return await copy.run(ctx), ctx


@pytest.mark.parametrize(("ours", "theirs", "way"), [
    ({"sudo": "nopasswd"}, {"sudo": "nopasswd", "shell": "csh"}, "pull"),
    ({"sudo": "nopasswd", "shell": "fish"}, {"user": "root", "without": ("ssh", "rsync")}, "push"),
    ({"user": "root", "userland": "busybox", "shell": "busybox", "sh": "busybox", "without": ("python3", "rsync", "setsid")},
     {"user": "root", "userland": "busybox", "shell": "busybox", "sh": "busybox", "without": ("python3",)}, "pull"),
    ({"user": "root", "bastion": True}, {"user": "root", "bastion": True}, "tunnel"),
])  # fmt: skip
async def test_a_tree_by_tar(ours: dict[str, Any], theirs: dict[str, Any], way: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", **ours), hosts("dst", **theirs)
    source = trees.make(src, "/srv/d", files=12, special=False)
    dst.path("/srv/d").mkdir()
    step = piping("tar -cf - -C /srv/d .; echo 'it said \"so\"' >&2", "tar -xpf - -C /srv/d", None, "dst")
    async with fleet_of([src, dst], tmp_path) as fleet:
        outcome, ctx = await piped(fleet, [src, dst], step)
    assert (outcome.result, outcome.detail.get("way")) == ("done", way), (outcome, ctx.said, ctx.errors)
    assert set(trees.listing(dst.path("/srv/d"))) == set(trees.listing(source))
    assert (dst.path("/srv/d/sub/f003")).read_bytes() == (source / "sub/f003").read_bytes()
    assert b'producer| it said "so"\n' in ctx.errors
    assert outcome.detail["exits"] == {"producer": 0, "counter": 0, "consumer": 0}
    assert trees.left_behind(src, dst) == []


@pytest.mark.parametrize("without", [(), ("python3",)])
async def test_every_byte_is_counted(without: tuple[str, ...], hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=without)
    size = 200_000_001
    step = piping(f"head -c {size} /dev/zero", "wc -c", "src", "dst", estimate=Estimate(9.0, bytes=size))
    async with fleet_of([src, dst], tmp_path) as fleet:
        outcome, ctx = await piped(fleet, [src, dst], step)
    assert outcome.result == "done" and outcome.detail["bytes"] == size, (outcome, ctx.errors)
    assert b"consumer| %d\n" % size in ctx.errors
    moved = [done for phase, done, *_ in ctx.samples if phase == "copy"]
    assert moved == sorted(moved) and moved[-1] == size


async def test_a_full_turn_of_the_counter_is_not_the_end(hosts: Hosts, tmp_path: Path) -> None:
    """Without Python, at a rate whose turns are of twenty blocks: "20+0 records in" is no "0+0 records in"."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=("python3",))
    size = 5_000_000
    step = piping(f"head -c {size} /dev/zero", "wc -c", "src", "dst", limit=1_250_000.0)
    async with fleet_of([src, dst], tmp_path) as fleet:
        outcome, ctx = await piped(fleet, [src, dst], step)
    assert outcome.result == "done" and outcome.detail["bytes"] == size, (outcome, ctx.errors)
    assert b"consumer| %d\n" % size in ctx.errors


async def test_a_dump_read_by_a_shell(hosts: Hosts, tmp_path: Path) -> None:
    """On one server too, where no key is needed."""
    box, other = hosts("box", user="root"), hosts("other", user="root")
    box.path("/srv/dump").write_text("echo restored 'two words' > /srv/state\n")
    async with fleet_of([box, other], tmp_path) as fleet:
        for to, host in (("other", other), ("box", box)):
            outcome, ctx = await piped(fleet, [box, other], piping("cat /srv/dump", "sh", "box", to), night=to)
            assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
            assert outcome.detail["way"] == ("local" if to == "box" else "pull")
            assert host.path("/srv/state").read_text() == "restored two words\n"


@pytest.mark.parametrize("without", [(), ("ssh",)])  # pulled, pushed
async def test_it_is_not_done_when_one_of_them_failed(without: tuple[str, ...], hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=without)
    cases = {
        ("echo half; exit 7", "cat > /srv/got"): (7, "the producer ended with exit 7", {"producer": 7, "consumer": 0}),
        ("cat /dev/zero", "head -c 99 >/dev/null; exit 9"): (9, "the consumer ended with exit 9", {"consumer": 9}),
        ("cat /dev/zero", "head -c 99 >/dev/null"): (141, "broken pipe", {"consumer": 0}),
        ("kill -9 $$", "cat"): (137, "the producer", {"producer": 137}),
        ("nonesuch", "cat"): (127, "the producer", {"producer": 127, "consumer": 0}),
    }
    async with fleet_of([src, dst], tmp_path) as fleet:
        for night, (commands, (exit_, words, exits)) in enumerate(cases.items()):
            outcome, ctx = await piped(fleet, [src, dst], piping(*commands, "src", "dst"), night=f"n{night}")
            assert outcome.result == "failed" and not outcome.transient, (commands, outcome, ctx.said)
            assert words in (outcome.error or "") and exits.items() <= outcome.detail["exits"].items(), (commands, outcome)
            if exit_ != 141 and not (without and exit_ == 137):
                assert outcome.exit == exit_, (commands, outcome)
    assert trees.left_behind(src, dst) == []


@pytest.mark.parametrize("without", [(), ("ssh",)])
async def test_a_cancel_ends_both(without: tuple[str, ...], hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", sudo="nopasswd"), hosts("dst", sudo="nopasswd", without=without)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = piping("head -c 3000000 /dev/zero; sleep 1000", "cat >/dev/null", "src", "dst")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 20)
        ctx.cancel.set()
        assert (await running).result == "cancelled"
        await ended(src, "sleep")
        await ended(dst, "cat")
    assert trees.left_behind(src, dst) == []


async def test_a_killed_ssh_is_a_failure_and_ends_both(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = piping("head -c 3000000 /dev/zero; sleep 1000", "cat >/dev/null", "src", "dst")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 20)
        assert dst.space.signal(signal.SIGKILL, tool("ssh")) == 1
        outcome = await running
        assert outcome.result == "failed" and not outcome.transient, outcome
        assert outcome.exit == 137 and "producer" in (outcome.error or ""), outcome
        await ended(src, "sleep")


async def test_it_goes_on_without_the_engine_and_is_never_begun_twice(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    os.mkfifo(src.path("/srv/go"))
    step = piping("head -c 3000000 /dev/zero; cat /srv/go", "echo begun >> /srv/log; wc -c", "src", "dst")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        engine = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 20)
        engine.cancel()
        await asyncio.wait({engine})
        src.path("/srv/go").write_bytes(b"more")
        again = Context(fleet, ctx.plan, step, "src", detail=ctx.detail, errors=ctx.errors, resumed=True)
        outcome = await copy.run(again)
        assert outcome.result == "done" and outcome.detail["bytes"] == 3_000_004, (outcome, again.said)
        assert dst.path("/srv/log").read_text() == "begun\n"
        dst.reboot()
        third = Context(fleet, ctx.plan, step, "src", detail=ctx.detail, resumed=True)
        assert (await through_losses(third)).result in ("unknown", "done")
        assert dst.path("/srv/log").read_text() == "begun\n"


async def test_a_rate_is_kept(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        began = asyncio.get_running_loop().time()
        outcome, _ = await piped(fleet, [src, dst], piping("head -c 16000000 /dev/zero", "wc -c", "src", "dst", limit=4e6))
        assert outcome.result == "done"
        assert asyncio.get_running_loop().time() - began > 3.5


async def test_a_paused_pipe_moves_nothing_until_it_may(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = piping("head -c 3000000 /dev/zero", "cat > /srv/got", "src", "dst")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", rate=0)
        running = asyncio.create_task(copy.run(ctx))
        async with asyncio.timeout(30):
            while [phase for phase, *_ in ctx.samples].count("copy") < 3:  # noqa: ASYNC110 - one a second
                await asyncio.sleep(0.1)
        assert dst.path("/srv/got").stat().st_size == 0
        await ctx.change_pace(None)
        assert (await running).result == "done"
    assert dst.path("/srv/got").stat().st_size == 3_000_000
