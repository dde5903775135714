"""Installed from its wheel, away from any checkout: the layouts, the shell files and the pages that are no Python are there."""

from __future__ import annotations

import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from tests.night.sessions import write_plan
from tests.ui.journals import begin, to_the_middle
from tests.ui.terminal import ROOT, terminal

HERE = '[[steps]]\nid = "here"\non = "local"\nrun = "echo from a wheel"\n'


def test_everything_that_is_no_python_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    kept = subprocess.run(["git", "ls-files", "cockpit", "layouts"], cwd=ROOT, check=True, capture_output=True, text=True)
    wanted = {name if name.startswith("cockpit/") else f"cockpit/{name}" for name in kept.stdout.split()}
    assert {"cockpit/layouts/night.tcss", "cockpit/fleet/wrapper.sh"} <= wanted and wanted - inside == set()


def test_a_night_runs_from_it(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    plan = write_plan(tmp_path, [], HERE)
    for args in (["run", str(plan), "--headless"], ["report", "-o", str(tmp_path / "night.html")]):
        done = subprocess.run([installed, *args], cwd="/", capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "<html" in (tmp_path / "night.html").read_text()


async def test_the_screen_stands_where_its_layouts_say(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    night, clock = await begin(tmp_path, opens=time.time() - 6345)
    await to_the_middle(night, clock)
    await night.writer.close()
    code = "import cockpit.ui.layouts as l; print(l.directory()); from cockpit.ui.app import run_replay; "
    code += f"from pathlib import Path; run_replay(Path({str(night.path)!r}), at=None, speed=1.0)"
    with terminal() as t:
        t.start(f'cd /; {installed.parent / "python"} -c "{code}"', (120, 40))
        t.sees("REPLAY 1x", "Groundwork checked", "timeline")
        t.keys("q")
        t.sees(f"{installed.parent.parent}/lib", "/site-packages/cockpit/layouts", "Left the replay", "ENDED 0")
