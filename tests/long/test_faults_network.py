"""The network is cut for 20 s in the middle of two copies, an image's and a tree's. tests/long cuts it for 180 s."""

from __future__ import annotations

import time
from pathlib import Path

from tests.hosts import Hosts
from tests.long.faulty import BOTH, Pair
from tests.night.conftest import cockpit, place
from tests.night.sessions import Cockpit

__all__ = ["cockpit", "place"]


def test_the_source_is_cut_off_for_20_s(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts, bastion=True)
    follower = pair.start(place)
    pair.to_the_middle()
    since = time.monotonic()
    pair.src.wire.cut()
    pair.mark()
    pair.noticed_stalled(since=since)
    assert {cockpit.states()[task] for task in BOTH} <= {"running", "unknown"}
    time.sleep(max(0.0, since + 20 - time.monotonic()))  # how long it lasts is what is tested
    pair.src.wire.mend()
    pair.faster()
    assert follower.wait(90) == 0
    pair.check()
