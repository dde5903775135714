"""How a night ends that nobody finished."""

from __future__ import annotations

import pytest

from cockpit.journal.events import ServerDropped
from cockpit.plan.reader import loads
from tests.decide.simulated import World
from tests.state.test_green import PLAN


def test_a_night_from_which_every_server_was_dropped_is_not_done() -> None:
    world = World(loads(PLAN.partition("[[steps]]\nid = \"gate\"")[0], "night.toml"))
    world.say(ServerDropped("fs01"), who="maria")
    world.step()
    assert world.state.outcome == "abandoned"


@pytest.mark.parametrize("rule", ["hold", "stop"])
def test_nobody_waits_for_what_failed_on_a_server_that_was_dropped_since(rule: str) -> None:
    head = PLAN.partition("[[steps]]")[0] + '[servers.web01]\nhost = "10.0.0.2"\n'
    work = f'[[steps]]\nid = "work"\non = "all"\nrun = "true"\non_failure = "{rule}"\n'
    last = '[[steps]]\nid = "sum"\non = "web01"\nneeds = ["work:all"]\nrun = "true"\n'
    world = World(loads(head + work + last, "night.toml"))
    world.step()
    world.end("work@fs01", "failed")
    world.end("work@web01")
    world.say(ServerDropped("fs01"), who="maria")
    world.step()
    assert world.running() == ["sum@web01"]
    world.end("sum@web01")
    world.step()
    assert world.state.outcome == "done"
