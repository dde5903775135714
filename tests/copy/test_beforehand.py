"""Before a copy's first job: what lies at its target is seen as it is, and a cancel or a late answer is heard."""

from __future__ import annotations

import asyncio
import filecmp
import os
import time
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.routes import Route
from cockpit.fleet.survey import able
from cockpit.steps import copy
from cockpit.steps.copy import places, way
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.disks import mount
from tests.hosts import Host, Hosts

PULLED: dict[str, Any] = {"copy": {"way": "pull"}}


@pytest.fixture
def two(hosts: Hosts) -> list[Host]:
    return [hosts("src", user="root"), hosts("dst", user="root")]


async def copied(two: list[Host], place: Path, target: str = "dst:/srv/d/", *, n: int = 1, **how: Any) -> tuple[Any, Context]:
    step = copying("/srv/d/", target, **how)
    async with fleet_of(two, place) as fleet:
        ctx = Context(fleet, plan_of(fleet, two, step), step, "src", n=n, before=[PULLED] * (n - 1))
        return await copy.run(ctx), ctx


@pytest.mark.parametrize("target", ["dst:/srv/data/", "dst:/mnt/big/data/"], ids=["through a link", "plainly"])
async def test_what_shares_its_files_with_a_snapshot_leaves_that_alone(two: list[Host], tmp_path: Path, target: str) -> None:
    src, dst = two
    src.path("/srv/d").mkdir()
    (src.path("/srv/d") / "db").write_bytes(b"new" * 1000)
    dst.run("mkdir -p /mnt/big/data /mnt/big/snapshot; ln -s /mnt/big/data /srv/data")
    dst.path("/mnt/big/data/db").write_bytes(b"old" * 1000)
    dst.run("ln /mnt/big/data/db /mnt/big/snapshot/db")
    outcome, _ = await copied(two, tmp_path, target)
    assert outcome.result == "done" and dst.path("/mnt/big/data/db").read_bytes() == b"new" * 1000
    assert dst.path("/mnt/big/snapshot/db").read_bytes() == b"old" * 1000


async def test_an_image_is_not_written_through_a_link_to_another_place(two: list[Host], tmp_path: Path) -> None:
    src, dst = two
    image = src.path("/srv/d") / "vm/deep/disk.img"
    image.parent.mkdir(parents=True)
    trees.sparse(image, 300 << 20, data=1 << 20)
    dst.run("mkdir -p /mnt/other/deep /srv/d; ln -s /mnt/other /srv/d/vm")
    dst.path("/mnt/other/deep/disk.img").write_bytes(b"old" * 1000)
    outcome, _ = await copied(two, tmp_path)
    assert outcome.result == "done", outcome
    assert filecmp.cmp(image, dst.path("/srv/d/vm/deep/disk.img"), shallow=False) and not dst.path("/srv/d/vm").is_symlink()
    assert dst.path("/mnt/other/deep/disk.img").read_bytes() == b"old" * 1000


async def test_a_new_file_system_is_an_empty_place(two: list[Host], tmp_path: Path) -> None:
    """Its lost+found made it a full one: no holes were made, and what fits was too large."""
    src, dst = two
    src.path("/srv/d").mkdir()
    trees.sparse(src.path("/srv/d/vm.img"), 100 << 20, data=1 << 20)
    place = mount(dst, "/srv/d", "ext4", "64M")
    assert (place / "lost+found").is_dir()
    outcome, ctx = await copied(two, tmp_path)
    assert outcome.result == "done", (outcome, ctx.said)
    assert trees.allocated(place / "vm.img") < 4 << 20 and (place / "lost+found").is_dir()


async def test_a_cancel_is_heard_while_the_source_is_counted(
    two: list[Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.make(two[0], "/srv/d", files=5)
    real = places.count_command
    monkeypatch.setattr(places, "count_command", lambda *a: "touch /tmp/counted; sleep 300; " + real(*a))
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of(two, tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, two, step), step, "src")
        running = asyncio.create_task(copy.run(ctx))
        while not two[0].path("/tmp/counted").exists():  # noqa: ASYNC110 - a file tells nobody that it is there
            await asyncio.sleep(0.05)
        ctx.cancel.set()
        outcome = await asyncio.wait_for(running, 20)
    assert outcome.result == "cancelled" and trees.left_behind(*two) == []


async def test_a_server_that_answers_too_late_is_said_and_tried_again(
    two: list[Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.make(two[0], "/srv/d", files=5)
    monkeypatch.setattr(able, "PATIENCE", 1.0)
    real = able.trial_command
    monkeypatch.setattr(able, "trial_command", lambda path: "sleep 30; " + real(path))
    outcome, _ = await copied(two, tmp_path)
    assert (outcome.result, outcome.transient) == ("failed", True) and "did not answer in time" in outcome.error
    assert trees.left_behind(*two) == []


@pytest.mark.parametrize("pin", [None, "pull"])
async def test_the_way_by_which_it_began_is_waited_for_also_where_the_plan_pins_it(
    two: list[Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pin: str | None
) -> None:
    trees.make(two[0], "/srv/d", files=5)
    monkeypatch.setattr(way, "PAUSES", (0.1, 0.1))
    real, asked = way.find_route, []

    async def cut(*sides: Any, **how: Any) -> Any:
        asked.append(time.monotonic())
        return (Route("relay", "no route to host", "src", "dst"), None) if len(asked) < 3 else await real(*sides, **how)

    monkeypatch.setattr(way, "find_route", cut)
    outcome, _ = await copied(two, tmp_path, n=2, route=pin)
    assert outcome.result == "done" and len(asked) == 3


async def test_what_fits_only_if_it_is_there_already_is_said(two: list[Host], tmp_path: Path) -> None:
    src, dst = two
    src.path("/srv/d").mkdir()
    (src.path("/srv/d") / "new").write_bytes(os.urandom(30 << 20))
    place = mount(dst, "/srv/small", "ext4", "64M")
    (place / "t").mkdir()
    (place / "t/other").write_bytes(os.urandom(35 << 20))
    _, ctx = await copied(two, tmp_path, "dst:/srv/small/t/")
    assert any("only if" in words for words in ctx.said), ctx.said
