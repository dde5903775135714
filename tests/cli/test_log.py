"""`cockpit log` as a process: following a night to its end, what a step printed, and options that do not fit together."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

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
    assert "--all is for facts" in refused(cockpit, f"log {night} --all --output last@local")
    assert "--all is for JSON lines" in refused(cockpit, f"log {night} --all")
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


CUT = """
[[steps]]
id = "cut"
on = "local"
run = "printf 'gr\\\\303'; until test -e {there}; do sleep .05; done; printf '\\\\274\\\\000n\\\\r\\\\377\\\\n'; printf plain >&2"
"""


def test_the_whole_of_a_night_with_what_it_sampled_and_printed_byte_for_byte(cockpit: Cockpit, place: Path) -> None:
    plan, there = place / "night.toml", place / "there"
    plan.write_text(HEAD.format(name="cut") + CUT.format(there=there))
    started = cockpit.start(plan)
    started.kill()
    started.communicate()
    night = cockpit.session().id
    line = [sys.executable, "-m", "cockpit", "log", night, "--json", "--all", "--follow"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        seen = []
        for text in follower.stdout:
            seen.append(json.loads(text))
            if seen[-1].get("stream") == "out":
                there.touch()  # half of a character was read by itself
        assert follower.wait(30) == 0, "it ended by itself"
    printed: defaultdict[tuple[str, int, str], bytes] = defaultdict(bytes)
    for row in (row for row in seen if "stream" in row):
        stream = row["task"], row["attempt"], row["stream"]
        assert row["offset"] == len(printed[stream])
        printed[stream] += said(row)
    assert printed["cut@local", 1, "out"] == b"gr\xc3\xbc\0n\r\xff\n" and printed["cut@local", 1, "err"] == b"plain"
    assert next(row["base64"] for row in seen if row.get("stream") == "out") == "Z3LD", "what is no text by itself"
    assert [row["text"] for row in seen if row.get("stream") == "err"] == ["plain"]
    assert [row for row in seen if "kind" in row] == cockpit.facts(night), "as they are without --all"
    assert any(row["series"] == "engine" and row["values"] for row in seen if "series" in row)
    assert all(sum(key in row for key in ("kind", "series", "stream")) == 1 for row in seen)
    again = [json.loads(text) for text in cockpit("log", night, "--json", "--all").stdout.splitlines()]
    assert [row["at"] for row in again] == sorted(row["at"] for row in again)
    assert sorted(map(str, again)) == sorted(map(str, seen)), "of an ended night the same at once"


def said(row: dict[str, Any]) -> bytes:
    return base64.b64decode(row["base64"]) if "base64" in row else row["text"].encode()
