"""How true the forecasts were, as the report says it."""

from __future__ import annotations

from cockpit.journal import events as e
from cockpit.journal.records import Sample
from cockpit.views.foretold import sections
from cockpit.views.words import draw
from tests.views.story import OPENS, Story

COPY = "copy-out@fs01"


def told(at: float, share: float, left: float | None, n: int = 1) -> Sample:
    values = {"eta": left, "eta_p90": left, "bytes_done": int(share * 1000), "bytes_total": 1000, "phase": "copy", "n": n}
    return Sample(OPENS + at, f"forecast/{COPY}", values)  # type: ignore[arg-type]


def ended() -> Story:
    story = Story()
    story.begin(1, "inventory@fs01")
    story.end(2, "inventory@fs01")
    story.begin(100, COPY)
    story.end(500, COPY)
    story.tell(501, e.NightEnded("done"))
    return story


def test_the_error_of_a_copy_at_each_mark() -> None:
    """The first forecast from the mark on counts; one that said nothing is none, and another try's is not this one's."""
    samples = [told(150, 0.10, 999), told(190, 0.26, None), told(200, 0.27, 330), told(300, 0.5, 190), told(301, 0.9, 5, n=2),
               told(400, 0.8, 100)]
    copies, _ = sections(ended().night(600), {f"forecast/{COPY}": samples})
    assert copies.table is not None
    assert draw(copies.table, 100)[1].split() == [COPY, "1", "+30s", "-10s", "+0s", "13s"]
    assert "Mean absolute error over all: 30s at 25%, 10s at 50%, 0s at 75%, not told at 90%." in copies.words[0]


def test_the_finish_over_time_against_planned_and_actual() -> None:
    night = [Sample(OPENS + at, "forecast", {"finish": OPENS + at + 400, "finish_p90": None, "critical": "a > b"})
             for at in range(0, 500, 10)]
    _, finish = sections(ended().night(600), {"forecast": night})
    assert finish.table is not None
    rows = draw(finish.table, 120)[1:]
    assert len(rows) == 16
    assert "20:00:00" in rows[0] and "20:06:40" in rows[0] and "-1m40" in rows[0] and rows[0].endswith("a > b")
    assert "+6m30" in rows[-1]
    assert "Planned 2026-11-27" in finish.words[0] and "Actual 2026-11-27 20:08:20." in finish.words[0]
    assert "Mean absolute error of 50 forecasts: 2m" in finish.words[0]


def test_nothing_was_told() -> None:
    for section in sections(ended().night(600), {}):
        assert section.table is None and section.words
