"""A night whose engines are killed one after the other; tests/long/test_crash.py kills at every point there is.

And: what each engine held to be so at each fact is what a reader of the journal folds, at every sequence number.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from cockpit.journal.reader import Reader
from cockpit.state.fold import apply
from cockpit.state.model import State
from cockpit.state.snapshot import digest
from tests.hosts import Hosts
from tests.night.crashes import Ground, Night
from tests.night.sessions import Cockpit, write_plan

POINTS = ("after job.start", "before AttemptEnded", "copy.job-started", "after CheckFinished")


@pytest.mark.parametrize("points", [POINTS], ids=["commits and effects"])
def test_killed_there_nothing_is_lost_or_done_twice(hosts: Hosts, place: Path, points: tuple[str, ...]) -> None:
    digests = place / "digests"
    night = Night(Ground.make(hosts, place), points, env={"COCKPIT_DIGESTS": str(digests)})
    try:
        night.run().check()
    finally:
        night.end()
    assert night.kills == len(points), night.story()
    check_replay(night, dict(line.split() for line in digests.read_text().splitlines()))


def test_a_session_whose_start_was_killed_is_resumed(cockpit: Cockpit, place: Path) -> None:
    step = '[[steps]]\nid = "say"\non = "local"\nrun = "echo {{ inputs.word }}"\n'
    plan = write_plan(place, [], step, head='[inputs.word]\nprompt = "?"\n\n')
    cockpit("run", str(plan), "--headless", "--input", "word=hello", COCKPIT_CRASH="session made", code=-signal.SIGKILL)
    cockpit("resume", "--headless")
    assert cockpit.output("say@local") == b"hello\n"


def check_replay(night: Night, live: dict[str, str]) -> None:
    """live: the digest that an engine noted at each fact; a killed one had no time to note its last few."""
    reader, state = Reader.open(night.session().journal_path), State()
    for fact in reader.facts(0, None, 100_000):
        apply(state, fact)
        assert live.get(str(fact.seq)) in (None, digest(state)), f"fact {fact.seq}: {fact.kind}"
    reader.close()
    assert len(live) >= state.seq - 4 * night.kills - 2
