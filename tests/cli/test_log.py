"""`cockpit log` as a process: following a night to its end, what a step printed, and options that do not fit together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import refused
from tests.night.sessions import HEAD, Cockpit, session_of


def test_following_shows_what_comes_and_ends_with_the_night(cockpit: Cockpit, night: str) -> None:
    line = [sys.executable, "-m", "cockpit", "log", night, "--follow", "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        seen = []
        for text in follower.stdout:
            seen.append(json.loads(text))
            if seen[-1]["kind"] == "PromptOpened" and seen[-1]["data"]["id"] == "manual-look":
                cockpit("do", night, "done", "look", "--as", "anna")
            elif seen[-1]["kind"] == "PromptOpened":
                cockpit("do", night, "done", "bye", "--as", "maria")
        assert follower.wait(30) == 0, "it ended by itself"
    assert [fact["seq"] for fact in seen] == list(range(1, len(seen) + 1)), "none missing, none twice"
    assert seen == cockpit.facts(night) and [f["who"] for f in seen if f["kind"] == "TaskMarkedDone"] == ["anna", "maria"]
    assert cockpit("log", night, "--follow").stdout == cockpit("log", night).stdout, "of an ended night at once"


def test_options_that_do_not_fit_together_are_refused(cockpit: Cockpit, night: str) -> None:
    assert "--json is for facts" in refused(cockpit, f"log {night} --json --output last@local")
    assert "--follow is for facts" in refused(cockpit, f"log {night} --follow --output last@local")
    assert "--output STEP@SERVER" in refused(cockpit, f"log {night} --stream err")
    assert "--output STEP@SERVER" in refused(cockpit, f"log {night} --attempt 1")


LOUD = """
[[steps]]
id = "loud"
on = "local"
run = "printf 'a\\\\377\\\\000\\\\033[2J\\\\r\\\\n'; printf 'e\\\\200' >&2"
"""


def test_what_a_step_printed_comes_byte_for_byte(apart: Cockpit, plan: Path) -> None:
    plan.write_text(HEAD.format(name="loud") + LOUD)
    session = session_of(apart("run", str(plan), "--headless").stdout)
    assert apart("log", session, "--output", "loud@local").raw == b"a\xff\x00\x1b[2J\r\n"
    assert apart("log", session, "--output", "loud@local", "--stream", "err", "--attempt", "1").raw == b"e\x80"
    assert "no attempt 2" in refused(apart, f"log {session} --output loud@local --attempt 2")
