"""The sanitiser: nothing a server prints can move the cursor, hide text or break columns."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.views import logs
from cockpit.views.logs import clean, clean_lines, line, one_line
from cockpit.views.words import text_of


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain text", "plain text"),
        (b"", ""),
        (b"\x1b[1;31mred\x1b[0m and not", "red and not"),
        (b"\x1b[38;2;1;2;3mtrue\x1b[m", "true"),
        (b"\x1b[2J\x1b[Hgone", "^[[2J^[[Hgone"),
        (b"\x1b]0;title\x07x", "^[]0;title^Gx"),
        (b"\x1b]52;c;ZXZpbA==\x07", "^[]52;c;ZXZpbA==^G"),
        (b"bell\x07 back\x08space \x7f", "bell^G back^Hspace ^?"),
        (b"null\x00byte", "null^@byte"),
        ("c1 \x9b2J".encode(), "c1 <9b>2J"),
        (b"bad \xff\xfe utf8", "bad \ufffd\ufffd utf8"),
        (b"a\tb", "a       b"),
        (b"1234567\tb", "1234567 b"),
        (b"12345678\tb", "12345678        b"),
        ("漢\tb".encode(), "漢      b"),
        (b"windows line\r", "windows line"),
        (b" 10%\r 20%\r 30%", "(2 overwritten)  30%"),
        ("safe\u202egnp.exe".encode(), "safe<202e>gnp.exe"),
        ("zero\u200bwidth".encode(), "zero<200b>width"),
        ("no\u00a0break".encode(), "no break"),
        ("Grüße, 漢字".encode(), "Grüße, 漢字"),
        (b"[bold]markup[/bold] stays", "[bold]markup[/bold] stays"),
        ("\u26a0\ufe0f disk 1\ufe0f\u20e3 of 2".encode(), "\u26a0 disk 1 of 2"),
        ("\U0001f44d\U0001f3fd done".encode(), "\U0001f44d done"),
    ],
)
def test_what_is_shown(raw: bytes, shown: str) -> None:
    assert clean(raw) == shown


def test_a_very_long_line_is_cut_with_a_count() -> None:
    text = clean(b"x" * 10_000_000)
    assert text.startswith("x" * 100)
    assert text.endswith("(+9,996,000 more)")
    assert len(text) < logs.LONGEST + 40


def test_a_line_of_progress_does_not_take_for_ever() -> None:
    assert clean(b"%\r" * 1_000_000).startswith("(")


def harmless(text: str) -> bool:
    return all(c == " " or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs") for c in text)


@given(st.binary(max_size=400))
def test_no_bytes_give_a_control_character(raw: bytes) -> None:
    assert harmless(clean(raw))


@given(st.text(max_size=200))
def test_no_text_gives_a_control_character(text: str) -> None:
    assert harmless(clean(text.encode("utf-8", errors="surrogatepass")))
    assert harmless(one_line(text))
    assert "\n" not in one_line(text)


@given(st.lists(st.sampled_from([b"\x1b", b"[", b"3", b"m", b";", b"\x9b", b"\xc2", b"\r", b"\t", b"K", b"x"]), max_size=60))
def test_no_pieces_of_sequences_give_one(pieces: list[bytes]) -> None:
    assert harmless(clean(b"".join(pieces)))


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=200))
def test_printable_ascii_is_left_alone(text: str) -> None:
    assert clean(text.encode()) == text


def test_several_lines() -> None:
    assert clean_lines(b"one\ntw\x07o\n") == ["one", "tw^Go", ""]


@dataclass
class Logged:
    at: float
    task: str
    stream: str
    text: bytes
    partial: bool = False


def test_a_line_says_when_whence_and_which_stream() -> None:
    assert text_of(line(Logged(0, "copy@fs01", "err", b"no \x1b[31mspace"), 3600, task=True)) == "01:00:00 E copy@fs01 no space"
    assert text_of(line(Logged(0, "copy@fs01", "out", b"ok", True), 0, task=False)) == "00:00:00   ok (goes on)"
    assert text_of(line(Logged(0, "copy@fs01", "note", b"rsync, pulled"), 0, task=False)) == "00:00:00 # rsync, pulled"


def test_what_is_sought_is_marked_where_it_is_shown_and_only_found_there() -> None:
    logged = Logged(0, "copy@fs01", "out", b"Disk \x1b[31mdisk\x1b[0m full\r50% disk")
    cells = line(logged, 0, task=False, sought="disk")
    assert [c.text for c in cells if c.tone == "match"] == ["disk"]
    assert text_of(cells) == text_of(line(logged, 0, task=False))
    assert logs.holds(logged, "50% disk")
    assert not logs.holds(logged, "full")  # it was overwritten
    assert not logs.holds(logged, "31m")
