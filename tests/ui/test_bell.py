"""When the bell rings: once for each occurrence of what needs a person."""

from __future__ import annotations

from dataclasses import replace

from cockpit.journal import events as e
from cockpit.ui.alarms import Bell
from cockpit.views.model import Night
from tests.views.story import OPENS, Story, the_night


def test_the_bell_rings_once_for_each_occurrence() -> None:
    story, bell = the_night(), Bell()
    assert not bell.rings(story.night(1400)), "what stood before rings nobody"
    story.tell(1410, e.ServerLost("mail1", "unreachable", "timed out"))
    assert not bell.rings(story.night(1430))
    assert bell.rings(story.night(1441))
    story.tell(1445, e.ServerContacted("mail1", "boot"))
    assert not bell.rings(story.night(1446)), "that it has ended is no news"
    story.tell(1450, e.ServerLost("mail1", "unreachable", "timed out"))
    assert bell.rings(story.night(1481))
    assert not bell.rings(story.night(1485))


def test_it_rings_when_a_night_gets_late_and_later_and_not_when_that_gets_better() -> None:
    story, bell = Story(), Bell()
    assert not bell.rings(late(story, 0, 90))
    assert bell.rings(late(story, 10, -5))
    assert not bell.rings(late(story, 20, 30)) and not bell.rings(late(story, 30, -5)), "around nought"
    assert bell.rings(late(story, 40, -2000)), "half an hour"
    assert not any(bell.rings(late(story, 50 + i, -2000 + i)) for i in range(0, 2001, 10))
    story.tell(2200, e.AlarmEnded("late#30", OPENS + 10, "by 33m at worst, in time again"))
    assert not bell.rings(late(story, 2201, 100)), "that it has ended is no news"
    assert not any(bell.rings(late(story, at, 100)) for at in range(2202, 9400, 100))
    assert bell.rings(late(story, 9400, -5)), "another lateness, two hours later, also while the first was not seen"


def test_what_is_long_gone_is_forgotten() -> None:
    story, bell = the_night(), Bell()
    bell.rings(story.night(1400))
    for at in range(2000, 22_000, 1000):
        story.tell(at, e.ServerLost("mail1", "unreachable", "timed out"))
        assert bell.rings(story.night(at + 31))
        story.tell(at + 40, e.ServerContacted("mail1", "boot"))
    assert len(bell._last or ()) < 10


def late(story: Story, at: float, slack: float) -> Night:
    night = story.night(at)
    return replace(night, forecast=replace(night.forecast, slack=slack))
