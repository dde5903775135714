"""Durations, sizes and rates: what people write is read exactly, what they are shown is never a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("15s", 15),
        ("0s", 0),
        ("1.5h", 5400),
        ("2d", 172800),
        ("0.25s", 0.25),
        ("1h0m5s", 3605),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "90", "5 minutes", "30m1h", "+13h", "-5m", "1h30", "5M", "1e3s", "٣s"])
def test_what_is_no_duration_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="1h30m"):
        units.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10MB", 10_000_000),
        ("10MiB", 10_485_760),
        ("1.2TB", 1_200_000_000_000),
        ("512", 512),
        ("512B", 512),
        ("200 GB", 200 * 10**9),
        ("64kB", 64000),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "10M", "10Mb", "-1", "10 MB/s", "1.2.3TB", "10mb"])
def test_what_is_no_size_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="10MiB"):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("900Mbit/s", 112.5e6), ("100MB/s", 100e6), ("1Gbit/s", 125e6), ("1MiB/s", 1048576), ("8bit/s", 1)],
)
def test_rates(text: str, rate: float) -> None:
    assert units.parse_rate(text) == rate


@pytest.mark.parametrize("text", ["100MB", "fast", "100Mbps", "0MB/s", "/s"])
def test_what_is_no_rate_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="900Mbit/s"):
        units.parse_rate(text)


@given(st.integers(0, 10**9))
def test_a_written_duration_is_read_back(milliseconds: int) -> None:
    assert units.parse_duration(units.plan_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(0, 10**16))
def test_a_written_size_is_read_back(size: int) -> None:
    assert units.parse_size(units.plan_size(size)) == size


@given(st.integers(1, 10**12))
def test_a_written_rate_is_read_back(rate: int) -> None:
    assert units.parse_rate(units.plan_rate(rate)) == rate


def test_written_as_a_person_would() -> None:
    assert units.plan_duration(5400) == "1h30m"
    assert units.plan_duration(0) == "0s"
    assert units.plan_size(1_200_000_000_000) == "1.2TB"
    assert units.plan_size(10 * 2**20) == "10MiB"
    assert units.plan_size(512) == "512"
    assert units.plan_rate(112.5e6) == "112.5MB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.99, "59s"),
        (60, "1m00"),
        (252, "4m12"),
        (3599, "59m59"),
        (3600, "1h00"),
        (20833, "5h47"),
        (86400 * 2 + 3 * 3600, "2d03h"),
        (-1860, "-31m00"),
        (-0.4, "0s"),
    ],
)
def test_durations_as_shown(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


def test_the_countdown() -> None:
    assert units.format_countdown(5 * 3600 + 47 * 60 + 13) == "5:47:13"
    assert units.format_countdown(-9) == "-0:00:09"
    assert units.format_countdown(3 * 86400 + 5 * 3600 + 47 * 60 + 13) == "3d 05:47:13"


def test_slack_has_its_sign() -> None:
    assert units.format_slack(4800) == "+1h20"
    assert units.format_slack(-1860) == "-31m00"
    assert units.format_slack(-0.2) == "+0s"


def test_sizes_as_shown() -> None:
    assert units.format_size(0) == "0 B"
    assert units.format_size(999) == "999 B"
    assert units.format_size(999_999) == "1.00 MB"
    assert units.format_size(61_234_000_000) == "61.2 GB"
    assert units.format_rate(212e6) == "212 MB/s"
    assert units.short_size(9_996_000) == "10.0M"


@given(st.floats(0, 10**20))
def test_short_sizes_keep_their_width(size: float) -> None:
    assert len(units.short_size(size)) <= 5


@given(st.floats(-80 * 86400, 99 * 86400))
def test_durations_keep_their_width(seconds: float) -> None:
    assert len(units.format_duration(seconds)) <= 7
    assert len(units.format_duration(abs(seconds))) <= 6


def test_percent_reaches_a_hundred_only_at_the_end() -> None:
    assert units.percent(0.9999) == "99%"
    assert units.percent(1.0) == "100%"
    assert units.percent(None) == ""


def test_clocks() -> None:
    at = 1795860767.25  # 2026-11-28T10:12:47Z
    assert units.clock_seconds(at, -8 * 3600) == units.clock_seconds(at - 8 * 3600)
    assert units.rfc3339(at).endswith(".250Z")
    assert units.clock_day(at, at + 3600) == units.clock(at)
    assert units.clock_day(at, at + 86400) != units.clock(at)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (75, "a minute ago"), (7200, "2 hours ago"), (3 * 86400, "3 days ago"), (-300, "5 minutes from now")],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert units.ago(1_790_000_000.0, 1_790_000_000.0 + seconds) == words
