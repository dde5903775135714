"""What the engine held to be so at each fact is what a reader of the journal folds, at every sequence number."""

from __future__ import annotations

from pathlib import Path

from cockpit.journal.reader import Reader
from cockpit.state.fold import apply
from cockpit.state.model import State
from cockpit.state.snapshot import digest
from tests.hosts import Hosts
from tests.night.crashes import Ground, Night


def test_live_and_replayed_states_are_the_same(hosts: Hosts, place: Path) -> None:
    log = place / "digests"
    night = Night(Ground.make(hosts, place), ("after job.start#2",), env={"COCKPIT_DIGESTS": str(log)})
    try:
        night.run().check()
    finally:
        night.end()
    live = dict(line.split() for line in log.read_text().splitlines())
    reader, state = Reader.open(night.session().journal_path), State()
    for fact in reader.facts(0, None, 100_000):
        apply(state, fact)
        assert live.get(str(fact.seq)) in (None, digest(state)), f"fact {fact.seq}: {fact.kind}"
    reader.close()
    assert len(live) >= state.seq - 4, "all but what a killed engine had no time to see"
