"""The command line as a process of its own, as in tests/night; and a real ssh-agent that holds the hosts' client key."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import require
from tests.hosts.keys import client_key
from tests.night.conftest import cockpit, place

__all__ = ["cockpit", "place"]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The path of its socket."""
    require("ssh-agent", "ssh-add")
    sock = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline()
    subprocess.run(["ssh-add", "-q", str(client_key())], env={"SSH_AUTH_SOCK": str(sock)}, check=True, capture_output=True)
    yield str(sock)
    process.terminate()
    process.wait(5)
