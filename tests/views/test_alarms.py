"""Alarms: each occurrence calls, and stays until somebody has acknowledged it, also when its cause has gone."""

from __future__ import annotations

import pytest

from cockpit.journal import events as e
from cockpit.units import clock as format_clock
from cockpit.views import needs
from cockpit.views.needs import Need
from tests.views.story import OPENS, Story, the_night


def of(story: Story, at: float, *, server: str = "mail1") -> list[Need]:
    return [n for n in needs.items(story.night(at)) if n.alarm and n.server == server]


def seen(story: Story, at: float, *found: Need) -> None:
    for need in found:
        story.tell(at, e.AlarmAcknowledged(need.key), who="ana")


def lost(story: Story, at: float, problem: str = "unreachable") -> None:
    story.tell(at, e.ServerLost("mail1", problem, "timed out"))


def test_a_second_loss_calls_again_after_the_first_was_acknowledged() -> None:
    story = the_night()
    lost(story, 100)
    seen(story, 140, *of(story, 140))
    assert of(story, 150) == []
    story.tell(200, e.ServerContacted("mail1", "boot"))
    assert of(story, 201) == [], "it was seen while it stood"
    lost(story, 300)
    assert [n.what for n in of(story, 340)] == ["timed out"]


def test_a_problem_that_gets_worse_calls_again() -> None:
    story = the_night()
    lost(story, 100)
    seen(story, 140, *of(story, 140))
    lost(story, 160)
    assert of(story, 170) == [], "the same problem told again is no news"
    lost(story, 180, "key-changed")
    (again,) = of(story, 181)
    assert again.since == OPENS + 100


def test_a_problem_that_comes_and_goes_within_one_loss_calls_once() -> None:
    story = the_night()
    lost(story, 100)
    lost(story, 150, "key-changed")
    seen(story, 151, *of(story, 151))
    for at in range(160, 400, 20):
        lost(story, at, "unreachable" if at % 40 else "key-changed")
        assert of(story, at + 1) == []
    lost(story, 400, "auth")
    assert [n.since for n in of(story, 401)] == [OPENS + 100]
    seen(story, 402, *of(story, 402))
    story.tell(410, e.ServerContacted("mail1", "boot"))
    lost(story, 420, "key-changed")
    assert of(story, 421), "another loss"


def test_an_alarm_that_ended_stays_until_it_is_acknowledged_and_tells_how_long_it_was() -> None:
    story = the_night()
    lost(story, 100)
    story.tell(412, e.ServerContacted("mail1", "boot"))
    (ended,) = of(story, 500)
    assert ended.sentence == "mail1 was away 5m12, back 20:06"
    lost(story, 600)
    story.tell(660, e.ServerContacted("mail1", "boot"))
    (ended,) = of(story, 700)
    assert ended.sentence == "mail1 was away 1m00, back 20:11, 2 times"
    seen(story, 710, ended)
    assert of(story, 720) == []


def test_what_mends_itself_soon_calls_nobody_and_a_planned_reboot_neither() -> None:
    story = the_night()
    lost(story, 100)
    story.tell(120, e.ServerContacted("mail1", "boot"))
    assert of(story, 130) == []
    story = Story(REBOOT)
    story.begin(10, "again@one")
    story.tell(20, e.ServerLost("one", "unreachable", "gone"))
    assert needs.items(story.night(100)) == []
    story.tell(110, e.ServerContacted("one", "boot2"))
    assert needs.items(story.night(120)) == []


REBOOT = """
[plan]
version = 1
name = "Reboot"
[window]
opens = 2026-11-27T20:00:00-08:00
closes = 2026-11-28T09:00:00-08:00
[servers.one]
host = "one.example"
[[steps]]
id = "again"
title = "Start it again"
on = "one"
reboot = true
"""


def test_a_question_that_was_answered_leaves_no_alarm_behind() -> None:
    story = the_night()
    lost(story, 100, "key-changed")
    story.tell(150, e.HostKeyAccepted("mail1", "ssh-ed25519 K", "SHA256:k", "person"), who="ana")
    story.tell(151, e.ServerContacted("mail1", "boot"))
    assert of(story, 160) == []


def test_a_dropped_server_takes_its_alarms_along() -> None:
    story = the_night()
    lost(story, 100)
    story.tell(412, e.ServerContacted("mail1", "boot"))
    story.tell(500, e.ServerDropped("mail1"), who="ana", why="not tonight")
    assert of(story, 510) == []


def test_a_stall_that_ended_stays_and_a_later_one_calls_again() -> None:
    story = the_night()
    (stall,) = of(story, 1400, server="fs02")
    story.tell(1400, e.AlarmEnded(stall.key, stall.since or 0, "moves again", "copy-out@fs02", "fs02"))
    story.moved(1400, "copy-out@fs02", 50_000_000_000, 200_000_000_000)
    (ended,) = of(story, 1405, server="fs02")
    assert ended.sentence == "fs02 copy-out stood still 1m30, moves again 20:23"
    seen(story, 1410, ended)
    assert of(story, 1410, server="fs02") == []
    (second,) = of(story, 1499, server="fs02")
    assert second.kind == "stalled" and second.key != stall.key


def test_a_stall_that_was_acknowledged_leaves_nothing_when_it_ends() -> None:
    story = the_night()
    (stall,) = of(story, 1400, server="fs02")
    seen(story, 1401, stall)
    story.tell(1450, e.AlarmEnded(stall.key, stall.since or 0, "moves again", "copy-out@fs02", "fs02"))
    story.moved(1450, "copy-out@fs02", 50_000_000_000, 200_000_000_000)
    assert of(story, 1455, server="fs02") == []


def _late(story: Story, at: float) -> list[Need]:
    return [n for n in needs.items(story.night(at)) if n.alarm and n.key.startswith("late")]


def test_a_lateness_calls_again_at_each_step_and_not_while_it_gets_better() -> None:
    story = Story()
    first = next(at for at in range(30_000, 47_000, 60) if _late(story, at))
    seen(story, first, *_late(story, first))
    assert _late(story, first + 600) == []
    (worse,) = _late(story, first + 960)
    assert worse.key != "late#0"
    seen(story, first + 961, worse)
    assert _late(story, first + 300) == [] and _late(story, first + 1000) == []


def test_a_night_that_is_in_time_again_says_so_until_it_is_seen_and_may_be_late_anew() -> None:
    story = Story()
    first = next(at for at in range(30_000, 47_000, 60) if _late(story, at))
    seen(story, first, *_late(story, first))
    story.tell(first + 960, e.AlarmEnded("late#15", OPENS + first, "by 16m at worst, in time again"))
    kinds = {n.kind: n for n in _late(story, first + 970)}
    at = format_clock(OPENS + first + 960, -8 * 3600)
    assert kinds["ended"].what == f"was late for 16m00, by 16m at worst, in time again {at}"
    assert kinds["late"].key == "late#15", "what was acknowledged before it ended is not acknowledged any longer"


@pytest.mark.parametrize("name", ["lost:mail1", "stalled:copy-out@fs02"])
def test_a_bare_name_acknowledges_what_has_begun_and_nothing_later(name: str) -> None:
    story = the_night()
    lost(story, 1300)
    server = name.rpartition("@")[2].removeprefix("lost:")
    assert of(story, 1400, server=server)
    story.tell(1400, e.AlarmAcknowledged(name), who="ana")
    assert of(story, 1400, server=server) == []
    if server == "mail1":
        story.tell(1410, e.ServerContacted("mail1", "boot"))
        lost(story, 1420)
        assert of(story, 1460)


def test_the_bare_name_of_lateness_silences_no_later_one() -> None:
    story = Story()
    first = next(at for at in range(30_000, 47_000, 60) if _late(story, at))
    story.tell(first, e.AlarmAcknowledged("late"), who="ana")
    assert [n.key for n in _late(story, first + 960)] == ["late#15"]


def test_what_a_person_paused_has_not_stood_still_by_itself() -> None:
    story = the_night()
    story.tell(1500, e.TransferPaused("copy-out@fs01"), who="lead")
    story.tell(1900, e.TransferResumed("copy-out@fs01"), who="lead")
    assert story.night(1905).forecast.transfers["copy-out@fs01"].stalled_since is None
    assert story.night(1915).forecast.transfers["copy-out@fs01"].stalled_since == OPENS + 1900


def test_an_outcome_is_unknown_since_it_was_lost_not_since_it_began() -> None:
    story = the_night()
    story.tell(1450, e.AttemptUnknown("copy-out@fs01", 1, "gone"))
    need = next(need for need in needs.items(story.night(1460)) if need.kind == "unknown")
    assert need.since == OPENS + 1450
