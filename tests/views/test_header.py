"""The two rows that survive every size: will we open on time, and what needs a person."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cockpit.journal import events as e
from cockpit.views.header import row1, row2
from cockpit.views.model import Night
from cockpit.views.needs import items
from cockpit.views.words import text_of, width
from tests.views.story import HEAD, OPENS, QUIET, Story, the_night

WIDTHS = (60, 80, 120, 200)


def first(night: Night, cells: int = 120) -> str:
    return text_of(row1(night, cells))


def second(night: Night, cells: int = 120) -> str:
    return text_of(row2(night, cells))


def quiet_night(at: float = 600) -> Night:
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    return story.night(at)


def test_a_finish_that_a_person_has_stopped_says_so() -> None:
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    story.end(100, "prepare@fs01")
    story.begin(110, "final-go")
    story.tell(120, e.GateAnswered("final-go", "no-go"), who="otto")
    assert " NO-GO" in first(story.night(600)) and " NO-GO" in first(story.night(600), 80)
    story.tell(130, e.GateAnswered("final-go", "go"), who="otto")
    assert " NO-GO" not in first(story.night(600))
    story.tell(140, e.Held(""), who="otto")
    assert " all held" in first(story.night(600))


def test_will_we_open_on_time() -> None:
    assert first(quiet_night()).startswith("LIVE lead@con1 20:10:00 | OPEN 09:00 in 12:50:00 | FIN 21:31 +11h28 | GO BY 05:30")


@pytest.mark.parametrize("cells", [120, 80, 76, 66])
def test_until_when_one_can_turn_back_goes_after_the_range(cells: int) -> None:
    """The range of the finish took its place at 80 columns."""
    night = quiet_night()
    finish = night.forecast.finish or 0.0
    night = replace(night, forecast=replace(night.forecast, finish_p90=finish + 1800))
    assert "GO BY 05:30" in first(night, cells) and "FIN 21:31" in first(night, cells)
    assert ("(to 22:01)" in first(night, cells)) == (cells == 120)


@pytest.mark.parametrize("cells", range(50, 121))
def test_no_width_hides_a_replay_for_a_gate(cells: int) -> None:
    """A row without the mode had until when one can turn back, at widths where the mode alone had room."""
    told = first(replace(quiet_night(), replay="REPLAY 1x"), cells)
    assert told.startswith("REPLAY 1x") or "GO BY" not in told


def test_a_range_within_one_minute_is_none() -> None:
    night = quiet_night()
    found = replace(night, forecast=replace(night.forecast, finish_p90=night.forecast.finish))
    assert "(to" not in first(found)


def test_late_says_so() -> None:
    night = quiet_night(12.5 * 3600)
    assert "FIN 09:01 LATE -1m00" in first(night, 80)
    assert "in 30:00" not in first(night, 80)
    assert "in 0:30:00" in first(night, 80)


def test_after_the_deadline_it_counts_up() -> None:
    assert "OPEN 09:00 0:30:00 AGO" in first(quiet_night(13.5 * 3600))


def test_what_nobody_knows_is_not_a_number() -> None:
    assert "FIN not known copy-out@fs02 stalled 3m10" in first(the_night().night(1500))
    assert "FIN ?" in first(the_night().night(1500), 60)


def test_a_dead_engine_takes_the_first_place_and_says_what_to_do() -> None:
    night = the_night().night(1500, alive=False)
    for cells in WIDTHS:
        line = first(night, cells)
        assert line.startswith("ENGINE DEAD: cockpit resume")
        assert "OPEN 09:00" in line
        assert "FIN" not in line
    assert "cockpit resume 20261127-2000-seven" in first(night, 80)


def test_a_stopped_engine_is_not_called_dead() -> None:
    story = the_night()
    story.tell(1490, e.EngineStopped("asked to"))
    assert first(story.night(1500, alive=False)).startswith("ENGINE STOPPED: cockpit resume")


def test_a_troubled_engine_says_why() -> None:
    night = the_night().night(1500, problem="disk full: 0 bytes left on /var; nothing new starts until there is room")
    for cells in WIDTHS:
        assert first(night, cells).startswith("ENGINE: disk full")
        assert "OPEN 09:00" in first(night, cells)


def test_after_the_end_no_engine_is_missed() -> None:
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    story.end(900, "prepare@fs01")
    story.tell(1000, e.NightEnded("done"))
    night = story.night(2000, alive=False)
    assert "DONE 20:15 +12h45" in first(night)
    assert second(night) == "The night has ended: done"


def test_a_replay_is_never_taken_for_live() -> None:
    assert first(the_night().night(1500, alive=None, replay="REPLAY 60x")).startswith("REPLAY 60x lead@con1 20:25:00")


@pytest.mark.parametrize("cells", range(60, 201, 7))
@pytest.mark.parametrize("days", [0, 3])
def test_both_rows_fit_every_width_and_cut_no_number(cells: int, days: int) -> None:
    nights = [the_night().night(1500), quiet_night(-days * 86400.0), the_night().night(1500, alive=False)]
    for night in nights:
        rich = numbers(first(night, 400)) | numbers(second(night, 400))
        for line in (first(night, cells), second(night, cells)):
            assert width(line) <= cells
            assert "OPEN" in first(night, cells)
            shown = numbers(line) - numbers(f"+{len(night.state.prompts)} more +1 more")
            assert shown <= rich, f"{shown - rich} in {line!r}"


def numbers(line: str) -> set[str]:
    return set(re.findall(r"[0-9][0-9:.,a-z]*", line))


def test_what_needs_a_person_is_numbered_oldest_first_with_its_age() -> None:
    assert second(the_night().night(1500)) == (
        "!2 NEED YOU [1] web01 rebuild: rebuild: no space left on /srv 3m19  [2] fs02 copy-out: no byte has moved 3m10"
    )
    assert second(the_night().night(1500), 60).endswith("3m19 +1 more")


def test_a_question_keeps_its_number_and_stands_behind_what_is_older() -> None:
    story = the_night()
    story.tell(1490, e.PromptOpened("p7", "sudo", "sudo password for dc01", None, "dc01", secret=True))
    found = re.findall(r"\[(\d)\] (\S+)", second(story.night(1500), 200))
    assert found == [("1", "web01"), ("3", "fs02"), ("2", "dc01:")]
    for n in range(8):  # answered ones have used the other keys
        story.tell(1491 + n, e.PromptOpened(f"q{n}", "manual", "Look", None, "dc01"))
        story.tell(1491 + n, e.PromptAnswered(f"q{n}", "done"))
    story.tell(1499, e.PromptOpened("q9", "manual", "Look", None, "dc01"))
    keys = {need.number for need in items(story.night(1500))}
    assert len(keys) == 4 and max(keys) <= 9, "there is a key for each"


def test_one_thing_is_one_thing() -> None:
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    story.tell(20, e.PromptOpened("p7", "sudo", "sudo password for fs01", None, "fs01", secret=True))
    assert second(story.night(80)) == "!1 NEEDS YOU [1] fs01: sudo password for fs01 1m00"


def test_with_nothing_to_do_it_says_what_comes_next_and_when() -> None:
    assert second(quiet_night()) == "Nothing needs you. Next for you: Final go/no-go (final-go) about 21:00 (in 50m10)"
    assert second(quiet_night(), 60) == "Nothing needs you. Next: final-go 21:00 (in 50m10)"


def test_without_an_engine_it_never_says_that_nothing_needs_anybody() -> None:
    night = Story(QUIET).night(600, alive=False)
    for cells in WIDTHS:
        assert second(night, cells).startswith("The night needs an engine"), cells
    assert second(night) == "The night needs an engine: without one nothing starts and nobody is asked; jobs on the servers go on"


def test_before_the_window_it_says_when_work_may_start() -> None:
    night = Story(QUIET).night(-3600)
    assert second(night) == "Nothing needs you. Work may start 20:00, in 1h00"


def test_hostile_words_in_a_question_stay_words() -> None:
    story = Story(QUIET)
    story.tell(20, e.PromptOpened("p7", "failed", "bad\x1b[2J\x07\nsecond line", None, "fs01"))
    line = second(story.night(80))
    assert "bad^[[2J^G" in line
    assert line.isprintable()


def test_answered_gates_show_no_way_back() -> None:
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    story.end(20, "prepare@fs01")
    story.begin(30, "final-go")
    story.tell(40, e.GateAnswered("final-go", "go"), who="lead")
    story.end(40, "final-go")
    assert "no return since final-go" in first(story.night(60))


WAY_BACK = HEAD + """
[servers.fs01]
host = "a"
[[steps]]
id = "teardown-ok"
title = "Ready to tear down"
gate = { by = "23:30" }
[[steps]]
id = "rebuild"
title = "Rebuild"
on = "all"
run = "true"
[[steps]]
id = "go-final"
title = "Ready to finalize"
gate = { no_return = true }
[[backout]]
id = "restore"
title = "Restore"
on = "all"
run = "true"
"""


def gone(story: Story, at: float, gate: str) -> Story:
    story.begin(at, gate)
    story.tell(at + 1, e.GateAnswered(gate, "go"), who="lead")
    story.end(at + 1, gate)
    return story


def test_after_the_last_gate_with_a_time_it_says_until_which_gate_one_can_turn_back() -> None:
    """Silence would be taken for no way back."""
    story = Story(WAY_BACK)
    assert "GO BY 23:30" in first(story.night(5))
    gone(story, 10, "teardown-ok")
    assert "| WAY BACK until go-final" in first(story.night(60))
    gone(story, 70, "go-final")
    assert "| no return since go-final" in first(story.night(90))
    story.tell(100, e.NightEnded("done"))
    assert "return" not in first(story.night(120)) and "BACK" not in first(story.night(120))


def test_of_two_gates_of_no_return_it_names_the_one_that_comes_first() -> None:
    later = """[[steps]]
id = "sign-off"
title = "Signed off"
needs = ["go-final"]
gate = { no_return = true }
[[steps]]
id = "go-final"
needs = ["rebuild"]
"""
    story = gone(Story(WAY_BACK.replace('[[steps]]\nid = "go-final"\n', later)), 10, "teardown-ok")
    assert "| WAY BACK until go-final" in first(story.night(60))


def test_no_way_back_is_promised_that_the_plan_does_not_have() -> None:
    story = gone(Story(WAY_BACK.replace("[[backout]]", "[[steps]]")), 10, "teardown-ok")
    assert "BACK" not in first(story.night(60))
    without = Story(WAY_BACK.replace("gate = { no_return = true }", "gate = {}"))
    assert "WAY BACK until the end" in first(gone(without, 10, "teardown-ok").night(60))


@pytest.mark.parametrize("cells", [70, 76, 80, 90, 100, 120])
@pytest.mark.parametrize("gate", ["go-final", "go-no-go-of-the-board-and-of-the-customer"])
def test_a_gate_of_any_name_leaves_the_mode_the_finish_and_that_there_is_a_way_back(cells: int, gate: str) -> None:
    story = gone(Story(WAY_BACK.replace("go-final", gate)), 10, "teardown-ok")
    for night, way in ((story.night(60), "WAY BACK"), (gone(story, 70, gate).night(90), "no return")):
        line = first(night, cells)
        assert line.startswith("LIVE ") and "FIN " in line and way in line, line
        assert width(line) <= cells


def test_the_night_is_shown_on_the_plans_own_clock() -> None:
    night = quiet_night()
    assert night.now == OPENS + 600
    assert "20:10:00" in first(night)


def test_lost_servers_are_told_before_they_are_an_alarm() -> None:
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    story.tell(20, e.ServerLost("fs01", "unreachable", "timed out"))
    assert second(story.night(25)) == "1 server without contact: fs01. Trying again by itself"
    assert second(story.night(25), 60) == "1 server without contact: fs01. Trying again by itself"


def test_nobody_is_named_where_nobody_is_at_the_keys() -> None:
    assert first(the_night().night(1500, who="", replay="WATCH")).startswith("WATCH con1 20:25:00")


def test_what_a_person_holds_is_told_as_long_as_it_is_held() -> None:
    """A held server stopped the whole night, while the screen said that nothing needs anybody."""
    story = Story(QUIET)
    story.begin(10, "prepare@fs01")
    story.tell(20, e.Held("fs01"), who="lead")
    night = story.night(30)
    assert second(night).startswith("Held: fs01. Nothing new starts there until it is released (x)")
    assert second(night, 24) == "Held: fs01" and " 1 held" in first(night)
    story.tell(40, e.Released("fs01"), who="lead")
    assert "eld" not in second(story.night(50)) + first(story.night(50))
