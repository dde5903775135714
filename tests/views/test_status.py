"""`status --json` as it is specified, and as lines for a person."""

from __future__ import annotations

import json
import shlex

from cockpit.journal import events as e
from cockpit.views.status import lines, status
from tests.views.story import Story, the_night


def test_the_document_has_every_field_that_is_promised() -> None:
    doc = json.loads(json.dumps(status(the_night().night(1500)), allow_nan=False))
    assert set(doc) >= {
        "session", "plan", "mode", "outcome", "engine", "now", "window", "forecast", "backout", "counts", "servers",
        "tasks", "attempts", "needs_you", "proofs",
    }
    assert set(doc["engine"]) == {"running", "pid", "epoch", "problem"}
    assert set(doc["window"]) == {"opens", "testing", "closes"}
    assert set(doc["forecast"]) == {"finish", "finish_p90", "slack_s", "critical"}
    assert set(doc["backout"]) == {"possible", "duration_s", "latest"}
    assert set(doc["servers"][0]) == {"name", "contact", "since", "quiet_s", "held", "problem"}
    assert set(doc["tasks"][0]) == {
        "step", "kind", "title", "phase", "server", "state", "why_waiting", "attempt", "started", "ended", "exit", "error",
        "who", "why", "paused_by",
        "planned_start", "planned_end", "forecast_end", "percent", "bytes_done", "bytes_total", "rate", "eta_s", "eta_p90_s",
    }
    assert set(doc["attempts"][0]) >= {"step", "server", "n", "started", "ended", "exit", "error"}
    assert set(doc["needs_you"][0]) >= {"id", "kind", "step", "server", "what", "since"}
    assert set(doc["proofs"][0]) == {"step", "check", "server", "result", "at", "fresh", "evidence"}


def test_what_is_so() -> None:
    doc = status(the_night().night(1500))
    assert (doc["session"], doc["mode"], doc["outcome"]) == ("20261127-2000-seven", "live", None)
    assert doc["now"] == "2026-11-28T04:25:00.000Z"
    assert doc["window"]["closes"] == "2026-11-28T17:00:00.000Z"
    assert doc["counts"]["running"] == 4
    assert doc["counts"]["failed"] == 1
    assert sum(doc["counts"].values()) == len(doc["tasks"]) == 25
    by_id = {(t["step"], t["server"]): t for t in doc["tasks"]}
    copy = by_id["copy-out", "fs01"]
    assert (copy["percent"], copy["rate"], copy["bytes_total"]) == (19.2, 200_000_000, 612_400_000_000)
    assert by_id["backup-ok", None]["state"] == "done"
    assert by_id["rebuild", "web01"]["error"] == "rebuild: no space left on /srv"


def test_unknown_is_null_and_never_nought() -> None:
    doc = status(the_night().night(1500))
    by_id = {(t["step"], t["server"]): t for t in doc["tasks"]}
    stalled, waiting = by_id["copy-out", "fs02"], by_id["verify", "fs01"]
    assert (stalled["rate"], stalled["eta_s"], stalled["forecast_end"]) == (None, None, None)
    assert (doc["forecast"]["finish"], doc["forecast"]["slack_s"], doc["forecast"]["finish_p90"]) == (None, None, None)
    assert (doc["backout"]["duration_s"], doc["backout"]["latest"]) == (None, None)
    assert [waiting[k] for k in ("attempt", "started", "exit", "percent", "bytes_done", "rate")] == [None] * 6


def test_alarms_need_a_person_too_and_are_marked() -> None:
    found = {n["id"]: n for n in status(the_night().night(1500))["needs_you"]}
    assert [(n["kind"], n["alarm"]) for n in found.values()] == [("failed", False), ("stalled", True)]
    stalled = next(n for n in found.values() if n["alarm"])
    assert stalled["id"].startswith("stalled:copy-out@fs02")
    assert (stalled["step"], stalled["server"], stalled["since"]) == ("copy-out", "fs02", "2026-11-28T04:21:50.000Z")


def test_a_stopped_engine_has_no_pid() -> None:
    engine = status(the_night().night(1500, alive=False))["engine"]
    assert (engine["running"], engine["pid"]) == (False, None)


def test_a_night_of_which_nothing_is_known_yet() -> None:
    story = Story()
    story.facts = []
    doc = json.loads(json.dumps(status(story.night(10)), allow_nan=False))
    assert doc["tasks"] == []


def test_for_a_person() -> None:
    said = lines(the_night().night(1500), 100)
    assert said[0].startswith("LIVE lead@con1 20:25:00 | OPEN 09:00 in 12:35:00")
    assert said[1].startswith("!2 NEED YOU [1] web01 rebuild")
    assert any(line.startswith("fs02 ") and "!STALLED" in line for line in said)
    assert said[-1] == "2 of 14 checks pass and are fresh, 12 not tested"


def test_what_needs_a_person_is_said_with_the_commands_that_answer_it() -> None:
    """Put together by hand from an id, a word and a pattern, one of them is soon the wrong one."""
    said = lines(the_night().night(1500), 60)
    do = "            cockpit do 20261127-2000-seven"
    assert f"{do} answer p1 --value retry" in said and f"{do} answer p1 --value skip --why ''" in said
    alarm = next(n["id"] for n in status(the_night().night(1500))["needs_you"] if n["alarm"])
    assert f"{do} ack {shlex.quote(alarm)}" in said and any(line.endswith(f"{alarm}  alarm") for line in said)


def test_a_command_to_paste_is_one_word_for_the_shell_where_it_must_be_and_tells_no_secret() -> None:
    story = Story()
    story.tell(10, e.PromptOpened("key fs01; reboot", "loss", "Go on?", None, "fs01", ["go on", "cancel"]))
    story.tell(20, e.PromptOpened("input-sudo", "secret", "sudo", secret=True))
    said = [shlex.split(line)[3:] for line in lines(story.night(60), 60) if line.lstrip().startswith("cockpit do")]
    assert said == [["answer", "key fs01; reboot", "--value", "go on"], ["answer", "key fs01; reboot", "--value", "cancel"],
                    ["answer", "input-sudo"]]


def test_a_task_that_waits_while_no_prompt_says_so_is_answered_by_its_own_id() -> None:
    story = Story()
    every = [f"inventory@{n}" for n in story.plan.servers]
    story.begin(10, *every)
    story.end(300, *every)
    story.begin(310, "backup-ok")
    said = [line.strip() for line in lines(story.night(400), 60)]
    assert "cockpit do 20261127-2000-seven answer backup-ok --value go" in said
    assert "cockpit do 20261127-2000-seven answer backup-ok --value no-go --why ''" in said
