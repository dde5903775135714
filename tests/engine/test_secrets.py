"""Secrets are starred out of whatever is stored, however the bytes arrive, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.engine.secrets import Masker, Vault, too_short
from cockpit.journal.events import AttemptUnknown
from cockpit.journal.writer import Writer

SECRET = b"opensesame"


@given(st.lists(st.sampled_from([SECRET, b"open", b"sesame", b"\n", b"\xff", b"opensesam"]), max_size=12), st.data())
def test_however_it_is_cut_the_same_is_stored(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    masker, stored = Masker([SECRET], 0), b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        offset, piece = masker.feed(whole[start:end])
        assert offset == len(stored)
        stored += piece
    stored += masker.finish()[1]
    assert stored == whole.replace(SECRET, b"*" * len(SECRET))


def test_a_secret_of_several_lines_is_starred_line_by_line() -> None:
    vault = Vault({"key": "first line\nsecond line"})
    assert vault.masked("it printed: second line, and first line") == "it printed: ***********, and **********"


@pytest.mark.parametrize("value", ["", " ", "abc", "abc\n", "ab\ncd\r\n", "\n\n\n\n"])
def test_what_could_not_be_kept_out_of_the_journal_is_no_secret(value: str) -> None:
    assert too_short(value)
    assert Vault({"key": value}).names() == [], "it is asked for"


def test_a_secret_is_starred_without_the_spaces_around_it_too() -> None:
    assert not too_short("pin4\r\n")
    assert Vault({"key": "pin4\r\n"}).masked("pin4 and pin4\r\n") == "**** and ******"


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert Vault({}).masked("nothing to hide") == "nothing to hide"


def test_a_path_that_is_no_utf_8_is_masked_like_any_text() -> None:
    name = os.fsdecode(b"/srv/caf\xe9")
    assert Vault({}).masked(name) == name
    assert Vault({"key": name}).literals() == [b"/srv/caf\xe9"]
    assert Vault({"key": "opensesame"}).masked(f"no {name} for opensesame") == f"no {name} for **********"


async def test_an_error_that_names_such_a_path_is_journaled(tmp_path: Path) -> None:
    error = f"no such file: {os.fsdecode(b'caf' + bytes([0xe9]))}"
    writer = Writer.open(tmp_path / "journal.db")
    (fact,) = await writer.append(AttemptUnknown("a@local", 1, Vault({}).masked(error)))
    await writer.close()
    assert fact.event == AttemptUnknown("a@local", 1, error)
