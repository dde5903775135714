"""`resume --take-over` and `replay` as commands, in terminals of their own."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest

from cockpit.cli import screens
from cockpit.garbage import SELDOM
from cockpit.ui import app
from tests.cli.test_two import shown
from tests.night.sessions import Cockpit
from tests.ui.terminal import terminal


def gone(pid: int) -> bool:
    """Ended, and be it that nobody has waited for it yet."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("command", "opener"), [("attach", "run_ui"), ("watch", "run_ui"), ("replay", "run_replay")])
def test_a_screen_is_not_opened_among_looks_for_garbage(
    cockpit: Cockpit, night: str, monkeypatch: pytest.MonkeyPatch, command: str, opener: str,
) -> None:
    """A sixth of its opening would go into looking."""
    before, seen = gc.get_threshold(), list[int]()

    def opened(*_: object, **__: object) -> int:
        seen.append(gc.get_threshold()[0])
        return 0

    monkeypatch.setattr(screens, "needs_terminal", lambda _: None)
    monkeypatch.setattr(app, opener, opened)
    try:
        cockpit(command, night)
    finally:
        gc.set_threshold(*before)
    assert seen == [SELDOM]


def test_an_engine_that_no_longer_answers_is_taken_over(cockpit: Cockpit, night: str) -> None:
    old = cockpit.status(night)["engine"]["pid"]
    os.kill(old, signal.SIGSTOP)
    try:
        with terminal() as screen:
            shown(screen, "resume", night, "--take-over", "--as", "anna")
            screen.sees("LIVE anna", "1 NEEDS YOU [1] look: Look at it")
            engine = cockpit.status(night)["engine"]
            assert engine["epoch"] == 2 and engine["pid"] != old and engine["problem"] is None
            os.kill(old, signal.SIGCONT)
            screen.keys("1")
            screen.sees("it is done: what waits for it goes on")
            screen.keys("d")
            screen.sees("[1] bye: Say goodbye")
            cockpit.until(lambda _: gone(old))
            assert cockpit.status(night)["engine"]["epoch"] == 2, "the old one starts nothing any more"
    finally:
        os.kill(cockpit.status(night)["engine"]["pid"], signal.SIGKILL)


def test_a_replay_begins_where_it_is_told_and_plays_as_fast(cockpit: Cockpit, night: str) -> None:
    cockpit("do", night, "done", "look")
    cockpit.needs("manual-bye")
    cockpit("do", night, "done", "bye")
    cockpit.ended()
    at = max(task["started"] for task in cockpit.status(night)["tasks"])[11:19]  # in UTC, as the night's clock is here
    with terminal() as screen:
        shown(screen, "replay", night, "--at", at, "--speed", "60")
        screen.sees("REPLAY 60x", "3/3 tasks")
    with terminal() as screen:
        shown(screen, "replay", night, "--speed", "0.001")
        screen.sees("REPLAY 0.001x", "0/3 tasks")
    with terminal() as screen:
        shown(screen, "replay", night, "--at", "25:99")
        assert "Traceback" not in screen.sees("25:99", "ENDED 2")
