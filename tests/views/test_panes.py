"""Transfers, proofs, what needs you, one task, the ruler, the hand-over: read as an operator would."""

from __future__ import annotations

import re

import pytest

from cockpit.journal import events as e
from cockpit.ui.acts import propose
from cockpit.ui.proposals import Target
from cockpit.views import detail, handover, needs, proofs, servers, steps, timeline, transfers
from cockpit.views.model import Night
from cockpit.views.words import draw, text_of, width
from tests.views.story import HEAD, OPENS, SEVEN, Story, the_night

WIDTHS = (60, 80, 120, 200)


def pane(table: object, cells: int) -> list[str]:
    return draw(table, cells)  # type: ignore[arg-type]


def find(lines: list[str], word: str) -> str:
    return next(line for line in lines if word in line)


def test_transfers_measured_and_stalled() -> None:
    lines = pane(transfers.table(the_night().night(1500), 80), 80)
    assert re.search(r">copy +19% +118G +612G +200M █+ +200M 41m1[23]$", find(lines, "copy-out@fs01"))
    assert re.search(r"!STALLED +20% 40.0G +200G +-- ▁+ +67.9M stalled 3m10$", find(lines, "copy-out@fs02"))
    wide = pane(transfers.table(the_night().night(1500), 120), 120)
    assert re.search(r"200M █+ +200M +200M 41m1[23] \(≤4\dm\) at 21:06", find(wide, "copy-out@fs01"))
    assert re.search(r"-- ▁+ .*67.9M stalled 3m10", find(wide, "copy-out@fs02"))
    assert transfers.table(the_night().night(1500), 80).title == "3 of at most 4 transfers, 290 MB/s"


def test_a_transfer_just_begun_is_measuring_and_has_its_servers_estimate_beside_it() -> None:
    """Two panes that say two things of one copy are believed neither."""
    story = Story()
    story.begin(1, "copy-out@fs01")
    story.moved(2, "copy-out@fs01", 0, None, "scan")
    assert both(story.night(3)) == ("measuring", "~1h59")
    assert find(pane(transfers.table(story.night(3), 120), 120), "copy-out").rstrip().endswith("measuring (~1h59)")
    story.hear(7200)
    story.moved(7200, "copy-out@fs01", 0, None, "scan")
    assert both(story.night(7200.5)) == ("measuring", "--"), "half a second before its estimate ends"
    guess = Story(SEVEN.replace('estimate = "2h"', ""))
    guess.begin(1, "copy-out@fs01")
    guess.moved(2, "copy-out@fs01", 0, None, "scan")
    assert both(guess.night(3)) == ("measuring", "--"), "nobody has estimated it"


def both(night: Night) -> tuple[str, str]:
    """What the transfers' pane and the servers' pane say is left of fs01's copy."""
    table = servers.table(night, 80)
    left = next(i for i, c in enumerate(table.columns) if c.title == "LEFT")
    return find(pane(transfers.table(night, 80), 80), "copy-out").split()[-1], table.rows[0].cells[left].text


def test_a_stale_servers_transfer_has_no_rate() -> None:
    story = the_night()
    story.hear(1400)
    line = find(pane(transfers.table(story.night(1500), 80), 80), "copy-out@fs01")
    assert "?STALE" in line
    assert "200M" not in line


def test_what_is_over_comes_last_without_a_rate() -> None:
    story = the_night()
    story.end(1499, "copy-out@fs01")
    table = transfers.table(story.night(1500), 120)
    assert [r.key for r in table.rows][-1] == "copy-out@fs01"
    assert "200M" not in find(pane(table, 120), "copy-out@fs01")


def test_proofs_pass_fail_untested_and_stale() -> None:
    story = the_night()
    story.begin(1300, "verify@dc01")
    story.tell(1310, e.CheckFinished("verify@dc01", 1, "up", "tcp", "pass", "22 open", OPENS + 1305, []))
    story.tell(1311, e.CheckFinished("verify@dc01", 1, "same", "run", "fail", "3 files differ:\x1b[2J a.db", OPENS + 1305, []))
    story.end(1312, "verify@dc01", result="failed", error="1 of 2 checks failed")
    story.tell(1320, e.RetryAsked("rebuild@dc01"), who="ana")
    story.begin(1330, "rebuild@dc01", n=2)
    night = story.night(1500)
    lines = pane(proofs.table(night, 120), 120)
    assert re.search(r"dc01 +verify/up +\?STALE +STALE 20:22", find(lines, "22 open") and lines[5])
    assert re.search(r"dc01 +verify/same +xFAIL .*3 files differ:\^\[\[2J a.db", lines[6])
    assert ".not tested" in lines[1]
    assert proofs.summary(night) == "2 of 14 checks pass and are fresh, 1 FAIL, 10 not tested, 1 STALE"
    assert [c.text for c in proofs.matrix(night, 80).rows[2].cells] == ["dc01", "?", "x"]


def test_needs_name_the_keys() -> None:
    lines = pane(needs.table(the_night().night(1500), 140), 140)
    assert re.search(r"\[1\] +3m19 web01 rebuild +rebuild: no space left on /srv +retry / skip / drop", lines[1])
    assert re.search(r"\[2\] +3m10 fs02 copy-out +no byte has moved +enter look", lines[2])


def test_an_acknowledged_alarm_is_gone_and_a_question_is_not() -> None:
    story = the_night()
    (alarm,) = [n.key for n in needs.items(story.night(1490)) if n.alarm]
    story.tell(1490, e.AlarmAcknowledged(alarm), who="ana")
    story.tell(1491, e.AlarmAcknowledged("p1"), who="ana")
    assert [n.key for n in needs.items(story.night(1500))] == ["p1"]


def test_a_failure_without_a_prompt_still_needs_you() -> None:
    story = the_night()
    story.tell(1490, e.PromptWithdrawn("p1", "engine restarted"))
    found = needs.decisions(story.night(1500))
    assert [(n.key, n.kind, n.where) for n in found] == [("rebuild@web01", "failed", "web01 rebuild")]


def test_a_gate_that_waits_needs_you() -> None:
    story = Story()
    every = [f"inventory@{n}" for n in story.plan.servers]
    story.begin(10, *every)
    story.end(300, *every)
    story.begin(310, "backup-ok")
    (need,) = needs.items(story.night(400))
    assert (need.kind, need.task, need.hint) == ("gate", "backup-ok", "o  go or no-go")


def test_a_lost_server_needs_you_only_once_it_does_not_mend_itself() -> None:
    story = the_night()
    story.tell(1480, e.ServerLost("mail1", "unreachable", "timed out"))
    assert "mail1" not in [n.server for n in needs.items(story.night(1500))]
    assert "mail1" in [n.server for n in needs.items(story.night(1511))]


def text(night: Night, task: str, cells: int = 100) -> str:
    return "\n".join(text_of(line) for line in detail.lines(night, task, cells))


def test_a_note_that_the_checklist_cuts_is_whole_in_the_detail() -> None:
    story = the_night()
    story.end(1400, "copy-out@fs02", result="failed", error="rsync: no space left on /srv\nfile 1\nfile \x1b[2J2")
    story.tell(1410, e.TaskSkipped("rebuild@fs01", False, "at the baseline " * 20), who="ana", why="at the baseline " * 20)
    night = story.night(1500)
    assert "file 1\n    file ^[[2J2" in text(night, "copy-out@fs02")
    for task in night.state.tasks.values():
        noted = steps.remark(night, task)
        assert " ".join(noted.split()).replace(f"@{task.server}", "") in " ".join(text(night, task.id, 40).split()).replace(
            f"@{task.server}", ""), task.id


def test_one_task_in_prose() -> None:
    said = text(the_night().night(1500), "rebuild@web01")
    assert "04 Rebuild to the baseline on web01 (rebuild@web01, run)" in said
    assert "x FAILED, 20:15:10 to 20:21:40, 6m30" in said
    assert "Attempt 1: failed, exit 3, 20:15:10 to 20:21:40, 6m30" in said
    assert "    rebuild: no space left on /srv" in said
    assert "Planned: 20:11-20:41" in said


def test_one_transfer_in_prose() -> None:
    said = text(the_night().night(1500), "copy-out@fs02")
    assert "Moved: 40.0 GB of 200 GB (copy), stalled 3m10" in said
    said = text(the_night().night(1500), "copy-out@fs01")
    assert re.search(r"\(copy\), 41m1[23] \(≤4\dm\) left\nRate: 200 MB/s now, 200 MB/s 1 min, 200 MB/s 10 min", said)
    assert "Does: copy /srv/data/ to bkp01:/vault/fs01/" in said


def test_a_gate_tells_who_said_what() -> None:
    said = text(the_night().night(1500), "backup-ok")
    assert "ana said go" in said


def test_no_such_task() -> None:
    assert text(the_night().night(1500), "nothing@fs01") == "nothing@fs01: no such task in this night"


def test_the_ruler_shows_now_finish_and_opening_in_order() -> None:
    story = the_night()
    story.end(1450, "copy-out@fs02")
    night = story.night(1500)
    lines = [text_of(line) for line in timeline.lines(night, 100)]
    assert lines[0].startswith("20:00")
    assert all(len(line) == 100 for line in lines[1:3])
    assert lines[2].index("V") < lines[2].index("F") < lines[2].index("O")
    assert "F finish 21:36" in lines[3]
    assert "O business opens 09:00" in lines[3]
    assert lines[1].index(">") < lines[1].index("-")


def test_the_ruler_without_a_finish_shows_none() -> None:
    lines = [text_of(line) for line in timeline.lines(the_night().night(1500), 100)]
    assert "F" not in lines[2]
    assert "finish" not in lines[3]


def test_the_ruler_shows_until_when_go_makes_sense() -> None:
    story = Story()
    lines = [text_of(line) for line in timeline.lines(story.night(600), 120)]
    assert "G go by (backup-ok) 23:30" in lines[3]


def test_marks_of_one_cell_stand_beside_each_other() -> None:
    story = the_night()
    story.end(1450, "copy-out@fs02")
    night = story.night(1500)
    for cells in range(40, 130):
        drawn = text_of(timeline.lines(night, cells)[2])
        assert sorted(drawn.replace(" ", "")) == sorted(mark.glyph for mark in timeline.marks(night))
        ordered = [drawn.index(mark.glyph) for mark in sorted(timeline.marks(night), key=lambda mark: mark.at)]
        assert ordered == sorted(ordered), f"in {cells} cells not in the order of time: {drawn}"


def test_where_it_gets_narrow_the_marks_are_named_in_few_words() -> None:
    story = Story(re.sub("(?m)^closes", "testing = 2026-11-28T05:00:00-08:00\ncloses", HEAD) + SEVEN.removeprefix(HEAD))
    story.end(1450, "copy-out@fs02")

    def named(cells: int) -> str:
        return text_of(timeline.lines(story.night(1500), cells)[3])

    assert "[ window opened 20:00" in named(120) and "G go by (backup-ok) 23:30" in named(120)
    assert "[" not in named(110) and "G go by (backup-ok) 23:30" in named(110)
    assert named(80) == "V now 20:25  F finish 23:07  G go by 23:30  T testing 05:00  O opens 09:00"


def test_an_hour_that_has_come_is_no_longer_ahead() -> None:
    """What is past must not stand there as if it were to come."""
    story = Story(re.sub("(?m)^closes", "testing = 2026-11-28T05:00:00-08:00\ncloses", HEAD) + SEVEN.removeprefix(HEAD))

    def ruler(hours: float) -> str:
        return text_of(timeline.lines(story.night(hours * 3600), 120)[3])

    assert "work may start 20:00" in ruler(-1)
    assert "[ window opened 20:00" in ruler(8) and "T testing 05:00" in ruler(8) and "O business opens 09:00" in ruler(8)
    assert "T testing was due 05:00" in ruler(10) and "O business opens 09:00" in ruler(10)
    assert "O opening was due 09:00" in ruler(14)


def test_hand_over() -> None:
    lines = [text_of(line) for line in handover.lines(the_night().night(1500), 100)]
    said = "\n".join(lines)
    assert lines[0] == "At the keys: lead  (decides: lead)"
    assert "engine 1 on con1, pid 4711" in said
    assert "Open (2):\n[1] web01 rebuild: rebuild: no space left on /srv, for 3m19" in said
    assert "fs02: !STALLED Disks to a safe place" in said
    assert "20:15 backup-ok: go, by ana (backup proven)" in said


@pytest.mark.parametrize("cells", WIDTHS)
def test_every_pane_fits(cells: int) -> None:
    night = the_night().night(1500)
    drawn = [draw(t, cells) for t in (transfers.table(night, cells), proofs.table(night, cells), needs.table(night, cells))]
    said = [detail.lines(night, t, cells) for t in night.state.tasks]
    said += [handover.lines(night, cells), timeline.lines(night, cells)]
    for line in [line for lines in drawn for line in lines] + [text_of(line) for lines in said for line in lines]:
        assert width(line) <= cells, line
    for table in (transfers.table(night, cells), proofs.table(night, cells), needs.table(night, cells)):
        for i, column in enumerate(table.columns):
            if column.right and column.width:
                assert all(width(r.cells[i].text) <= column.width for r in table.rows)


def test_a_question_does_not_repeat_the_task_that_stands_beside_it() -> None:
    story = the_night()
    story.tell(1302, e.PromptOpened("p2", "failed", "verify@dc01 failed: same: exit 1, not 0", "verify@dc01", "dc01", ["retry"]))
    asked = "Go on with the move?: go or no-go? Needs 1 approval."
    story.tell(1303, e.PromptOpened("p3", "gate", asked, "backup-ok", None, ["go"]))
    found = {need.key: need.sentence for need in needs.items(story.night(1500))}
    assert found["p2"] == "dc01 verify failed: same: exit 1, not 0"
    assert found["p3"] == "backup-ok: go or no-go? Needs 1 approval."


def test_a_proof_stands_among_the_transfers_only_while_it_reads() -> None:
    story = the_night()
    story.begin(1300, "verify@dc01")
    for second in range(1301, 1500):
        story.moved(second, "verify@dc01", second * 1000, 2_000_000, "verify")
    table = transfers.table(story.night(1500), 120)
    assert "verify@dc01" in [r.key for r in table.rows]
    assert table.title == "3 of at most 4 transfers, 290 MB/s, 1 proof reads"
    story.end(1500, "verify@dc01")
    assert "verify@dc01" not in [r.key for r in transfers.table(story.night(1501), 120).rows]
    assert "Moved" not in text(story.night(1501), "verify@dc01")


def test_an_input_that_was_asked_for_is_one_decision() -> None:
    story = the_night()
    story.tell(1490, e.PromptAnswered("input-ticket", "CHG1"), who="ana")
    story.tell(1490, e.InputGiven("ticket", "CHG1"), who="ana")
    story.tell(1491, e.PromptAnswered("p1", "retry"), who="ana")
    said = [text_of(line) for line in handover.lines(story.night(1500), 100)]
    assert [line for line in said if "ticket" in line] == ["20:24 input ticket given: CHG1, by ana"]
    assert any("question p1 answered" in line for line in said)


def test_a_narrow_pane_of_proofs_shows_check_and_evidence_whole() -> None:
    story = the_night()
    story.tell(1310, e.CheckFinished("verify@dc01", 1, "same", "run", "pass", "1,204 files, 18.2 GB", OPENS + 1305, []))
    line = find(pane(proofs.table(story.night(1500), 66), 66), "1,204")
    assert re.search(r"dc01 +verify/same +=pass +20:21 1,204 files, 18.2 GB$", line)


def test_a_proof_says_how_far_it_is_and_is_no_stall() -> None:
    story = the_night()
    for s in range(1500, 1600):
        story.moved(s, "copy-out@fs01", 612_000_000_000, 612_000_000_000, "verify", phase_done=s * 100_000_000,
                    phase_total=400_000_000_000)  # fmt: skip
    night = story.night(1600)
    line = find(pane(transfers.table(night, 80), 80), "copy-out@fs01")
    assert re.search(r">verify 39% +99% ", line), line
    assert "copy-out" not in " ".join(need.where for need in needs.items(night) if need.server == "fs01" and need.alarm)
    assert any("verify 39%" in text_of(line) for line in detail.lines(night, "copy-out@fs01", 100))


CAPTURING = HEAD + """
[servers.one]
host = "one.example"
[[steps]]
id = "look"
on = "one"
run = "uname -a"
capture = "os"
[[steps]]
id = "use"
on = "one"
when = "test {{ captured.os }}"
run = "use {{ captured.os }}"
probe = "used {{ captured.os }}"
undo = "back {{ captured.os }}"
note = "it is {{ captured.os }}"
"""


def test_what_a_server_printed_reaches_the_terminal_harmless_wherever_a_step_names_it() -> None:
    story = Story(CAPTURING)
    story.tell(10, e.ValueCaptured("look@one", "os", "Li\x1b[2Jnux\x07\x9b"))
    night = story.night(20)
    asked = propose("undo", night, Target(task="use@one", server="one")).question
    assert asked is not None
    for said in (text(night, "use@one"), "\n".join(asked.body)):
        assert "back Li" in said and "nux^G<9b>" in said
        assert said.replace("\n", "").isprintable()
    assert all(f"{word} Li" in text(night, "use@one") for word in ("use", "used", "back", "test", "is"))
