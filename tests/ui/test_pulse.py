"""Whether an engine lives: the process table's word where the socket is silent."""

from __future__ import annotations

import subprocess
import sys

import psutil

from cockpit.state.model import State
from cockpit.ui.pulse import _process_lives


def test_a_killed_engine_is_dead_though_its_parent_has_not_looked() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    state = State()
    state.engine_running, state.engine_pid = True, child.pid
    assert _process_lives(state)
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not _process_lives(state)
    child.communicate()
    assert not _process_lives(state)
