"""Block devices over files, as a test needs them: the hosts share the machine's /dev."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.tools import require

Loop = Callable[[Path], str]


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A function that makes a block device over a file."""
    require("losetup", "mkfs.ext4", root=True)
    made = []

    def attach(path: Path) -> str:
        device = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, text=True, check=True).stdout.strip()
        made.append(device)
        return device

    try:
        yield attach
    finally:
        for device in made:
            subprocess.run(["partx", "-d", device], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["losetup", "--detach", device], check=False)
