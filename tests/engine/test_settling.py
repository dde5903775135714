"""What becomes of attempts whose end nobody saw, and of words that come too late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.steps.job import last_line
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


LAST_WORDS = r"""
[inputs.token]
secret = true

[[steps]]
id = "work"
on = "local"
secrets = ["token"]
run = '''echo reading >&2; printf 'license \033[31m%s\033[0m\007 missing\n\n \n' "$token" >&2; {wait}exit 3'''
"""


async def test_a_failed_job_says_its_last_words(tmp_path: Path) -> None:
    """ "failed: exit 3" sent whoever was asked into the log."""
    async with night(session_of(tmp_path, LAST_WORDS.replace("{wait}", "")), {"token": "hunter22"}) as here:
        state = await here.until(lambda s: "failed-work@local" in s.prompts)
        assert state.tasks["work@local"].attempts[0].error == "exit 3: license ********? missing"
        assert state.prompts["failed-work@local"].text.endswith("failed: exit 3: license ********? missing")


async def test_a_job_that_is_found_again_says_the_same(tmp_path: Path) -> None:
    go = tmp_path / "go"
    session = session_of(tmp_path, LAST_WORDS.replace("{wait}", f"until test -e {go}; do sleep 0.1; done; "))
    async with night(session, {"token": "hunter22"}) as here:
        await here.until(lambda s: s.tasks["work@local"].attempts)
        async with asyncio.timeout(30):
            while b"missing" not in _printed(session):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    go.touch()
    async with night(session) as here:
        state = await here.until(lambda s: "failed-work@local" in s.prompts)
        assert state.tasks["work@local"].attempts[0].error == "exit 3: license ********? missing"


def _printed(session: SessionDir) -> bytes:
    reader = Reader.open(session.journal_path)
    found = b"".join(reader.attempt_output("work@local", 1, "err"))
    reader.close()
    return found


@pytest.mark.parametrize(("printed", "line"), [
    (b"", ""), (b" \n\x1b[0m\n", ""), (b"a\nb", "b"), (b"10 %\r20 %\r\n", "20 %"), (b"\xff\tb\x08\n", "\ufffd b?"),
    (b"x" * 500, "x" * 199 + "…"),
])
def test_the_last_line_is_one_that_a_person_can_read(printed: bytes, line: str) -> None:
    assert last_line(printed) == line
