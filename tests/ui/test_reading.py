"""What a person has to read before answering is all there: each line, filled in, and reached by scrolling."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.journal import events as e
from cockpit.journal.events import PromptOpened
from cockpit.ui.dialogs import Dialog
from cockpit.views import detail, needs, status
from cockpit.views.words import text_of
from tests.ui.console import console, middle
from tests.views.story import HEAD, Story

MANY = "\n".join(["Before you say done:", *(f"{i}. look at place {i}" for i in range(1, 31)), "Only then say it.\x1b[2J"])


@pytest.mark.parametrize("size", [(80, 23), (120, 40)])
async def test_all_lines_of_a_manual_step_can_be_read_where_it_is_said_to_be_done(tmp_path: Path, size: tuple[int, int]) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(PromptOpened("manual-x", "manual", MANY, "groundwork@fs01", "fs01", ["done"]))
    async with console(tmp_path, size, night=(night, clock)) as c:
        await c.sees("!4 NEED")
        await c.press("3")
        text = await c.sees("leave it as it is", "d  it is done", "more lines")
        assert "1. look at place 1" in text and "Only then" not in text
        await c.press(*["pagedown"] * 8)
        await c.sees("Only then say it.^[[2J", "d  it is done")
        await c.press("up", "up")
        await c.lost("Only then")
        assert isinstance(c.app.screen, Dialog) and c.engine.asked == []
        await c.press("d")
        assert (await c.asked("answer"))["value"] == "done"
    await night.writer.close()


async def test_every_answer_is_seen_below_a_long_question_with_fields(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(PromptOpened("gate-go-wipe", "gate", MANY, "go-wipe", None, ["go", "no-go"]))
    async with console(tmp_path, (80, 23), night=(night, clock)) as c:
        await c.press("o")
        await c.sees("g  go", "n  no-go", "b  back the night out", "leave it as it is")
        await c.press("n")
        await c.sees("why:", "who says so", "Enter  do it")
    await night.writer.close()


HAND = HEAD + """
[servers.fs01]
host = "fs01.example"
[[steps]]
id = "look"
title = "Look"
on = "fs01"
manual = '''
Go to {{ server.name }}.
Pull the cable.'''
"""


def test_the_whole_text_is_in_the_json_and_one_line_in_the_rows() -> None:
    story = Story(HAND)
    story.begin(10, "look@fs01")
    story.tell(11, e.PromptOpened("manual-look@fs01", "manual", "Go to fs01.\nPull the cable.", "look@fs01", "fs01", ["done"]))
    night = story.night(20)
    assert [need["what"] for need in status.status(night)["needs_you"]] == ["Go to fs01.\nPull the cable."]
    (need,) = needs.items(night)
    assert need.sentence == "fs01 look: Go to fs01. …"
    assert all("cable" not in cell.text for row in needs.table(night, 200).rows for cell in row.cells)
    said = "\n".join(text_of(line) for line in detail.lines(night, "look@fs01", 80))
    assert "Does: Go to fs01.\n    Pull the cable." in said
