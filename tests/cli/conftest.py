"""The command line as an operator has it, in the test or as a process of its own; a real ssh-agent with the hosts' client key."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import require
from tests.hosts.keys import client_key
from tests.night.conftest import place
from tests.night.sessions import Cockpit, Done

__all__ = ["place"]

WAITS = """
[plan]
version = 1
name = "a night"
[window]
opens = "+0s"
closes = "+13h"
[inputs.ticket]
prompt = "Ticket"
[inputs.word]
prompt = "Word"
secret = true
[[steps]]
id = "look"
manual = "Look at it."
[[steps]]
id = "last"
on = "local"
run = "echo {{ inputs.ticket }}"
[[steps]]
id = "bye"
manual = "Say goodbye."
"""


class Apart(Cockpit):
    """Every command a process of its own: where the exit code, the streams or the terminal of a process are the point."""

    def __call__(self, *args: str, code: int | None = 0, timeout: float = 90, input: str | None = None, **env: str) -> Done:
        done = self._process(args, {**self.env, **env}, timeout, input)
        assert code is None or done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def cockpit() -> Cockpit:
    """Engines that it leaves running are ended with the test's home."""
    return Cockpit()


@pytest.fixture
def apart() -> Cockpit:
    return Apart()


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
    process.wait(30)


@pytest.fixture
def plan(place: Path) -> Path:
    path = place / "night.toml"
    path.write_text(WAITS)
    return path


@pytest.fixture
def night(cockpit: Cockpit, plan: Path) -> str:
    """A session whose engine waits for a person."""
    follower = cockpit.start(plan, "--input", "ticket=1", COCKPIT_SECRET_WORD="x")
    cockpit.needs("manual-look")
    follower.kill()
    follower.communicate()
    return cockpit.session().id


def refused(cockpit: Cockpit, line: str, code: int = 2, **env: str) -> str:
    """What a command says on stderr when it refuses: a short text, nothing on stdout, no traceback."""
    done = cockpit(*line.split(), code=code, **env)
    assert done.stdout == "", done.stdout
    assert "Traceback" not in done.stderr and 0 < len(done.stderr) < 1200, done.stderr
    return done.stderr
