"""The journal under more of what the short suite puts it under: kills at random moments, megabytes beside open
readers, and random logs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings

from tests.journal import test_crash as crash
from tests.journal import test_log as log
from tests.journal import test_wal as wal


async def test_sigkill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await crash.test_sigkill_at_random_moments_loses_and_doubles_nothing(tmp_path, 12)


async def test_the_wal_stays_bounded_while_readers_are_open(tmp_path: Path) -> None:
    await wal.test_the_wal_stays_bounded_while_readers_are_open(tmp_path, 200)


test_every_window_of_every_filter_is_what_was_printed = settings(log.some, max_examples=200)(
    given(pieces=log.PIECES)(log.test_every_window_of_every_filter_is_what_was_printed.hypothesis.inner_test))
