"""`cockpit demo --headless` with little data: a night on seven servers, proven. At its full size: tests/long/test_demo.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from cockpit.journal.lease import SessionDir, sessions_root

COCKPIT = [sys.executable, "-c", "from cockpit.cli import main; main()"]
SCALE = "0.05"


def cockpit(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COCKPIT, *words], capture_output=True, text=True, timeout=110, env=dict(os.environ), check=False)


def tidy() -> bool:
    """No engine, no folder and no process of a demo."""
    folder = sessions_root().parent / "demo"
    return not any(folder.iterdir()) and not any(session.running() for session in SessionDir.all())


def test_headless_it_proves_a_night_of_17_steps() -> None:
    done = cockpit("demo", "--headless", "--scale", SCALE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "proven: 17 steps" in done.stdout
    assert tidy()
    status = json.loads(cockpit("status", "--json").stdout)
    assert status["outcome"] == "done"
    night = [task for task in status["tasks"] if task["phase"] == "night"]
    assert len({task["step"] for task in night}) == 17
    assert all(task["state"] == "done" or (task["state"] == "skipped" and task["who"] is None) for task in night)
    assert status["proofs"] and all(proof["result"] == "pass" and proof["fresh"] for proof in status["proofs"])
    assert {task["server"] for task in night} >= {"fs01", "sql01", "web01", "mail01", "vmh01", "bkp01", "nas01"}


def test_the_tour_wants_a_terminal() -> None:
    done = cockpit("demo")
    assert done.returncode == 2 and "--headless" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("scale", ["0", "much", "nan"])
def test_a_scale_that_makes_no_sense(scale: str) -> None:
    done = cockpit("demo", "--headless", "--scale", scale)
    assert done.returncode == 2 and "--scale" in done.stderr
