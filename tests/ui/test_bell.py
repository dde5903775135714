"""When the bell rings: once for each occurrence of what needs a person."""

from __future__ import annotations

from cockpit.journal import events as e
from cockpit.ui.alarms import Bell
from tests.views.story import the_night


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
