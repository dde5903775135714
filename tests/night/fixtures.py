"""The command line, and an end for every engine that a test started."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.night.sessions import Cockpit


@pytest.fixture
def cockpit() -> Iterator[Cockpit]:
    yield Cockpit()
    state = os.environ["XDG_STATE_HOME"]
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "cockpit.engine" in words and any(w.startswith(state) for w in words):
            process.send_signal(signal.SIGKILL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "plans"
    path.mkdir()
    return path
