"""What becomes of attempts whose end nobody saw, and of words that come too late."""

from __future__ import annotations

from pathlib import Path

from tests.engine.ground import night, session_of

UNDO = """
[[steps]]
id = "work"
on = "local"
run = "true"
undo = "kill -9 $PPID; kill -9 $$"

[[steps]]
id = "talk"
manual = "Call the customer"
"""


async def test_an_undo_whose_end_nobody_saw_does_not_hold_the_night_for_ever(tmp_path: Path) -> None:
    async with night(session_of(tmp_path, UNDO)) as here:
        await here.until(lambda s: s.tasks["work@local"].state == "done")
        assert (await here.do("undo", "work@local"))["ok"]
        state = await here.until(lambda s: len(s.tasks["work@local"].attempts) == 2 and s.tasks["work@local"].attempts[1].ended)
        attempt = state.tasks["work@local"].attempts[1]
        assert attempt.result == "failed" and "not known" in str(attempt.error)
        assert state.tasks["work@local"].state == "done", "nobody saw that it was undone"
        assert (await here.do("undo", "work@local"))["ok"], "it can be asked for again"


UNDONE = """
[[steps]]
id = "work"
on = "local"
run = "true"
undo = "true"

[[steps]]
id = "talk"
manual = "Call the customer"
"""


async def test_what_was_undone_can_be_skipped_as_the_question_about_it_says(tmp_path: Path) -> None:
    async with night(session_of(tmp_path, UNDONE)) as here:
        await here.until(lambda s: "manual-talk" in s.prompts)
        assert (await here.do("undo", "work@local"))["ok"]
        state = await here.until(lambda s: "failed-work@local" in s.prompts)
        assert state.prompts["failed-work@local"].choices == ["retry", "skip"]
        assert "reason" in (await here.do("answer", "failed-work@local", value="skip"))["text"]
        assert (await here.do("answer", "failed-work@local", value="skip", why="not tonight"))["ok"]
        assert (await here.do("done", "talk"))["ok"]
        state = await here.until(lambda s: s.outcome)
        assert state.outcome == "done"
        work = state.tasks["work@local"]
        assert (work.state, work.who, work.why) == ("skipped", "maria", "not tonight")


UNKNOWN = """
[[steps]]
id = "work"
on = "local"
run = "kill -9 $PPID; kill -9 $$"
"""


async def test_what_is_not_known_to_run_cannot_be_cancelled(tmp_path: Path) -> None:
    async with night(session_of(tmp_path, UNKNOWN)) as here:
        await here.until(lambda s: "unknown-work@local" in s.prompts)
        said = await here.do("cancel", "work@local")
        assert not said["ok"] and "done, failed" in said["text"]
        assert not here.state.tasks["work@local"].cancel_asked
        assert (await here.do("failed", "work@local"))["ok"]


WAITS = """
[[steps]]
id = "wait"
on = "local"
env = { WORD = "here" }
cwd = "/proc/self"
wait = { for = "test \\"$WORD\\" = here && test -e status", timeout = "4s" }
"""


async def test_the_condition_of_a_wait_has_the_environment_and_place_of_its_step(tmp_path: Path) -> None:
    async with night(session_of(tmp_path, WAITS)) as here:
        state = await here.until(lambda s: s.tasks["wait@local"].attempts and s.tasks["wait@local"].attempts[0].ended)
        assert state.tasks["wait@local"].state == "done"
