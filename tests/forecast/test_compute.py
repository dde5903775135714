"""Forecasts against files: each night in `nights/` says what happened and what is to be expected of it.

Times in the files are seconds after the window opened; it is 13 hours long.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cockpit.forecast.compute import forecast
from cockpit.forecast.model import Forecast
from cockpit.journal import events as e
from cockpit.state.fold import fold
from cockpit.state.standing import standings
from tests.views.story import HEAD, OPENS, Story

NIGHTS = sorted((Path(__file__).parent / "nights").glob("*.toml"))


def tell(story: Story, at: float, what: str, target: str) -> None:
    match what:
        case "begin":
            story.begin(at, target)
        case "end":
            story.end(at, target)
        case "fail":
            story.end(at, target, result="failed", error="it broke")
        case "drop":
            story.tell(at, e.ServerDropped(target), who="lead", why="dead")
        case "over":
            story.tell(at, e.NightEnded(target))
        case "back out":
            story.tell(at, e.BackoutStarted(target), who="lead")
        case _:
            raise AssertionError(what)


def told(night: dict[str, Any]) -> Forecast:
    story = Story(HEAD + night["plan"])
    for at, what, target in night.get("facts", []):
        tell(story, at, what, target)
    for task, move in night.get("moves", {}).items():
        for second in range(move["from"], move["to"] + 1):
            story.moved(second, task, (second - move["from"]) * move["rate"], move["total"])
    return story.night(night["now"]).forecast


def after(times: dict[str, float], names: Any) -> dict[str, float]:
    return {name: round(times[name] - OPENS) for name in names}


@pytest.mark.parametrize("path", NIGHTS, ids=lambda p: p.stem)
def test_nights(path: Path) -> None:
    night = tomllib.loads(path.read_text())
    expect, found = night["expect"], told(night)
    assert (None if found.finish is None else round(found.finish - OPENS)) == expect.get("finish")
    assert list(found.critical) == expect["critical"]
    assert after(dict(found.ends), expect.get("ends", {})) == expect.get("ends", {})
    assert after(dict(found.starts), expect.get("starts", {})) == expect.get("starts", {})
    if "slack" in expect:
        assert round(found.slack or 0) == expect["slack"]
    if "server_slack" in expect:
        assert {s: round(v) for s, v in found.server_slack.items()} == expect["server_slack"]
    assert (None if found.finish_p90 is None else round(found.finish_p90 - OPENS)) == expect.get("finish_p90")
    assert found.backout_latest is None


def test_the_stalled_server_has_no_known_end() -> None:
    found = told(tomllib.loads((Path(__file__).parent / "nights" / "stalled.toml").read_text()))
    assert "copy@fs01" not in found.ends
    assert found.slack is None


def test_backing_out_is_possible_while_the_plan_has_a_way_and_no_gate_of_no_return_was_passed() -> None:
    steps = """
[servers.fs01]
host = "a"
[[steps]]
id = "final"
title = "Finalize?"
gate = { no_return = true }
[[backout]]
id = "restore"
title = "Restore"
on = "all"
run = "true"
"""
    story = Story(HEAD + steps)
    assert story.night(1).forecast.backout_possible
    story.begin(2, "final")
    story.tell(3, e.GateAnswered("final", "go"), who="lead")
    story.end(3, "final")
    assert not story.night(4).forecast.backout_possible


def test_seventeen_steps_on_fifty_servers() -> None:
    servers = "".join(f"[servers.s{i:02d}]\nhost = 'h{i}'\n" for i in range(50))
    steps = "".join(
        f"[[steps]]\nid = 'step{i}'\ntitle = 'Step {i}'\nestimate = '10m'\n"
        + ("gate = {}\n" if i % 6 == 5 else "on = 'all'\nrun = 'true'\n")
        for i in range(17)
    )
    story = Story(HEAD + servers + steps)
    state = fold(story.facts)
    found = standings(story.plan, state, OPENS)
    result = forecast(story.plan, state, found, {}, OPENS)
    assert result.finish is not None
    assert len(result.ends) == 15 * 50 + 2
