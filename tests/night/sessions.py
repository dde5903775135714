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

from click.testing import CliRunner

from cockpit.cli import main
from cockpit.journal.lease import SessionDir
from tests.hosts import Host, known_hosts, section

HEAD = """
[plan]
version = 1
name = "{name}"

[window]
opens = "+0s"
closes = "+13h"

"""


def write_plan(
    place: Path, hosts: Iterable[Host], steps: str, *, name: str = "a night", head: str = "", **more: Mapping[str, Any],
) -> Path:
    """A plan over these hosts, with their keys in the plan's known_hosts. `more`: further keys of a host's section, by name."""
    hosts = list(hosts)
    secret = '[inputs.sudo_password]\nprompt = "sudo"\nsecret = true\n\n' if any(h.sudo == "password" for h in hosts) else ""
    plan = place / "night.toml"
    servers = "".join(section(h, **more.get(h.name, {})) for h in hosts)
    plan.write_text(HEAD.format(name=name) + head + secret + servers + steps)
    known_hosts(hosts, place / "night.toml.known_hosts")
    return plan


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str
    raw: bytes = b""


@dataclass
class Cockpit:
    """The command `cockpit` with an environment of its own.

    What follows a night runs as a process of its own; short commands run in this one, which saves half a second each."""

    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: str, code: int | None = 0, timeout: float = 90, input: str | None = None, **env: str) -> Done:
        done = (self._process if args[0] in ("run", "resume") else self._here)(args, {**self.env, **env}, timeout, input)
        if code is not None and done.returncode != code:
            said = f"{done.stdout}\n{done.stderr}\n{self.engine_log()}"
            raise AssertionError(f"cockpit {' '.join(args)}: exit {done.returncode}, not {code}\n{said}")
        return done

    def _process(self, args: tuple[str, ...], env: dict[str, str], timeout: float, input: str | None) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "cockpit", *args], env={**os.environ, **env}, capture_output=True, timeout=timeout,
            input=(input or "").encode(), check=False,
        )
        return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.stdout)

    def _here(self, args: tuple[str, ...], env: dict[str, str], timeout: float, input: str | None) -> Done:
        done = CliRunner().invoke(main, list(args), input=input, env=env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout_bytes.decode(errors="replace"), done.stderr, done.stdout_bytes)

    def start(self, plan: Path, *args: str, **env: str) -> subprocess.Popen[str]:
        """`cockpit run --headless --wait` in the background; returns once its session is there."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cockpit", "run", str(plan), "--headless", "--wait", *args],
            env={**os.environ, **self.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("session "), first + process.stdout.read()
        return process

    def do(self, verb: str, target: str = "", *, code: int = 0, session: str = "", **options: str) -> str:
        """`cockpit do`; what it said. as_="maria" is --as maria."""
        words = [w for name, value in options.items() for w in (f"--{name.strip('_')}", value)]
        done = self("do", session or self.session().id, verb, *([target] if target else []), *words, code=code)
        return done.stdout + done.stderr

    def session(self) -> SessionDir:
        return SessionDir.find()

    def needs(self, identity: str, *, seconds: float = 30) -> dict[str, Any]:
        """Wait until this question is open; it."""
        status = self.until(lambda s: any(n["id"] == identity for n in s["needs_you"]), seconds=seconds)
        return next(n for n in status["needs_you"] if n["id"] == identity)

    def task(self, name: str) -> dict[str, Any]:
        return next(t for t in self.status()["tasks"] if task_name(t) == name)

    def until_state(self, name: str, *states: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until this task is in one of these states; it."""
        self.until(lambda s: any(task_name(t) == name and t["state"] in states for t in s["tasks"]), seconds=seconds)
        return self.task(name)

    def ended(self, *, seconds: float = 30) -> str:
        """Wait for the night's end; its outcome."""
        return str(self.until(lambda s: s["outcome"] is not None, seconds=seconds)["outcome"])

    def status(self, session: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("status", *([session] if session else []), "--json").stdout)
        return found

    def facts(self, session: str = "") -> list[dict[str, Any]]:
        lines = self("log", *([session] if session else []), "--json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def states(self, session: str = "") -> dict[str, str]:
        return {task_name(t): t["state"] for t in self.status(session)["tasks"]}

    def output(self, task: str, *, stream: str = "out", session: str = "") -> bytes:
        return self("log", *([session] if session else []), "--output", task, "--stream", stream).raw

    def until(self, what: Any, *, seconds: float = 30, session: str = "") -> dict[str, Any]:
        """The first status of which `what(status)` holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(session)
            if what(status):
                return status
            time.sleep(0.05)
        raise AssertionError(f"not so within {seconds} s: {brief(status)}\n{self.engine_log()}")

    def engine_log(self) -> str:
        logs = sorted(Path(os.environ["XDG_STATE_HOME"]).glob("cockpit/sessions/*/engine.log"))
        return logs[-1].read_text()[-4000:] if logs else "(no engine.log)"

    def kill_engine(self) -> None:
        """SIGKILL, and wait until it is really gone."""
        pid = self.status()["engine"]["pid"]
        os.kill(pid, signal.SIGKILL)
        while not gone(pid):
            time.sleep(0.01)


def gone(pid: int) -> bool:
    """Ended with all of its threads, and be it that nobody has waited for it: until the last one is gone its lock is held."""
    try:
        return all(" Z " in (task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # a thread that goes while it is looked at, or all of it
        return not Path(f"/proc/{pid}").exists()


def brief(status: Mapping[str, Any]) -> str:
    tasks = [f"{task_name(t)}: {t['state']} {t['why_waiting'] or ''} {t['error'] or ''}" for t in status["tasks"]]
    needs = [f"{n['id']}: {n['what']}" for n in status["needs_you"]]
    return "\n".join([f"outcome {status['outcome']}", *tasks, "needs a person:", *needs])


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
