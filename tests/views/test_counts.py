"""How many tasks a night has, one number, whoever says it; and which of them are left once it is backed out."""

from __future__ import annotations

import pytest

from cockpit.journal import events as e
from cockpit.plan.describe import check_lines
from cockpit.views import handover, header, servers
from cockpit.views.facts import text
from cockpit.views.report import report
from cockpit.views.status import status
from cockpit.views.words import text_of
from tests.views.story import HEAD, OPENS, Story

PLAN = HEAD + """
[servers.fs01]
host = "a"
[servers.fs02]
host = "b"
[[steps]]
id = "move"
title = "Move"
on = "all"
run = "true"
[[steps]]
id = "final-go"
title = "Finalize?"
gate = { no_return = true }
[[backout]]
id = "restore"
title = "Restore"
on = "all"
run = "true"
"""


def said(story: Story) -> dict[str, str]:
    """The rows of the report's head."""
    table = report(story.night(600), story.facts).sections[0].table
    assert table is not None
    return {row.cells[0].text: row.cells[1].text for row in table.rows}


@pytest.fixture
def story() -> Story:
    return Story(PLAN)


def test_a_backout_that_nobody_asked_for_is_counted_apart(story: Story) -> None:
    """The report counted it in: 68 tasks of a night that the screen said has 54."""
    night = story.night(600)
    assert said(story)["Plan"] == "2 steps, 3 tasks on 2 servers"
    assert said(story)["Backout"] == "1 step, 2 tasks"
    assert sum(status(night)["counts"].values()) == 3
    assert servers.table(night, 120).rows[-1].cells[1].text.startswith("0/3 tasks")
    assert "2 steps, 3 tasks" in check_lines(story.plan, OPENS)[0]
    assert "plan adopted: 3 tasks, and 2 of the backout" in [text(fact) for fact in story.facts]
    assert "nothing; 3 tasks in all" in [text_of(line) for line in handover.lines(story.night(-600), 100)]


def test_once_it_has_begun_the_screen_counts_the_backout(story: Story) -> None:
    story.tell(500, e.BackoutStarted("the disks are bad"), who="lead")
    assert servers.table(story.night(600), 120).rows[-1].cells[1].text.startswith("0/2 tasks")
    assert said(story)["Plan"] == "2 steps, 3 tasks on 2 servers"


def test_of_a_night_that_is_backed_out_the_screen_says_who_and_why_and_what_is_left(story: Story) -> None:
    """Its servers stood there as blocked, after its end too, at steps that would never run."""
    story.tell(500, e.BackoutStarted("the disks are bad"), who="lead")
    at = text_of(header.row2(story.night(600), 120))
    assert at == "Nothing needs you. Backing out, by lead: the disks are bad. Nothing more will ask you before the finish"
    story.tell(700, e.NightEnded("backed-out"))
    assert text_of(header.row2(story.night(800), 120)) == "The night has ended: backed-out, by lead: the disks are bad"
    assert text_of(header.row2(story.night(800), 40)) == "The night has ended: backed-out, by lea…"


def test_a_server_without_a_backout_step_has_nothing_to_back_out() -> None:
    story = Story(PLAN.replace('"Restore"\non = "all"', '"Restore"\non = ["fs01"]'))
    story.begin(400, "move@fs02")
    story.tell(500, e.BackoutStarted("the disks are bad"), who="lead")
    rows = {row.key: [cell.text for cell in row.cells[1:3]] for row in servers.table(story.night(600), 120).rows}
    assert rows["fs01"][0] == "01/01 Restore"
    assert rows["fs02"][1] == ">running", "a job of the night runs to its end"
    story.end(650, "move@fs02")
    story.hear(655)
    rows = {row.key: [cell.text for cell in row.cells[1:3]] for row in servers.table(story.night(655), 120).rows}
    assert rows["fs02"] == ["nothing to back out", "-no step"]
