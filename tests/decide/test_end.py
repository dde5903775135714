"""How a night ends that nobody finished."""

from __future__ import annotations

from cockpit.journal.events import ServerDropped
from cockpit.plan.reader import loads
from tests.decide.simulated import World
from tests.state.test_green import PLAN


def test_a_night_from_which_every_server_was_dropped_is_not_done() -> None:
    world = World(loads(PLAN.partition("[[steps]]\nid = \"gate\"")[0], "night.toml"))
    world.say(ServerDropped("fs01"), who="maria")
    world.step()
    assert world.state.outcome == "abandoned"
