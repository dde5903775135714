"""What the engine journals of alarms: that a stall or a lateness that has called a person is over, once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.engine.alarms import Alarms
from cockpit.engine.forecasts import Recorder
from cockpit.forecast.model import Forecast
from cockpit.journal.events import AlarmEnded, TransferPaused
from cockpit.journal.reader import Reader
from cockpit.journal.writer import Writer
from cockpit.state.fold import fold
from tests.views.story import OPENS, Story

COPY = "copy-out@fs01"
RATE, TOTAL = 1_000_000, 200_000_000


async def told(path: Path, stall: range, *, paused: bool = False) -> list[AlarmEnded]:
    """A transfer from second 100 on that moves no byte in these seconds (and is paused then); looked at every second."""
    writer = Writer.open(path)
    await writer.flush()
    story, reader, facts = Story(), Reader.open(path), list[AlarmEnded]()
    story.begin(100, COPY)

    async def append(*events: AlarmEnded) -> None:
        facts.extend(events)

    engine: Any = SimpleNamespace(state=fold(story.facts), plan=story.plan, reader=reader, writer=SimpleNamespace(sample=print))
    engine.forecasts, engine.append = Recorder(engine), append
    alarms = Alarms(engine)
    moved = 0
    for second in range(100, stall.stop + 20):
        moved += RATE * (second not in stall)
        if paused and second == stall.start + 70:
            story.tell(second, TransferPaused(COPY), who="ana")
            engine.state = fold(story.facts)
        story.moved(second, COPY, moved, TOTAL)
        writer.sample(story.samples[COPY][-1])
        await writer.flush()
        engine.forecasts.heard(COPY, story.samples[COPY][-1])
        engine.forecasts.look(OPENS + second)
        await alarms.look(OPENS + second)
    reader.close()
    await writer.close()
    return facts


async def test_a_stall_that_called_a_person_is_told_to_be_over_once(tmp_path: Path) -> None:
    (ended,) = await told(tmp_path / "journal.db", range(130, 200))
    assert (ended.alarm, ended.since) == (f"stalled:{COPY}#{OPENS + 129:.0f}", OPENS + 129)
    assert (ended.text, ended.task, ended.server) == ("moves again", COPY, "fs01")


async def test_a_stall_that_called_nobody_is_not_told_of(tmp_path: Path) -> None:
    assert await told(tmp_path / "journal.db", range(130, 170)) == []


async def test_a_stalled_transfer_that_is_paused_stands_still_on_purpose(tmp_path: Path) -> None:
    (ended,) = await told(tmp_path / "journal.db", range(130, 210), paused=True)
    assert ended.text == "paused"


@pytest.mark.parametrize(("slacks", "alarms"), [
    ((100, -5, -1200, -30, 30, 59), []),
    ((100, -5, -1200, -30, 30, 61, 70), ["late#15"]),
    ((100, -5, 90, 80, -2000, 100), ["late#0", "late#30"]),
])  # fmt: skip
async def test_a_night_is_in_time_again_only_with_some_slack(slacks: tuple[int, ...], alarms: list[str]) -> None:
    facts = list[AlarmEnded]()

    async def append(*events: AlarmEnded) -> None:
        facts.extend(events)

    engine: Any = SimpleNamespace(state=fold(Story().facts), forecasts=SimpleNamespace(made=None), append=append)
    watch = Alarms(engine)
    await watch.look(OPENS)
    for i, slack in enumerate(slacks):
        engine.forecasts.made = Forecast(slack=slack)
        await watch.look(OPENS + 60 * i)
    assert [f.alarm for f in facts] == alarms
