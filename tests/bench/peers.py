"""The bare tools that the cockpit is held against: how each is called, and which one it is."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.metadata import version

from tests.bench.measure import Row

CIPHER = "aes128-gcm@openssh.com"  # what our routes use: the peers get it too

ASKED = {
    "rsync": "rsync --version", "rclone": "rclone version", "tar": "tar --version", "ssh": "ssh -V", "find": "find --version",
    "python3": "python3 --version", "tmux": "tmux -V", "dd, cat, sync": "dd --version",
}  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """command: for sh on the destination. $SSH reaches the source, $HOST is its name for ssh and rsync."""

    name: str
    command: str

    @property
    def said(self) -> str:
        return f"{self.command} && sync -f /srv/peer   (SSH=\"ssh -F none -p PORT -i KEY -c {CIPHER}\")"


def versions(*tools: str) -> list[Row]:
    rows = []
    for tool in tools:
        said = subprocess.run(ASKED[tool].split(), capture_output=True, text=True, check=True)
        rows.append(Row(f"version: {tool}", (said.stdout or said.stderr).splitlines()[0]))
    return rows


def packages(*names: str) -> list[Row]:
    """Of this Python's packages."""
    return [Row(f"version: {name}", version(name)) for name in names]
