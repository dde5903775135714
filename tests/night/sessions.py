"""Nights run from outside, as a technician would: the command line on real hosts, and what it says afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hosts import Host, known_hosts, section

HEAD = """
[plan]
version = 1
name = "{name}"

[window]
opens = "+0s"
closes = "+13h"

"""


def write_plan(place: Path, hosts: Iterable[Host], steps: str, *, name: str = "a night", head: str = "", **more: Mapping[str, Any]) -> Path:
    """A plan over these hosts, with their keys in the plan's known_hosts. `more`: further keys of a host's section, by name."""
    hosts = list(hosts)
    secret = '[inputs.sudo_password]\nprompt = "sudo"\nsecret = true\n\n' if any(h.sudo == "password" for h in hosts) else ""
    plan = place / "night.toml"
    servers = "".join(section(h, **more.get(h.name, {})) for h in hosts)
    plan.write_text(HEAD.format(name=name) + head + secret + servers + steps)
    known_hosts(hosts, place / "night.toml.known_hosts")
    return plan


@dataclass
class Cockpit:
    """The command `cockpit` with an environment of its own."""

    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: str, code: int | None = 0, timeout: float = 90, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cockpit", *args], env={**os.environ, **self.env, **env}, capture_output=True, text=True,
            timeout=timeout, stdin=subprocess.DEVNULL,
        )
        if code is not None and done.returncode != code:
            raise AssertionError(f"cockpit {' '.join(args)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}\n{self.engine_log()}")
        return done

    def status(self, session: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("status", *([session] if session else []), "--json").stdout)
        return found

    def facts(self, session: str = "") -> list[dict[str, Any]]:
        lines = self("log", *([session] if session else []), "--json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def states(self, session: str = "") -> dict[str, str]:
        return {task_name(t): t["state"] for t in self.status(session)["tasks"]}

    def output(self, task: str, *, stream: str = "out", session: str = "") -> bytes:
        args = [sys.executable, "-m", "cockpit", "log", *([session] if session else []), "--output", task, "--stream", stream]
        return subprocess.run(args, env={**os.environ, **self.env}, capture_output=True, check=True).stdout

    def until(self, what: Any, *, seconds: float = 30, session: str = "") -> dict[str, Any]:
        """The first status of which `what(status)` holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(session)
            if what(status):
                return status
        raise AssertionError(f"not so within {seconds} s: {json.dumps(status, indent=1)[:6000]}\n{self.engine_log()}")

    def engine_log(self) -> str:
        logs = sorted(Path(os.environ["XDG_STATE_HOME"]).glob("cockpit/sessions/*/engine.log"))
        return logs[-1].read_text()[-4000:] if logs else "(no engine.log)"

    def kill_engine(self) -> None:
        """SIGKILL, and wait until it is really gone."""
        pid = self.status()["engine"]["pid"]
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.01)


def task_name(task: Mapping[str, Any]) -> str:
    return f"{task['step']}@{task['server']}" if task["server"] else str(task["step"])


def lines(host: Host, path: str) -> list[str]:
    """The lines of a file on a host; none where it is absent."""
    file = host.path(path)
    return file.read_text().splitlines() if file.exists() else []


def session_of(output: str) -> str:
    found = re.search(r"session (\S+)", output)
    assert found, output
    return found[1]
