"""Comparisons between more sorts of servers, login shells and missing tools than the short suite has, and of big files."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from cockpit.steps.verify import step as verify
from tests.hosts.factory import Hosts
from tests.night.sessions import Cockpit, write_plan
from tests.verify import test_compare_places as places
from tests.verify import test_compare_wrong as wrong
from tests.verify import test_night as nights
from tests.verify.ground import bench, comparing, plant


@pytest.mark.parametrize(("one", "other"), [("python", "gnu"), ("busybox", "sftp"), ("busybox", "busybox")])
async def test_everything_that_a_tree_may_hold(one: str, other: str, hosts: Hosts, tmp_path: Path) -> None:
    await places.test_everything_that_a_tree_may_hold(one, other, hosts, tmp_path)


@pytest.mark.parametrize("shell", ["fish", "dash"])
async def test_login_shells_sudo_and_noise(shell: str, hosts: Hosts, tmp_path: Path) -> None:
    await places.test_login_shells_sudo_and_noise(shell, hosts, tmp_path)


@pytest.mark.parametrize("tool", ["stat", "xargs", "readlink"])
async def test_a_server_without_the_tools_is_not_tested(tool: str, hosts: Hosts, tmp_path: Path) -> None:
    await wrong.test_a_server_without_the_tools_is_not_tested(tool, hosts, tmp_path)


def test_a_place_out_of_reach_is_waited_for(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    made = nights.make(hosts)
    made[1].stop()
    steps = nights.PROVE[nights.PROVE.index('[[steps]]\nid = "prove"') : nights.PROVE.index('[[steps]]\nid = "go"')]
    plan = write_plan(place, made, steps.replace(', "nas01:/vault/fs01"', ', "nas01:/srv/data"').replace(", meta = true", ""))
    follower = nights.begin(plan)
    status = cockpit.until(lambda s: s["tasks"] and s["tasks"][0]["state"] == "unknown")
    assert all(p["check"] != "same" or p["result"] == "not-tested" for p in status["proofs"])
    subprocess.run(["cp", "-a", str(made[0].path("/srv/data")), str(made[1].seen("/srv/data"))], check=True)
    made[1].start()
    cockpit.until(lambda s: s["outcome"] == "done", seconds=60)
    follower.communicate(timeout=30)
    assert nights.proofs(cockpit)["prove/same@fs01"]["result"] == "pass"


def test_after_the_loss_of_a_server_the_checks_simply_run_again(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    nights.test_after_a_loss_the_checks_simply_run_again("server", cockpit, hosts, place)


async def test_big_files_move_the_screen_and_block_nobody(hosts: Hosts, tmp_path: Path) -> None:
    made = [hosts(name, **places.KINDS[name]) for name in ("python", "gnu", "sftp")]
    for host in made:
        root = plant(host, "/srv/data", {"small": b"s"})
        with (root / "big").open("wb") as file:
            file.truncate(300 << 20)
    gaps: list[float] = []

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            gaps.append(loop.time() - before)

    async with bench(made, tmp_path) as b:
        beating = asyncio.create_task(beat())
        ctx = b.attempt(comparing(*(f"{host.name}:/srv/data" for host in made)), on="python")
        running = asyncio.create_task(verify.run(ctx))
        while not any(sample[1] for sample in ctx.samples):
            done = await asyncio.wait_for(ctx.remote().run("echo here"), 20)
            assert done.stdout == b"here\n", "other commands of the server run beside it"
        assert (await running).result == "done"
        beating.cancel()
    assert ctx.samples[0][:2] == ("scan", 0)
    read = [(done, total) for phase, done, total, _, _ in ctx.samples if phase == "verify"]
    assert read == sorted(read) and read[0] == (0, 3 * ((300 << 20) + 1)) and read[-1][0] == read[-1][1]
    assert len({done for done, _ in read}) >= 4, read
    assert sorted(gaps)[int(len(gaps) * 0.99)] < 0.5, "the loop is not held up"
