"""The baseline: estimates, limits, hours, the critical path and the slack; and what `cockpit check` says of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cockpit.plan.describe import check_lines, check_report, problems_report
from cockpit.plan.needs import effective_needs
from cockpit.plan.problems import PlanProblems
from cockpit.plan.reader import load, loads
from cockpit.plan.schedule import GUESS, backout_seconds, schedule
from cockpit.plan.times import clock_time

NIGHT = Path(__file__).parent / "plans" / "night.toml"
OPENS = 1_795_838_400.0  # 2026-11-28T04:00:00Z, 20:00 on the plan's clock
HEAD = """
[plan]
version = 1
name = "x"
[window]
opens = 2026-11-27T20:00:00-08:00
closes = 2026-11-28T09:00:00-08:00
[servers]
a = { max_jobs = 1 }
b = {}
c = {}
"""


def timed(steps: str, started: float = OPENS) -> dict[str, tuple[float, float]]:
    """Minutes from `opens`."""
    made = schedule(loads(HEAD + steps, "x"), started)
    return {task: ((start - OPENS) / 60, (end - OPENS) / 60) for task, (start, end) in made.tasks.items()}


def run(name: str, on: str, minutes: int, more: str = "") -> str:
    return f'[[steps]]\nid = "{name}"\non = {on}\nrun = "x"\nestimate = "{minutes}m"\n{more}\n'


def test_servers_walk_side_by_side_and_a_gate_waits_for_the_slowest() -> None:
    times = timed(run("one", '"a"', 10) + run("two", '["a", "b"]', 5) + '[[steps]]\nid = "go"\ngate = {}\nestimate = "2m"')
    assert times == {"one@a": (0, 10), "two@a": (10, 15), "two@b": (0, 5), "go": (15, 17)}


def test_a_session_that_starts_early_does_groundwork_and_waits_for_the_window() -> None:
    times = timed(run("early", '"a"', 10, 'stage = "groundwork"') + run("night", '"a"', 5), OPENS - 3600)
    assert times == {"early@a": (-60, -50), "night@a": (0, 5)}


def test_a_session_that_starts_late_starts_at_once() -> None:
    assert timed(run("night", '"a"', 5), OPENS + 600) == {"night@a": (10, 15)}


def test_limits_of_a_server_of_transfers_and_of_jobs() -> None:
    apart = run("one", '"a"', 10, "needs = []") + run("two", '"a"', 10, "needs = []")
    assert timed(apart) == {"one@a": (0, 10), "two@a": (10, 20)}
    copy = '[[steps]]\nid = "c"\non = ["b", "c"]\nestimate = "10m"\ncopy = { from = "/x", to = "/y" }\n'
    assert timed("[limits]\ntransfers = 1\n" + copy) == {"c@b": (0, 10), "c@c": (10, 20)}
    assert timed("[limits]\njobs = 1\n" + run("r", '["b", "c"]', 10)) == {"r@b": (0, 10), "r@c": (10, 20)}


def test_people_and_clocks_take_no_slot() -> None:
    steps = run("one", '"a"', 10) + '[[steps]]\nid = "m"\non = "a"\nneeds = []\nmanual = "x"\nestimate = "5m"\n'
    assert timed("[limits]\njobs = 1\n" + steps)["m@a"] == (0, 5)


def test_a_start_at_a_time_and_a_wait() -> None:
    steps = run("late", '"a"', 10, 'start = "22:30"') + '[[steps]]\nid = "w"\nwait = "7m"\n'
    assert timed(steps) == {"late@a": (150, 160), "w": (160, 167)}


def test_bytes_at_a_rate_and_the_guess() -> None:
    copy = '[[steps]]\nid = "c"\non = "a"\ncopy = { from = "/x", to = "/y" }\n'
    assert timed(copy + 'estimate = { bytes = "6GB", rate = "100MB/s" }\n')["c@a"] == (0, 1)
    assert timed(copy)["c@a"] == (0, GUESS / 60)


def test_the_critical_path_goes_back_to_what_decided_the_start() -> None:
    steps = run("one", '"a"', 10) + run("two", '["a", "b"]', 5) + '[[steps]]\nid = "go"\ngate = {}\n'
    made = schedule(loads(HEAD + steps, "x"), OPENS)
    assert made.critical == ("one@a", "two@a", "go")
    assert made.finish == OPENS + 16 * 60
    assert made.slack == 13 * 3600 - 16 * 60


def test_a_slot_that_was_waited_for_is_on_the_critical_path() -> None:
    steps = run("one", '"a"', 10, "needs = []") + run("two", '"a"', 10, "needs = []")
    assert schedule(loads(HEAD + steps, "x"), OPENS).critical == ("one@a", "two@a")


def test_what_comes_after_the_night_does_not_delay_the_opening() -> None:
    steps = run("one", '"a"', 10) + '[[steps]]\nid = "watch"\nstage = "after"\nmanual = "x"\n'
    made = schedule(loads(HEAD + steps, "x"), OPENS)
    assert made.tasks["watch"][0] == OPENS + 13 * 3600
    assert made.finish == OPENS + 600
    assert made.critical == ("one@a",)


def test_the_schedule_of_the_whole_format_keeps_all_needs() -> None:
    plan = load(NIGHT)
    made, needs = schedule(plan, OPENS - 7200), effective_needs(plan)
    assert set(made.tasks) == {task for step in plan.steps for task in step.task_ids()}
    for task, (start, end) in made.tasks.items():
        assert start < end
        assert all(made.tasks[need][1] <= start for need in needs[task])


def test_the_backout_has_a_length_of_its_own() -> None:
    assert backout_seconds(load(NIGHT)) == 2 * GUESS
    assert backout_seconds(loads(HEAD + run("one", '"a"', 1), "x")) is None


def test_the_report_is_one_json_document_with_every_task_and_its_needs() -> None:
    plan = load(NIGHT)
    report = json.loads(json.dumps(check_report(plan, OPENS)))
    tasks = {task["task"]: task for task in report["tasks"]}
    assert tasks["prove@fs01"]["needs"] == ["replica@fs01", "papers"]
    assert tasks["freeze@fs01"]["start"] == "2026-11-28T04:30:00.000Z"
    assert tasks["back@fs01"]["start"] is None
    assert report["window"]["closes"] == "2026-11-28T17:00:00.000Z"
    assert report["critical"][-1] == "final"
    assert report["slack_s"] > 0


def test_the_lines_show_hours_on_the_plan_s_own_clock() -> None:
    lines = "\n".join(check_lines(load(NIGHT), OPENS))
    assert "freeze     20:30    20:31" in lines
    assert "critical path: freeze@fs0" in lines
    assert "to spare" in lines
    late = loads(HEAD + '[[steps]]\nid = "a"\nmanual = "x"\nestimate = "14h"\n', "x")
    assert "1h00 too late" in check_lines(late, OPENS)[-1]


def test_the_columns_have_headings_and_the_marks_a_meaning() -> None:
    """A "*" and "05:16+1d" stood there unexplained."""
    lines = check_lines(loads(HEAD + run("one", '"a"', 10), "x"), OPENS)
    row = next(line for line in lines if line.startswith("* one"))
    for title, said in (("STEP", "one"), ("START", "20:00"), ("END", "20:10"), ("KIND", "run"), ("ON", "a")):
        assert row[lines[2].index(title):].startswith(said), title
    assert any(line.startswith("* is on the critical path") for line in lines)
    assert any(line.startswith("+1d is a day after") for line in lines) and "finish 20:10, closes 09:00+1d" in lines[-1]
    short = loads(HEAD.replace("28T09:00", "27T23:00") + run("one", '"a"', 10), "x")
    assert not any("+1d" in line for line in check_lines(short, OPENS))


def test_a_duration_that_nobody_wrote_is_marked_as_assumed() -> None:
    """A bare 1m00 stood beside every step without an estimate, as if it were one."""
    said = run("one", '"a"', 1) + '[[steps]]\nid = "pause"\nwait = "1m"\n'
    silent = '[[steps]]\nid = "two"\nmanual = "x"\n' + '[[backout]]\nid = "back"\non = "a"\nrun = "true"\n'
    lines = check_lines(loads(HEAD + said + silent, "x"), OPENS)
    taken = {row.split()[1]: row.split()[4] for row in lines if row.startswith("* ") and "20:0" in row}
    assert taken == {"one": "1m00", "pause": "1m00", "two": "~1m00"}
    assert "~: no estimate in the plan; 1m00 is assumed" in lines
    assert any(line.endswith(", ~1m00 by their estimates") for line in lines)
    tasks = check_report(loads(HEAD + said + silent, "x"), OPENS)["tasks"]
    assert {task["step"]: task["assumed"] for task in tasks} == {"one": False, "pause": False, "two": True, "back": True}
    assert not any("~" in line for line in check_lines(loads(HEAD + said, "x"), OPENS))


def test_one_of_a_thing_is_not_called_several() -> None:
    back = '[[backout]]\nid = "back"\non = "a"\nrun = "true"\n'
    lines = check_lines(loads(HEAD.replace("b = {}\nc = {}\n", "") + run("one", '"a"', 10) + back, "x"), OPENS)
    assert lines[0] == "x: 1 step, 1 task, 1 server" and any(line.startswith("backout: 1 step, ") for line in lines)


def listed(steps: str, count: int) -> list[str]:
    """The first lines that stand below the headings, without their hours."""
    lines = check_lines(loads(HEAD + "[limits]\ntransfers = 2\n" + steps, "x"), OPENS)[3:][:count]
    return [" ".join(w for w in line.split() if not re.fullmatch(r"\d\d:\d\d|~?\d+[smh]\d*", w)) for line in lines]


def test_tasks_that_are_alike_share_a_line_and_the_others_have_their_own() -> None:
    steps = run("one", '["a", "b", "c"]', 10) + """
[[steps]]
id = "move"
on = ["a", "b", "c"]
copy = { from = "/a/", to = "local:/b/{{ server.name }}/" }
"""
    later = run("two", '["a", "b"]', 1, 'needs = ["one:all", "move"]') + run("end", '"c"', 1, 'needs = ["two"]')
    assert listed(steps + later, 9) == [
        "* one run a, b, c", "needs nothing", "* move copy a, b", "c", "needs one", "* two run a, b", "needs move, one:all",
        "* end run c", "needs two:all",
    ]


def test_needs_that_are_not_alike_stand_below_the_tasks_that_have_them() -> None:
    steps = run("one", '"a"', 1) + '[[steps]]\nid = "say"\non = "local"\nrun = "x"\n' + run("two", '["a", "b"]', 1)
    assert listed(steps, 8) == [
        "* one run a", "needs nothing", "* say run local", "needs one", "* two run a", "needs one, say", "b", "needs say",
    ]
    back = '[[backout]]\nid = "back"\non = ["a", "b"]\nrun = "true"\n'
    lines = check_lines(loads(HEAD + steps + back, "x"), OPENS)
    assert "  back  run     a, b" in lines and lines[-1].startswith("finish")


def test_the_report_of_a_bad_plan_lists_its_problems() -> None:
    with pytest.raises(PlanProblems) as caught:
        loads(HEAD, "x.toml")
    report = problems_report("x.toml", caught.value.problems)
    assert report["ok"] is False
    assert report["problems"][0]["what"] == "the plan: there are no steps"


@pytest.mark.parametrize(("text", "hours"), [("20:00", 0), ("23:59", 3 + 59 / 60), ("05:00", 9), ("5:00", 9), ("09:00", 13)])
def test_a_time_of_day_is_its_first_one_from_the_opening_of_the_window(text: str, hours: float) -> None:
    assert clock_time(text, OPENS, OPENS + 13 * 3600, -28800.0) == OPENS + hours * 3600


@pytest.mark.parametrize("text", ["09:01", "19:59", "25:00", "soon", "2026-11-28T05:00:00"])
def test_a_time_that_the_window_does_not_have(text: str) -> None:
    with pytest.raises(ValueError):
        clock_time(text, OPENS, OPENS + 13 * 3600, -28800.0)


def test_ports_behind_a_jump_host_are_said_to_be_asked_from_here() -> None:
    text = """[plan]
version = 1
name = "x"
[window]
opens = "+0s"
closes = "+13h"
[servers.jump]
[servers.inner]
via = "jump"
"""
    for i, step in enumerate((
        'on = "all"\nverify = [ { tcp = "{{ server.host }}:443" } ]', 'on = "inner"\nwait = { for = "tcp inner:443" }',
        'on = "jump"\nverify = [ { tcp = "jump:443" } ]', 'on = "inner"\nverify = [ { run = "true" } ]',
    )):  # fmt: skip
        text += f'[[steps]]\nid = "s{i}"\n{step}\n'
    said = [line for line in check_lines(loads(text, "x"), 0.0) if "asked from this machine" in line]
    assert [line.partition(":")[0] for line in said] == ["s0", "s1"] and "inner" in said[0]
