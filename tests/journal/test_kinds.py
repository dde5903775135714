"""All kinds of events are to be had from `journal.events`, wherever they are written down."""

from __future__ import annotations

from cockpit.journal import envelope, events


def test_every_kind_is_one_of_the_journals_events() -> None:
    assert set(events.__all__) == {*envelope.KINDS, "KINDS", "Event", "Fact", "decode", "encode"}
    for name, kind in envelope.KINDS.items():
        assert getattr(events, name) is kind
