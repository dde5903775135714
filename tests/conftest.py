"""What every test gets: the hosts, and a home, state directory and agent that are not the person's own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosts.fixtures import hosts, seven

__all__ = ["hosts", "seven"]

pytest.register_assert_rewrite("tests.night")  # also where a night is judged: an assert there says what it saw


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh HOME and XDG_STATE_HOME, no agent: what the person at the desk has can't make a test pass or fail.

    Engines that a test started detached and left running are ended with it."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "TMUX", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    yield home
    for lock in tmp_path.glob("state/cockpit/sessions/*/lock"):
        _end_engine(lock)


def _end_engine(lock: Path) -> None:
    """SIGKILL the process that a session's lock names, if it is an engine of that session."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        pid = int(json.loads(lock.read_bytes())["pid"])
        if str(lock.parent).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
