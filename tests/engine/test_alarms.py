"""What the engine journals of alarms: that a stall or a lateness that has called a person is over, once, and who has seen it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.engine.alarms import Alarms
from cockpit.engine.forecasts import Recorder
from cockpit.engine.verbs.desk import Command, Desk, Refused
from cockpit.engine.verbs.night import ack
from cockpit.forecast.model import Forecast
from cockpit.journal.events import AlarmAcknowledged, AlarmEnded, TransferPaused
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


@pytest.mark.parametrize(("slack", "seen"), [
    (None, ["late"]), (100, ["late"]), (-5, ["late", "late#0"]), (-2000, ["late", "late#30"]),
])  # fmt: skip
async def test_who_acknowledges_lateness_by_its_name_has_seen_the_one_that_stands(slack: int | None, seen: list[str]) -> None:
    assert await acknowledged("late", slack) == seen


async def test_only_what_can_be_an_alarm_of_this_night_is_acknowledged() -> None:
    for alarm in ("lost:mail1", "lost:mail1#7", f"stalled:{COPY}", f"stalled:{COPY}#7", "late#15"):
        assert await acknowledged(alarm, -5) == [alarm]
    for wrong in ("lost:nobody", "lost:mail", "stalled:copy-out", "later", "late@x", "mail1"):
        with pytest.raises(Refused, match="there can be lost:SERVER"):
            await acknowledged(wrong, -5)


async def acknowledged(alarm: str, slack: int | None) -> list[str]:
    """What `ack` journals in a night with so many seconds of slack."""
    facts, story = list[AlarmAcknowledged](), Story()

    async def append(*events: AlarmAcknowledged, **_: object) -> None:
        facts.extend(events)

    engine: Any = SimpleNamespace(state=fold(story.facts), plan=story.plan, append=append)
    engine.forecasts = SimpleNamespace(made=Forecast(slack=slack))
    await ack(Desk(engine), Command("ack", alarm, who="ana"))
    return [f.alarm for f in facts]
