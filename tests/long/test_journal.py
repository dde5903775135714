"""The journal under more of what the short suite puts it under: kills at random moments, and megabytes beside open readers."""

from __future__ import annotations

from pathlib import Path

from tests.journal import test_crash as crash
from tests.journal import test_wal as wal


async def test_sigkill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await crash.test_sigkill_at_random_moments_loses_and_doubles_nothing(tmp_path, 12)


async def test_the_wal_stays_bounded_while_readers_are_open(tmp_path: Path) -> None:
    await wal.test_the_wal_stays_bounded_while_readers_are_open(tmp_path, 200)
