"""What a gate may take for proven, and when a night waits for a person alone. Real plan, real fold, no servers."""

from __future__ import annotations

import pytest

from cockpit.journal.events import AttemptEnded, AttemptStarted, AttemptUnknown, CheckFinished, ServerLost, TaskMarkedDone
from cockpit.plan.model import Gate
from cockpit.plan.reader import loads
from cockpit.state.green import not_green
from cockpit.state.standing import only_a_person_can
from tests.decide.simulated import World

PLAN = """
[plan]
version = 1
name = "a night"

[window]
opens = "+0s"
closes = "+13h"

[servers.fs01]
host = "10.0.0.1"

[[steps]]
id = "prove"
on = "fs01"
verify = [ { run = "true", name = "one" }, { run = "true", name = "two" } ]

[[steps]]
id = "gate"
gate = { requires = ["prove"] }
"""


def red(world: World) -> list[str]:
    gate = world.plan.step("gate").action
    assert isinstance(gate, Gate)
    return not_green(world.plan, world.state, gate, None).red


def test_a_persons_word_is_no_proof() -> None:
    world = World(loads(PLAN, "night.toml"))
    world.say(AttemptStarted("prove@fs01", 1, "a1", "do"), AttemptUnknown("prove@fs01", 1, "ask: gone"))
    world.say(CheckFinished("prove@fs01", 1, "one", "run", "pass", "exit 0", world.now, []))
    world.say(TaskMarkedDone("prove@fs01"), who="maria")
    assert red(world) == ["prove@fs01/two was never tested"]


def test_all_that_was_tested_and_passed_is_green() -> None:
    world = World(loads(PLAN, "night.toml"))
    world.say(AttemptStarted("prove@fs01", 1, "a1", "do"))
    for name in ("one", "two"):
        world.say(CheckFinished("prove@fs01", 1, name, "run", "pass", "exit 0", world.now, []))
    world.say(AttemptEnded("prove@fs01", 1, "done"))
    assert red(world) == []


@pytest.mark.parametrize(("problem", "alone"), [("key-changed", True), ("auth", True), ("unreachable", False)])
def test_a_server_that_lets_nobody_in_waits_for_a_person(problem: str, alone: bool) -> None:
    world = World(loads(PLAN, "night.toml"))
    world.say(ServerLost("fs01", problem, "its key is another"))
    assert only_a_person_can(world.state, world.standings()) is alone
