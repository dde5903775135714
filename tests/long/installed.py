"""cockpit as who never saw a checkout has it: its wheel, and a virtual environment made anew with nothing but that in it.

It builds with pip, which fetches the build backend."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.ui.terminal import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check", "-w", str(place), str(ROOT)]
    subprocess.run(build, check=True, timeout=200)
    return next(place.glob("cockpit-*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a fresh virtual environment; what it depends on is this one's, but not this one's cockpit."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=100)
    subprocess.run([venv / "bin/pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True, timeout=100)
    site = next(venv.glob("lib/python3*/site-packages"))
    (site / "beside.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return venv / "bin/cockpit"
