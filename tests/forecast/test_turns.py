"""The forecast serves the queue as the engine does, and knows what a pause is: no slot, no time, and a word beside the finish."""

from __future__ import annotations

from cockpit.forecast.forward import Job, place
from cockpit.journal import events as e
from cockpit.views.header import row1
from tests.views.story import HEAD, OPENS, Story

SERVERS = "".join(f"[servers.{name}]\nhost = '{name}'\n" for name in ("fs01", "fs02", "bkp01"))


def copies(**estimates: str) -> str:
    steps = "".join(
        f"[[steps]]\nid = '{name}'\ntitle = '{name}'\non = ['fs01']\nneeds = []\nestimate = '{took}'\n"
        f"copy = {{ from = '/srv/{name}/', to = 'bkp01:/v/{name}/' }}\n" for name, took in estimates.items()
    )
    return HEAD.replace("[window]", "[limits]\ntransfers = 1\n[window]") + SERVERS + steps


def times(found: dict[str, float]) -> dict[str, int]:
    return {task.partition("@")[0]: round(at - OPENS) for task, at in found.items()}


def test_the_queue_is_served_in_turn_and_a_fronted_one_first() -> None:
    story = Story(copies(a="10m", b="10m", c="60m"))
    assert times(dict(story.night(0).forecast.starts)) == {"c": 0, "a": 3600, "b": 4200}, "what decides the finish goes first"
    story.tell(1, e.TransferFronted("b@fs01"), who="maria")
    assert times(dict(story.night(1).forecast.starts)) == {"b": 1, "c": 601, "a": 4201}


def test_a_turn_counts_among_those_that_are_ready_not_who_came_first() -> None:
    """The slot is free at 20; `late` has the first turn and is ready by then."""
    jobs = [Job("late", 5, earliest=10, slots=("t",)), Job("runs", 20, start=0, slots=("t",)), Job("early", 5, slots=("t",))]
    placed = place(jobs, {"t": 1}, 0)
    assert placed.starts == {"runs": 0, "late": 20, "early": 25}
    assert placed.cause == {"late": "runs", "early": "late"}


def test_more_than_the_limit_that_run_already_all_have_to_end() -> None:
    jobs = [Job("a", 10, start=0, slots=("t",)), Job("b", 20, start=0, slots=("t",)), Job("c", 5, slots=("t",))]
    assert place(jobs, {"t": 1}, 0).starts["c"] == 20


def test_a_paused_one_leaves_its_slot_and_has_no_end() -> None:
    story = Story(copies(a="60m", b="10m", c="10m"))
    story.begin(0, "a@fs01")
    for second in range(61):
        story.moved(second, "a@fs01", second * 1000, 120_000)
    story.tell(60, e.TransferPaused("a@fs01"), who="maria")
    found = story.night(120).forecast
    assert times(dict(found.starts)) == {"a": 0, "b": 120, "c": 720} and times(dict(found.ends)) == {"b": 720, "c": 1320}
    assert found.finish is None and found.critical == ("a@fs01",), "it alone decides when all is done"
    line = "".join(cell.text for cell in row1(story.night(120), 200))
    assert "FIN not known a@fs01 is paused" in line


def test_a_paused_one_that_decides_nothing_leaves_the_finish() -> None:
    step = "[[steps]]\nid = 'long'\ntitle = 'Long'\non = ['fs02']\nneeds = []\nrun = 'true'\nestimate = '5h'\n"
    story = Story(copies(a="10m", b="60m") + step)
    story.tell(1, e.TransferPaused("a@fs01"), who="maria")
    story.begin(2, "b@fs01")
    story.begin(2, "long@fs02")
    found = story.night(10).forecast
    assert "a" not in times(dict(found.starts)), "nobody knows when it may begin"
    assert found.finish is not None and round(found.finish - OPENS) == 2 + 5 * 3600
    assert found.paused == 1
    line = "".join(cell.text for cell in row1(story.night(10), 200))
    assert "FIN 01:00 +7h59 1 paused" in line, line


def test_what_waits_for_a_paused_one_has_no_time() -> None:
    step = "[[steps]]\nid = 'after-a'\ntitle = 'After'\non = ['fs01']\nneeds = ['a']\nrun = 'true'\nestimate = '1m'\n"
    story = Story(copies(a="10m") + step)
    story.tell(1, e.TransferPaused("a@fs01"), who="maria")
    found = story.night(10).forecast
    assert found.starts == {} and found.ends == {} and found.finish is None
