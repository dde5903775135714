"""Screens: the panes, sizes, colours, keys and torn journals that the short suite does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui import test_deciding as deciding
from tests.ui import test_places as places
from tests.ui import test_registry as registry
from tests.ui import test_replay as replay
from tests.ui import test_tmux as tmux
from tests.ui.journals import Recorded
from tests.ui.test_tmux import night

__all__ = ["night"]


async def test_every_key_of_the_footer_does_something_or_says_why_not(tmp_path: Path) -> None:
    await registry.test_every_key_of_the_footer_does_something_or_says_why_not(tmp_path, "servers")


async def test_tab_reaches_every_pane_of_the_largest_layout_and_comes_round(tmp_path: Path) -> None:
    await places.test_tab_reaches_every_pane_of_the_layout_and_comes_round(tmp_path, (200, 60))


async def test_replay_shows_at_each_moment_what_was_live_then(tmp_path: Path) -> None:
    await replay.test_replay_shows_at_each_moment_what_was_live_then(tmp_path, (200, 60))


async def test_leaving_says_that_the_work_goes_on(night: Recorded) -> None:
    await tmux.test_leaving_says_that_the_work_goes_on(night, "C-q")


async def test_leaving_works_from_a_dialog_and_from_a_filter(night: Recorded) -> None:
    await tmux.test_leaving_works_from_a_dialog_and_from_a_filter(night, "C-c")


@pytest.mark.parametrize(("key", "pane", "row"), [
    ("space", "steps", "groundwork@fs01"), ("s", "steps", "prove@dc01"), ("c", "steps", "backup@fs01"),
    ("m", "steps", "prove@dc01"), ("b", "transfers", "backup@fs01"),
])  # fmt: skip
async def test_no_trigger_is_its_own_confirmation(tmp_path: Path, key: str, pane: str, row: str) -> None:
    await deciding.test_no_trigger_is_its_own_confirmation(tmp_path, key, pane, row)


@pytest.mark.parametrize("kind", ["16", "256"])
async def test_every_cell_can_be_read_and_every_alarm_has_its_word(night: Recorded, kind: str) -> None:
    await tmux.test_every_cell_can_be_read_and_every_alarm_has_its_word(night, kind)


@pytest.mark.parametrize("call", ["run_ui(path, who='lead')", "run_replay(path, at=None, speed=1.0)"])
async def test_a_journal_torn_in_its_later_pages_is_said_in_words(night: Recorded, call: str) -> None:
    await tmux.test_a_journal_torn_in_its_later_pages_is_said_in_words(night, call, "cut")
