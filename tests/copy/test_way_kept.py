"""A copy that has begun between the servers does not go another way because the network was cut for a while."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet import openroute, routes
from cockpit.fleet.routes import Route
from cockpit.fleet.sides import look
from cockpit.steps import copy
from cockpit.steps.copy import way
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts

PULLED: dict[str, Any] = {"copy": {"way": "pull"}}
NO_WAY: tuple[dict[str, Any], ...] = ({"user": "root", "without": ("ssh",)}, {"user": "root", "without": ("ssh-keygen",)})


async def test_it_is_waited_for(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    trees.make(src, "/srv/d", files=5)
    monkeypatch.setattr(way, "PAUSES", (0.1, 0.2, 0.3))
    real, asked = way.find_route, []

    async def cut(*sides: Any, **how: Any) -> Any:
        asked.append(how["pin"])
        if len(asked) < 3:
            return Route("relay", "dst can't reach src", "src", "dst"), None
        return await real(*sides, **how)

    monkeypatch.setattr(way, "find_route", cut)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2, before=[PULLED])
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.detail["way"]) == ("done", "pull"), outcome
    assert asked == ["pull"] * 3
    assert [words for words in ctx.said if "can't be gone now: dst can't reach src" in words], ctx.said


async def test_another_way_between_the_servers_is_taken_in_the_end(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=("ssh",))
    trees.make(src, "/srv/d", files=5)
    monkeypatch.setattr(way, "PAUSES", (0.1,))
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2, before=[PULLED])
        outcome = await copy.run(ctx)
    assert (outcome.result, outcome.detail["way"]) == ("done", "push"), outcome
    assert any("pull, by which this copy began" in words for words in ctx.said)


async def test_it_never_goes_over_sftp_by_itself(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src, dst = hosts("src", **NO_WAY[0]), hosts("dst", **NO_WAY[1])
    trees.make(src, "/srv/d", files=5)
    monkeypatch.setattr(way, "PAUSES", (0.1,))
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2, before=[PULLED])
        outcome = await copy.run(ctx)
    assert (outcome.result, outcome.transient) == ("failed", True), outcome
    assert "began by pull" in (outcome.error or "") and "sftp" in (outcome.error or "")
    assert not list(dst.path("/srv/d").iterdir()) and trees.left_behind(src, dst) == []


@pytest.mark.parametrize(("own", "times"), [(True, 1), (False, 2)], ids=["its own address", "another's"])
async def test_a_way_is_tried_once_more_where_the_address_it_is_seen_by_may_change(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, times: int
) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    real, tried = openroute.OpenRoute.prove, []

    async def prove(route: openroute.OpenRoute, address: str, port: int) -> str:
        tried.append(route.seen_from)
        return await real(route, address, port)

    monkeypatch.setattr(openroute.OpenRoute, "prove", prove)
    async with fleet_of([src, dst], tmp_path) as fleet:
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        ours = ours if own else replace(ours, own=frozenset({"192.0.2.9"}))
        _, opened = await routes.find_route("cockpit-route-t", theirs, ours)
        assert opened is not None
        await opened.permit("echo more than who calls")
        assert f'from="{opened.seen_from}"' in src.path("/root/.ssh/authorized_keys").read_text()
        await opened.close()
    assert len(tried) == times and trees.left_behind(src, dst) == []


async def test_a_server_with_none_of_the_quick_key_exchanges_is_asked_as_data_will_be(hosts: Hosts, tmp_path: Path) -> None:
    src = hosts("src", user="root", sshd_config="KexAlgorithms ecdh-sha2-nistp521\n")
    dst = hosts("dst", user="root")
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
    assert outcome.result == "done", (outcome, ctx.said)
    assert outcome.detail["way"] == "pull", ctx.said
    assert trees.left_behind(src, dst) == []


async def test_a_server_that_reads_another_file_of_keys_is_told_as_such(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root", sshd_config="AuthorizedKeysFile /root/elsewhere\n"), hosts("dst", user="root")
    src.path("/root/elsewhere").write_text(src.client_key.with_suffix(".pub").read_text())
    trees.make(src, "/srv/d", files=5)
    step = copying("/srv/d/", "dst:/srv/d/", route="pull")
    async with fleet_of([src, dst], tmp_path) as fleet:
        outcome = await copy.run(Context(fleet, plan_of(fleet, [src, dst], step), step, "src"))
    assert outcome.result == "failed" and "stands in ~/.ssh/authorized_keys there: does that sshd read" in (outcome.error or "")
