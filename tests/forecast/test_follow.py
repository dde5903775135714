"""Following a series: the same answers however a moment was reached, and an old stall that is still known to be old."""

from __future__ import annotations

from cockpit.forecast.follow import SPAN, Follower, mark_before
from cockpit.forecast.model import TransferNow
from cockpit.journal.records import Sample
from cockpit.views.now import share
from tests.views.story import the_night

MB = 1_000_000


def sample(at: float, done: int) -> Sample:
    return Sample(at, "transfer/x", {"phase": "copy", "bytes_done": done, "bytes_total": 90_000 * MB, "n": 1})


def seen(samples: list[Sample], moments: list[float]) -> list[TransferNow | None]:
    """By one follower that goes from each of these moments to the next."""
    def read(_series: str, since: float, until: float, step: int) -> list[Sample]:
        return list({int(s.at) // step: s for s in samples if since <= s.at <= until}.values())

    follower = Follower(read)
    return [follower.of("transfer/x", "x", 100.0, now).at(now) for now in moments]


def test_walked_or_jumped_to_it_is_the_same() -> None:
    samples = [sample(100 + t, t * MB * (3 if t % 11 < 4 else 2)) for t in range(4000)]
    moments = [105.0, 700.5, 1199.0, 1201.0, 2500.0, 3599.9, 3600.0, 4000.0, 1300.0]
    walked = seen(samples, [100 + t * 7.0 for t in range(500)] + moments)[500:]
    for now, moving in zip(moments, walked, strict=True):
        assert seen(samples, [now]) == [moving]
        assert seen([s for s in samples if s.at <= now], [now]) == [moving], "nothing later was known"


def test_of_each_second_its_newest_sample_and_now_the_newest_of_all() -> None:
    """Many in a second cost a walk more looks, and a jump nothing; both say the same, and what is shown is never a second old."""
    samples = [sample(100 + t / 8, t * MB // 4 + t % 5 * 1000) for t in range(8 * 220)]
    moments = [100 + t / 10 for t in range(2200)]
    walked = seen(samples, moments)
    for now, moving in list(zip(moments, walked, strict=True))[::37]:
        assert moving is not None and moving.bytes_done == max(s.values["bytes_done"] for s in samples if s.at <= now)
        assert seen(samples, [now]) == [moving]
        assert seen([s for s in samples if s.at <= now], [now]) == [moving], "nothing later was known"


def test_what_came_late_just_before_a_mark_is_not_counted_beside_what_took_its_place() -> None:
    """Several samples of a second, in the journal a second after they were taken: live sees the first of them alone at first."""
    samples = [sample(100 + t / 3, int(t * MB * (3 if t % 23 < 9 else 2))) for t in range(3 * 900)]
    now = 0.0

    def read(_series: str, since: float, until: float, step: int) -> list[Sample]:
        known = (s for s in samples if since <= s.at <= until and s.at + 1.0 <= now)
        return list({int(s.at) // step: s for s in known}.values())

    walker = Follower(read)
    for now in (100.5 + t for t in range(850)):
        walked = walker.of("transfer/x", "x", 100.0, now)
        if now > 300 and int(now) % 9 == 0:
            assert walked.at(now) == Follower(read).of("transfer/x", "x", 100.0, now).at(now), now


def test_series_have_marks_of_their_own_none_older_than_a_span() -> None:
    marks = {mark_before(f"transfer/copy@srv{n:02d}", 10_000.0) for n in range(7)}
    assert len(marks) > 4 and all(0 <= 10_000.0 - mark < SPAN for mark in marks)


def test_a_stall_of_hours_is_not_forgotten() -> None:
    samples = [sample(100 + t, min(t, 300) * MB) for t in range(9000)]
    (moving,) = seen(samples, [9000.0])
    assert moving is not None and moving.stalled_since == 400
    walked = seen(samples, [100 + t * 7.0 for t in range(1000)])
    assert {moving.stalled_since for moving in walked if moving and moving.stalled_since} == {400}
    (moving,) = seen(samples[:400], [9000.0])  # its samples stopped too
    assert moving is not None and moving.stalled_since == 400


def test_a_mark_of_the_clock_is_no_news_to_one_that_pauses_again_and_again() -> None:
    """Read in wide steps its pauses passed for a slow pace, and the time left grew by half at the mark."""
    at, done, samples = 100.0, 0, []
    while at < 1550:
        done += MB * 20 * (at % 40 < 25)
        samples.append(sample(at, done))
        at += 1
    mark = mark_before("transfer/x", 1500.0)
    before, after = (moving.eta for moving in seen(samples, [mark - 10, mark + 4]) if moving)
    assert before and after and abs(after - before) < 0.1 * before


def test_what_passes_over_bytes_that_lay_there_keeps_its_end_at_a_mark() -> None:
    """Nothing is sent for minutes, so no end is worked out in them: it is that of the minutes before."""
    samples = []
    mark = mark_before("transfer/x", 1200.0)
    for t in range(1200):
        values = {"phase": "copy", "bytes_done": t * MB * 10, "bytes_total": 900_000 * MB, "moved": min(t, mark - 400) * MB * 10}
        samples.append(Sample(100.0 + t, "transfer/x", values))
    before, after = (moving.eta for moving in seen(samples, [mark - 1, mark + 1]) if moving)
    assert before and after and abs(after - before) < 0.1 * before


def test_copied_is_not_done() -> None:
    """Percent stays below 100 until the end was seen, whatever phase comes after the bytes."""
    story = the_night()
    for second, phase in ((1500, "copy"), (1501, "sync"), (1502, "verify")):
        story.moved(second, "copy-out@sql01", 90_000_000_000, 90_000_000_000, phase)
        night = story.night(second)
        assert share(night, night.forecast.transfers["copy-out@sql01"]) == 0.999
    story.end(1503, "copy-out@sql01")
    night = story.night(1504)
    assert share(night, night.forecast.transfers["copy-out@sql01"]) == 1.0
