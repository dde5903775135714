"""The servers' pane: one row each, numbers that are true or blank, the worst of each server in sight."""

from __future__ import annotations

import re

import pytest

from cockpit.journal import events as e
from cockpit.views import matrix, servers, steps, transfers
from cockpit.views.model import Engine, Night
from cockpit.views.now import attended
from cockpit.views.words import draw, text_of, width
from tests.views.story import OPENS, SEVEN, Story, the_night


def row(night: Night, server: str, cells: int = 120) -> dict[str, str]:
    table = servers.table(night, cells)
    found = next(r for r in table.rows if r.key == server)
    return {c.title: cell.text for c, cell in zip(table.columns, found.cells, strict=True)}


def test_a_row_for_each_server_in_the_plans_order_and_all() -> None:
    table = servers.table(the_night().night(1500), 80)
    assert [r.key for r in table.rows] == ["fs01", "fs02", "dc01", "sql01", "web01", "mail1", "bkp01", "ALL"]


def test_what_moves() -> None:
    fs01 = row(the_night().night(1500), "fs01")
    assert fs01["STEP"] == "03/05 Disks to a safe place"
    assert fs01["STATE"] == ">running"
    assert (fs01["DONE"], fs01["RATE"], fs01["FINISH"]) == ("19%", "200M", "21:06")
    assert fs01["LEFT"] in ("41m12", "41m13")
    assert fs01["SLACK"].startswith("+11h")
    assert fs01["OWNER"] == "storage"


def test_where_there_is_room_for_notes_a_step_is_named_whole() -> None:
    story = Story(SEVEN.replace('"Disks to a safe place"', '"Every virtual disk to a safe place"'))
    story.begin(10, "copy-out@fs01")

    def drawn(cells: int) -> str:
        return draw(servers.table(story.night(20), cells), cells)[1]

    assert "03/05 Every virtual disk to a safe place" in drawn(200)
    assert "03/05 Every virtual disk to a s…" in drawn(150)


def test_an_estimate_is_marked_as_one() -> None:
    assert row(the_night().night(1500), "mail1")["LEFT"] == "~20m10"


def test_a_stalled_transfer_has_no_time_left_and_its_quiet_climbs() -> None:
    fs02 = row(the_night().night(1500), "fs02")
    assert fs02["STATE"] == "!STALLED"
    assert (fs02["RATE"], fs02["LEFT"], fs02["FINISH"], fs02["QUIET"]) == ("--", "--", "--", "3m10")


def test_the_one_that_decides_is_named() -> None:
    assert servers.table(the_night().night(1500), 80).title == "critical: fs02 copy-out"


def test_what_failed_is_named_without_colour() -> None:
    assert row(the_night().night(1500), "web01")["STATE"] == "xFAILED"


def test_a_stale_server_shows_no_numbers() -> None:
    story = the_night()
    story.hear(1500)
    story.hear(1465, "fs01")
    fs01 = row(story.night(1500), "fs01")
    assert fs01["STATE"] == "?STALE"
    assert fs01["QUIET"] == "35s"
    assert {fs01[c] for c in ("DONE", "RATE", "TREND", "LEFT", "FINISH", "SLACK", "10MIN", "MOVED")} == {"--"}


def test_a_lost_server_and_a_changed_key() -> None:
    story = the_night()
    story.hear(1400)
    story.tell(1450, e.ServerLost("mail1", "unreachable", "timed out"))
    story.tell(1450, e.ServerLost("dc01", "key-changed", "the host key changed"))
    night = story.night(1500)
    assert row(night, "mail1")["STATE"] == "xLOST"
    assert row(night, "mail1")["FINISH"] == "--"
    assert row(night, "mail1", 200)["NOTE"] == "timed out"
    assert row(night, "dc01")["STATE"] == "!KEY"


def test_a_dropped_server() -> None:
    story = the_night()
    story.tell(1450, e.ServerDropped("mail1"), who="lead", why="dead disk")
    assert row(story.night(1500), "mail1")["STATE"] == "-DROPPED"


def test_a_held_server() -> None:
    story = Story()
    story.tell(5, e.Held("dc01"), who="lead")
    assert row(story.night(10), "dc01")["STATE"] == "#HELD"


def test_a_server_never_seen() -> None:
    story = Story()
    story.facts = [f for f in story.facts if not isinstance(f.event, e.ServerContacted) or f.event.server != "dc01"]
    assert row(story.night(10), "dc01")["STATE"] == "~unseen"


def test_a_finished_server_keeps_when_it_finished() -> None:
    bkp01 = row(the_night().night(1500), "bkp01")
    assert (bkp01["STATE"], bkp01["DONE"], bkp01["FINISH"], bkp01["PROVED"]) == ("=done", "100%", "20:20", "2/2")


def test_all_adds_up() -> None:
    everything = row(the_night().night(1500), "ALL")
    assert everything["STEP"] == "11/25 tasks"
    assert everything["RATE"] == "290M"
    assert everything["PROVED"] == "2/14"


@pytest.mark.parametrize("cells", [60, 80, 100, 120, 150, 200])
def test_every_pane_fits_and_cuts_no_number(cells: int) -> None:
    night = the_night().night(1500)
    tables = [servers.table(night, cells), matrix.table(night, cells), steps.checklist(night, None, cells),
              *(steps.checklist(night, s, cells) for s in night.plan.servers)]
    for table in tables:
        for line in draw(table, cells):
            assert width(line) <= cells, line
        for column in (c for c in table.columns if c.right and c.width):
            index = table.columns.index(column)
            for r in table.rows:
                assert width(r.cells[index].text) <= column.width, (column.title, r.cells[index].text)


def checklist(night: Night, server: str | None, cells: int = 80) -> list[str]:
    return draw(steps.checklist(night, server, cells), cells)[1:]


def test_the_checklist_says_what_happened_when_and_how_long() -> None:
    lines = checklist(the_night().night(1500), "fs01")
    assert re.fullmatch(r"= 01 Contact and inventory +20:00 +4m50", lines[0])
    assert lines[1].startswith("= 02 Go on with the move?")
    assert re.fullmatch(r"> 03 Disks to a safe place +20:15 +9m50", lines[2])
    assert re.match(r"\. 04 Rebuild to the baseli… +~21:06 +~30m00", lines[3])


def test_the_checklist_names_the_error() -> None:
    assert "FAILED: rebuild: no space left" in checklist(the_night().night(1500), "web01")[2]


def test_the_wide_checklist_sets_plan_against_actual_and_forecast() -> None:
    line = checklist(the_night().night(1500), "fs01", 140)[2]
    assert re.search(r">running +20:11-22:11 20:15- +until 21:06 +9m50", line)


def test_a_person_stands_beside_what_they_did() -> None:
    story = the_night()
    story.tell(1400, e.TaskSkipped("rebuild@fs01", False, "already at the baseline"), who="ana", why="already there")
    line = checklist(story.night(1500), "fs01")[3]
    assert "skipped: by ana" in line
    assert "already there" in line


def test_the_fleet_list_counts() -> None:
    lines = checklist(the_night().night(1500), None, 100)
    assert re.search(r"= 01 Contact and inventory +7/7 20:00-20:05 +7 done", lines[0])
    assert re.search(r"x 04 Rebuild to the baseline +2/7 .*1 FAILED, 1 running", lines[3])


def test_the_matrix_has_a_glyph_for_each_task() -> None:
    night = the_night().night(1500)
    lines = draw(matrix.table(night, 80), 80)
    assert lines[0].split() == ["SERVER", "01", "02", "03", "04", "05"]
    assert lines[1].split()[:3] == ["fs01", "=", ">"]
    assert lines[5].split()[:3] == ["web01", "=", "x"]
    assert lines[8].split() == ["(all)", "="]
    legend = "\n".join(text_of(line) for line in matrix.legend(night, 80))
    assert "x FAILED" in legend
    assert "04 Rebuild to the baseline" in legend


def test_the_fleet_is_not_ok_while_a_server_is_lost() -> None:
    story = Story()
    assert "ok" in draw(servers.table(story.night(60), 120), 120)[-1]
    story.tell(50, e.ServerLost("mail1", "unreachable", "timed out"))
    assert "x1 lost" in draw(servers.table(story.night(60), 120), 120)[-1]


def test_an_idle_servers_quiet_is_no_trouble() -> None:
    story = Story()
    story.hear(60)
    tones = {at: {r.key: c.tone for r in servers.table(story.night(at), 80).rows for c in r.cells[8:9]} for at in (72, 85)}
    assert tones[72]["dc01"] == "dim" and tones[85]["dc01"] == "warn"


def test_a_check_that_the_plan_makes_no_longer_is_not_counted() -> None:
    story = the_night()
    before = row(story.night(1500), "bkp01")["PROVED"]
    story.tell(1501, e.CheckFinished("verify@bkp01", 1, "taken away", "run", "pass", "exit 0", OPENS + 1206, []))
    assert row(story.night(1502), "bkp01")["PROVED"] == before


def test_a_hold_is_seen_while_something_runs_and_when_all_is_over() -> None:
    story = the_night()
    story.tell(1400, e.Held("fs01"), who="lead")
    assert row(story.night(1500), "fs01")["STATE"] == "#RUNNING"
    story.tell(1450, e.Held("bkp01"), who="lead")
    assert row(story.night(1500), "bkp01")["STATE"] == "#HELD"


def test_of_a_copy_whose_outcome_is_not_known_nobody_says_that_it_stands() -> None:
    """The same row said UNKNOWN and STALLED, while its files went on to arrive."""
    story = the_night()
    story.tell(1450, e.AttemptUnknown("copy-out@fs01", 1, "lost"))
    shown = row(story.night(1700), "fs01")
    assert (shown["STATE"], shown["RATE"]) == ("?UNKNOWN", "") and shown["LEFT"] == "--"


def test_without_an_engine_nobody_says_that_a_copy_stands() -> None:
    """Jobs on the servers go on: the screen said STALLED and 0 B/s of copies that went at full speed."""
    night = attended(the_night().night(1500), Engine(False, "the engine died"))
    fs02 = servers.table(night, 120).rows[1]
    assert [cell.text for cell in fs02.cells[:3]] == ["fs02", "03/05 Disks to a safe place", "?STALE"]
    assert "B/s" not in (transfers.table(night, 120).title + "".join(draw(transfers.table(night, 120), 120)))
    assert "STALLED" not in "".join(draw(transfers.table(night, 120), 120) + draw(servers.table(night, 120), 120))
