"""Nights whose engines are killed one after the other; tests/long/test_crash.py kills at every point there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.night.crashes import Ground, Night

COMMITS = (
    "before SessionStarted", "after EngineStarted", "after AttemptStarted#3", "before AttemptEnded", "before capture",
    "after CheckFinished", "after GateAnswered", "before NightEnded",
)
EFFECTS = (
    "after claim#1", "before job.start#2", "after job.start", "after output#2", "after job.end", "copy.route-made",
    "copy.job-started", "copy.job-ended",
)


@pytest.mark.parametrize("points", [COMMITS, EFFECTS], ids=["commits", "effects"])
def test_killed_there_nothing_is_lost_or_done_twice(hosts: Hosts, place: Path, points: tuple[str, ...]) -> None:
    night = Night(Ground.make(hosts, place), points)
    try:
        night.run().check()
    finally:
        night.end()
    assert night.kills == len(points), night.story()
