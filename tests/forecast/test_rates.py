"""Rates and times left of a transfer: measured, honest about silence, never better without bytes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.forecast import rates
from cockpit.forecast.model import TransferNow
from cockpit.forecast.rates import transfer

MB = 1_000_000


@dataclass
class Reading:
    at: float
    values: dict[str, object]


def reading(at: float, done: int, total: int | None = 1000 * MB, phase: str = "copy") -> Reading:
    return Reading(at, {"phase": phase, "bytes_done": done, "bytes_total": total})


def steady(seconds: int, rate: int = MB, total: int | None = 1000 * MB) -> list[Reading]:
    return [reading(float(t), t * rate, total) for t in range(seconds + 1)]


def at(samples: list[Reading], now: float, **more: bool) -> TransferNow:
    found = transfer("copy@fs01", samples, now, **more)
    assert found is not None
    return found


def test_a_steady_transfer_is_measured_as_it_is() -> None:
    moving = at(steady(300), 300)
    assert moving.rate == pytest.approx(MB)
    assert moving.rate_1m == MB
    assert moving.rate_10m == MB
    assert moving.eta == pytest.approx(700)
    assert moving.share == 0.3
    assert set(moving.trend) == {MB}
    assert len(moving.trend) == rates.TREND_BUCKETS


def test_nothing_is_said_before_something_is_measured() -> None:
    assert transfer("copy@fs01", [], 10) is None
    young = at(steady(1), 1)
    assert young.eta is None
    assert young.stalled_since is None
    assert at(steady(300, total=None), 300).eta is None  # no total, no time left
    assert at([reading(0, 0, phase="scan"), reading(60, 0, phase="scan")], 60).eta is None


def test_two_beats_are_enough_though_one_comes_a_little_early() -> None:
    """Samples come on the beat, late by what a look takes: now 24 ms, then 21."""
    moving = at([reading(0.024, 0), reading(1.022, MB), reading(2.021, 2 * MB)], 2.1)
    assert moving.eta == pytest.approx(998, rel=0.01)


def test_one_beat_is_enough_for_a_rate_though_the_next_comes_a_little_early() -> None:
    young = at([reading(0.024, 0), reading(1.022, MB)], 1.022)
    assert young.rate == pytest.approx(MB, rel=0.01) and young.rate_1m == pytest.approx(MB, rel=0.01)


def test_a_survey_that_counts_bytes_gives_no_time_left_and_never_stalls() -> None:
    scanning = at([reading(float(t), t * MB, None, "scan") for t in range(60)], 120)
    assert (scanning.eta, scanning.stalled_since) == (None, None)


def test_ten_seconds_without_a_byte_is_a_stall() -> None:
    samples = steady(100) + [reading(100.0 + t, 100 * MB) for t in range(1, 60)]
    assert at(samples, 109).stalled_since is None
    stalled = at(samples, 130)
    assert stalled.stalled_since == 100
    assert stalled.rate is None
    assert stalled.eta is None
    assert stalled.bytes_done == 100 * MB


def test_it_is_a_stall_too_when_the_samples_stop() -> None:
    assert at(steady(100), 130).stalled_since == 100


def test_a_long_stall_has_no_known_end() -> None:
    assert at(steady(100), 100 + rates.UNKNOWN_AFTER + 1).pace == float("inf")


def test_bytes_that_flow_again_end_the_stall() -> None:
    samples = [*steady(100), reading(161, 101 * MB)]
    assert at(samples, 162).stalled_since is None


def test_a_second_attempt_is_measured_from_its_own_beginning() -> None:
    samples = steady(300, rate=5 * MB) + [reading(301.0 + t, t * MB) for t in range(61)]
    moving = at(samples, 361)
    assert moving.bytes_done == 60 * MB
    assert moving.rate_10m == MB
    assert moving.eta == pytest.approx(940)


def test_another_phase_is_measured_from_its_own_beginning() -> None:
    samples = steady(100, rate=10 * MB) + [reading(101.0 + t, t * 2 * MB, phase="verify") for t in range(31)]
    assert at(samples, 131).eta == pytest.approx(470)


def test_what_is_over_has_no_rate_and_no_time_left() -> None:
    over = at(steady(100, rate=10 * MB), 500, running=False)
    assert (over.rate, over.rate_10m, over.eta, over.stalled_since) == (None, None, None, None)
    assert over.share == 1.0


def test_samples_of_the_future_are_not_known_yet() -> None:
    assert at(steady(300), 100).bytes_done == 100 * MB


def test_a_drawn_bar_does_not_change() -> None:
    samples = [reading(float(t), t * t * 1000) for t in range(200)]
    before, after = at(samples, 151).trend, at(samples, 159).trend
    assert before == after


steps = st.lists(st.tuples(st.floats(0.2, 20), st.integers(0, 50 * MB)), min_size=1, max_size=40)


@given(steps, st.lists(st.floats(0, 60), min_size=2, max_size=6))
def test_no_forecast_improves_without_bytes(moves: list[tuple[float, int]], waits: list[float]) -> None:
    now, done = 1000.0, 0
    samples = [reading(now, 0, 10_000 * MB)]
    for gap, more in moves:
        now, done = now + gap, done + more
        samples.append(reading(now, done, 10_000 * MB))
    finish = 0.0
    for wait in waits:
        now += wait
        if wait > 30:
            samples.append(reading(now, done, 10_000 * MB))  # news, but no bytes
        pace = at(samples, now).pace
        if pace is None:
            assert not finish
        else:
            assert now + pace >= finish - 1e-6 * now
            finish = now + pace


@given(steps)
def test_shares_and_trends_stay_within_reason(moves: list[tuple[float, int]]) -> None:
    now, done, samples = 0.0, 0, [reading(0, 0, 100 * MB)]
    for gap, more in moves:
        now, done = now + gap, done + more
        samples.append(reading(now, done, 100 * MB))
    moving = at(samples, now)
    assert 0 <= (moving.share or 0) <= 1
    assert all(rate >= 0 for rate in moving.trend)
    assert moving.eta is None or moving.eta >= 0


def proving(at: float, proved: int, size: int = 500 * MB) -> Reading:
    values: dict[str, object] = {"phase": "verify", "bytes_done": 1000 * MB, "bytes_total": 1000 * MB}
    return Reading(at, values | {"phase_done": proved, "phase_total": size})


def test_a_proof_that_counts_its_own_bytes_is_measured_by_them() -> None:
    samples = steady(100) + [reading(101, 1000 * MB, phase="sync")] + [proving(102.0 + t, t * 2 * MB) for t in range(101)]
    moving = at(samples, 202)
    assert (moving.bytes_done, moving.bytes_total, moving.share) == (1000 * MB, 1000 * MB, 1.0)
    assert moving.phase_share == pytest.approx(0.4)
    assert moving.rate == pytest.approx(2 * MB)
    assert moving.eta == pytest.approx(150, rel=0.05)
    assert moving.stalled_since is None
    assert at(samples, 230).stalled_since == 202, "a disk that no longer answers is a stall as any other"


@pytest.mark.parametrize("phase", ["sync", "verify"])
def test_a_phase_that_counts_nothing_never_stalls(phase: str) -> None:
    samples = [*steady(100), reading(101, 1000 * MB, phase=phase)]
    settling = at(samples, 101 + 3600)
    assert (settling.stalled_since, settling.pace) == (None, 0.0)
    assert settling.share == 1


def test_the_slowest_files_own_pace_is_measured_from_where_it_began() -> None:
    """An hour of small files before it says nothing of how long the large one takes."""
    samples = []
    for t in range(201):
        done, left = (t * MB, 400 * MB) if t <= 100 else (t * MB, 400 * MB - (t - 100) * 2 * MB)
        samples.append(Reading(float(t), {"phase": "copy", "bytes_done": done, "bytes_total": 1000 * MB, "largest": left}))
    fold = rates.Transfer("copy@fs01")
    for sample in samples:
        fold.feed(sample)
    assert fold.ends.slowest.seconds == pytest.approx(100)
