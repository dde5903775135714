"""What the engine records of its forecasts, and how seldom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cockpit.engine.forecasts import Recorder
from cockpit.journal.reader import Reader
from cockpit.journal.records import Sample
from cockpit.journal.writer import Writer
from cockpit.state.fold import fold
from tests.views.story import OPENS, Story

COPY = "copy-out@fs01"
RATE, TOTAL = 1_000_000, 200_000_000


async def recorded(path: Path, story: Story, seconds: range) -> dict[str, list[Sample]]:
    """A transfer at an even rate from second 100 on, looked at once a second."""
    writer = Writer.open(path)
    await writer.flush()
    reader, kept = Reader.open(path), dict[str, list[Sample]]()

    class Kept:
        def sample(self, sample: Sample) -> None:
            kept.setdefault(sample.series, []).append(sample)

    engine: Any = SimpleNamespace(state=fold(story.facts), plan=story.plan, reader=reader, writer=Kept())
    recorder = Recorder(engine)
    for second in seconds:
        story.moved(second, COPY, (second - 100) * RATE, TOTAL)
        sample = story.samples[COPY][-1]
        writer.sample(sample)
        await writer.flush()
        recorder.heard(COPY, sample)
        recorder.look(OPENS + second + 0.5)
    reader.close()
    await writer.close()
    return kept


async def test_a_transfer_each_half_minute_and_past_each_mark_the_night_each_minute(tmp_path: Path) -> None:
    story = Story()
    story.begin(100, COPY)
    kept = await recorded(tmp_path / "journal.db", story, range(100, 290))
    at = [(round(s.at - OPENS - 0.5), s.values["bytes_done"]) for s in kept[f"forecast/{COPY}"]]
    assert [second for second, _ in at] == [100, 130, 150, 180, 200, 230, 250, 280]
    assert {second for second, done in at if done in (50 * RATE, 100 * RATE, 150 * RATE, 180 * RATE)} == {150, 200, 250, 280}
    assert all(abs(float(s.values["eta"] or 0) - (OPENS + 300 - s.at)) < 2 for s in kept[f"forecast/{COPY}"][1:])
    nights = [round(s.at - OPENS) for s in kept["forecast"]]
    assert len(nights) == 4 and nights[1] - nights[0] == 60
    assert kept["forecast"][-1].values["finish_p90"] is not None


async def test_nothing_is_computed_while_nothing_runs_or_happens(tmp_path: Path) -> None:
    story = Story()
    engine: Any = SimpleNamespace(state=fold(story.facts), plan=story.plan, writer=SimpleNamespace(sample=(kept := []).append))
    recorder = Recorder(engine)
    for second in range(3600):
        recorder.look(OPENS + second)
    assert len(kept) == 1
