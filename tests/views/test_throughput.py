"""An hour of throughput: minutes read once, restarts, proofs left out, and bars that tell nothing from something."""

from __future__ import annotations

from pathlib import Path

from cockpit.journal.reader import Reader
from cockpit.journal.records import Sample
from cockpit.journal.writer import Writer
from cockpit.views.throughput import Hour, lines
from cockpit.views.words import text_of, width
from tests.views.story import OPENS, Story


async def _hour(place: Path, counts: dict[str, list[tuple[float, int]]], at: float) -> list[float]:
    writer = Writer.open(place / "journal.db")
    for task, samples in counts.items():
        for second, done in samples:
            writer.sample(Sample(OPENS + second, f"transfer/{task}", {"phase": "copy", "bytes_done": done}))
    await writer.flush()
    await writer.close()
    reader = Reader.open(place / "journal.db")
    try:
        return Hour(reader).rates(Story().night(at))
    finally:
        reader.close()


async def test_a_rate_for_each_minute_of_all_copies_together(tmp_path: Path) -> None:
    counts = {
        "copy-out@fs01": [(10, 0), (59, 600), (61, 660), (119, 1200)],
        "copy-out@sql01": [(70, 0), (110, 60)],
        "verify@fs01": [(70, 0), (110, 9_000_000)],  # reads, and moves nothing
    }
    assert await _hour(tmp_path, counts, 125) == [10.0, 11.0, 0.0]


async def test_a_copy_that_begins_again_counts_what_it_moves_then(tmp_path: Path) -> None:
    assert await _hour(tmp_path, {"copy-out@fs01": [(30, 6000), (90, 60)]}, 125) == [100.0, 1.0, 0.0]


async def test_no_more_than_an_hour(tmp_path: Path) -> None:
    rates = await _hour(tmp_path, {"copy-out@fs01": [(s, s * 100) for s in range(0, 7200, 30)]}, 7190)
    assert len(rates) == 60
    assert rates[0] == 100.0


def test_bars_stand_over_their_minutes() -> None:
    night = Story().night(125)
    drawn = [text_of(line) for line in lines([16e6, 8e6, 1.0, 0.0], night, 60, 6)]
    assert drawn[0] == "most in a minute 16.0 MB/s, this minute 0 B/s"
    assert drawn[1].endswith("█   ") and drawn[4].endswith("██▁ ")
    assert drawn[5].endswith("20:02")
    assert all(width(line) == 60 for line in drawn[1:])


def test_nothing_moved_and_no_room() -> None:
    night = Story().night(125)
    assert text_of(lines([0.0, 0.0], night, 60, 6)[0]) == "nothing has moved in this hour"
    assert lines([1.0], night, 60, 2) == []


def test_the_times_below_never_run_into_each_other() -> None:
    for minute in range(60, 80):
        drawn = text_of(lines([1.0] * 60, Story().night(minute * 60), 60, 6)[5])
        assert all(len(time) == 5 for time in drawn.split()), drawn
        assert len(drawn.split()) >= 4, "each quarter of the hour that has room, and now"
