"""How many tasks a night has: one number, whoever says it."""

from __future__ import annotations

import pytest

from cockpit.journal import events as e
from cockpit.plan.describe import check_lines
from cockpit.views import handover, servers
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
