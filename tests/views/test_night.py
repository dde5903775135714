"""A `Night` from a real journal: live, and at any moment of a recorded one."""

from __future__ import annotations

from pathlib import Path

from cockpit.journal import events as e
from cockpit.journal.clock import LiveClock, ReplayClock
from cockpit.journal.reader import Reader
from cockpit.journal.records import Sample
from cockpit.journal.writer import Writer
from cockpit.state.tail import Tail
from cockpit.views import header, servers, transfers
from cockpit.views.model import Night
from cockpit.views.night import NightBuilder
from cockpit.views.now import believed, quiet
from cockpit.views.words import draw, text_of
from tests.views.story import OPENS, Story, the_night


async def write(path: Path, story: Story) -> None:
    writer = Writer.open(path)
    for fact in story.facts:
        await writer.append(fact.event, who=fact.who, why=fact.why, at=fact.at)
    samples = [sample for series in story.samples.values() for sample in series]
    samples += [Sample(OPENS + 1499, f"latency/{name}", {"ms": 3.0}) for name in story.plan.servers]
    for i, sample in enumerate(sorted(samples, key=lambda s: s.at)):
        writer.sample(sample)
        if i % 100 == 0:
            await writer.flush()
    await writer.close()


def drawn(night: Night) -> list[str]:
    return [text_of(header.row1(night, 120)), text_of(header.row2(night, 120)), *draw(servers.table(night, 120), 120),
            *draw(transfers.table(night, 120), 120)]


async def test_a_journal_gives_the_night_that_was_told(tmp_path: Path) -> None:
    story = the_night()
    await write(tmp_path / "journal.db", story)
    reader = Reader.open(tmp_path / "journal.db")
    clock = ReplayClock(OPENS, OPENS + 1500)
    clock.seek(OPENS + 1500)
    builder = NightBuilder(Tail(reader), reader, clock, who="lead")
    story.hear(1499)
    told = story.night(1500, alive=None)
    assert drawn(builder.night()) == drawn(told)
    assert [f.who for f in builder.night().actions] == ["ana"]
    reader.close()


async def test_a_moment_looks_the_same_however_it_was_reached(tmp_path: Path) -> None:
    await write(tmp_path / "journal.db", the_night())
    reader = Reader.open(tmp_path / "journal.db")
    clock = ReplayClock(OPENS, OPENS + 1500)
    walked = NightBuilder(Tail(reader), reader, clock)
    seen = {}
    for second in range(0, 1500, 100):
        clock.seek(OPENS + second)
        seen[second] = drawn(walked.night())
    for second in (900, 300, 1400, 1000, 0):
        clock.seek(OPENS + second)
        assert drawn(walked.night()) == seen[second]
        fresh = NightBuilder(Tail(reader), reader, clock)
        assert drawn(fresh.night()) == seen[second]
    reader.close()


async def test_moving_bytes_are_evidence_of_both_ends(tmp_path: Path) -> None:
    """A link that is full answers no keepalive for a while: what moves over it lives."""
    story = the_night()
    for second in range(1500, 1601):
        story.moved(second, "copy-out@fs01", (second - 910) * 200_000_000, 612_400_000_000)
    await write(tmp_path / "journal.db", story)
    reader = Reader.open(tmp_path / "journal.db")
    clock = ReplayClock(OPENS, OPENS + 1600)
    clock.seek(OPENS + 1600)
    night = NightBuilder(Tail(reader), reader, clock).night()
    assert (quiet(night, "fs01"), quiet(night, "bkp01"), quiet(night, "mail1")) == (0, 0, 101)
    assert believed(night, "fs01") and not believed(night, "sql01"), "its bytes stopped as its answers did"
    reader.close()


async def test_before_the_plan_was_adopted_there_is_an_empty_night(tmp_path: Path) -> None:
    clock = LiveClock()
    writer = Writer.open(tmp_path / "journal.db", clock)
    await writer.append(e.SessionStarted("s1", "Seven", "live", OPENS, OPENS + 3600))
    await writer.flush()
    reader = Reader.open(tmp_path / "journal.db")
    builder = NightBuilder(Tail(reader), reader, clock)
    night = builder.night()
    assert night.plan.steps == ()
    assert drawn(night)
    await writer.append(e.NoteAdded("hello"), who="ana")
    assert [f.kind for f in builder.night().actions] == ["NoteAdded"]
    assert [f.kind for f in builder.facts] == ["NoteAdded"]
    reader.close()
    await writer.close()
