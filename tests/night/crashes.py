"""A short night of every sort of work, killed at a named point, resumed as an operator would, and judged to the byte.

The person is played here: what is asked is answered on the control socket, as `cockpit do` does.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.journal.schema import JournalProblem
from cockpit.state.fold import apply, fold
from cockpit.state.model import State
from cockpit.state.snapshot import digest, pack, unpack
from cockpit.state.tail import state_of
from tests.hosts import Host, Hosts
from tests.night.sessions import lines, write_plan

PASSWORD = "correct-horse-battery"
SECONDS = 180.0  # that a night may take, with its resumptions
FILES = 12

HEAD = """
[inputs.db_password]
prompt = "the database"
secret = true

"""

STEPS = """
[[steps]]
id = "papers"
stage = "groundwork"
manual = "Ready?"

[[steps]]
id = "count"
on = "all"
run = '''
MARK
i=0; while [ $i -lt 8 ]; do echo "line $i of {{ server.name }}"; echo "careful $i" >&2; i=$((i+1)); sleep 0.04; done
'''

[[steps]]
id = "freeze"
on = "all"
once = true
probe = "test -e {{ server.place }}/frozen"
run = '''
MARK
touch {{ server.place }}/frozen; echo frozen
'''

[[steps]]
id = "name"
on = "all"
run = '''
MARK
sleep 0.1; echo '  {{ server.name }} it is '
'''
capture = "name"

[[steps]]
id = "secret"
on = "fs01"
secrets = ["db_password"]
script = "files/secret.sh"
args = ["{{ server.place }}", "two words"]

[[steps]]
id = "data"
on = "fs01"
run = '''
MARK
mkdir -p {{ server.place }}/data/sub && cd {{ server.place }}/data || exit 1
i=0; while [ $i -lt 12 ]; do echo "$i of {{ server.name }}" > "sub/file $i"; i=$((i+1)); done
'''

[[steps]]
id = "copy"
on = "fs01"
copy = { from = "{{ server.place }}/data/", to = "db01:{{ server.place }}/copy/" }

[[steps]]
id = "prove"
on = "fs01"
verify = [ { compare = ["{{ server.place }}/data", "db01:{{ server.place }}/copy"], name = "same" } ]

[[steps]]
id = "go"
gate = { requires = ["prove/same"], approvers = 2 }

[[steps]]
id = "use"
on = "all"
run = '''
MARK
echo got {{ captured.name }}
'''

[[steps]]
id = "here"
on = "local"
run = "echo here"
"""
MARK = "mkdir -p {{ server.place }}; head -c 8 /dev/urandom | od -An -tx1 >> {{ server.place }}/ran.STEP"

SCRIPT = """#!/bin/sh
head -c 8 /dev/urandom | od -An -tx1 >> "$1/ran.secret"
set -x
echo "$2: $db_password"
printf 'corr'; sleep 0.1; echo 'ect-horse-battery'
"""

STARTED = {"fs01": ["count", "freeze", "name", "secret", "data", "use"], "db01": ["count", "freeze", "name", "use"]}


def steps(text: str) -> str:
    """Every job leaves one random line of its own on its server each time that it runs."""
    parts = re.split(r"(?=\[\[)", text)
    return "".join(p.replace("MARK", MARK.replace("STEP", p.split('"')[1])) if "MARK" in p else p for p in parts)


@dataclass
class Ground:
    """Two hosts and a place for plans and sessions; each night has a folder of its own on the hosts."""

    place: Path
    hosts: dict[str, Host]
    nights: int = 0

    @classmethod
    def make(cls, hosts: Hosts, place: Path) -> Ground:
        place.mkdir(parents=True, exist_ok=True)
        made = hosts("fs01", shell="csh", sudo="password", noisy_rc=True), hosts("db01", user="root")
        return cls(place, {host.name: host for host in made})


@dataclass
class Night:
    """One night on a ground, its engines killed one after the other at these points (or not), resumed until it ends."""

    EXIT: ClassVar[int] = 0
    LONG: ClassVar[tuple[str, ...]] = ()  # what a sweep must have broken into

    ground: Ground
    points: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    kills: int = 0
    middle: Counter[str] = field(default_factory=Counter)  # LONG things that the kills broke into

    def __post_init__(self) -> None:
        self.ground.nights += 1
        self.on_host = f"/srv/n{self.ground.nights}"
        self.place = self.ground.place / f"n{self.ground.nights}"
        self.plan = self.write()
        self.state_home = self.place / "state"

    def write(self) -> Path:
        """Its plan, and what that reads."""
        (self.place / "files").mkdir(parents=True)
        (self.place / "files/secret.sh").write_text(SCRIPT)
        head, paper = self.paper()
        more: dict[str, Mapping[str, Any]] = {n: {"vars": {"place": self.on_host}} for n in self.ground.hosts}
        return write_plan(self.place, self.ground.hosts.values(), paper, name="crash", head=head, **more)

    def paper(self) -> tuple[str, str]:
        """Of its plan: what comes before the servers, and the steps."""
        return HEAD, steps(STEPS)

    # --- running it

    def run(self) -> Night:
        deadline = time.monotonic() + SECONDS
        code = self._follow(["run", str(self.plan), "--headless", "--wait"], deadline)
        while code in (3, -signal.SIGKILL):
            self.kills += 1
            assert self.kills <= len(self.points), f"it does not come up again\n{self.story()}"
            self.middle.update(self.broken_into())
            code = self._follow(["resume", "--headless", "--wait"], deadline)
        assert code == self.EXIT, f"exit {code}\n{self.story()}"
        return self

    def passed(self) -> list[str]:
        """Every point that its engines came to, in order."""
        return (self.place / "passed").read_text().split("\n")[:-1]

    def broken_into(self) -> list[str]:
        """Of what is LONG, what its engine has just been killed in the middle of."""
        return []

    def end(self) -> None:
        """SIGKILL what still runs of it."""
        for session in SessionDir.all(self.state_home / "cockpit/sessions") if self.state_home.exists() else []:
            if session.running() and (pid := session.holder().get("pid")):
                os.kill(pid, signal.SIGKILL)

    def _follow(self, arguments: list[str], deadline: float) -> int:
        point = {"COCKPIT_CRASH": self.points[self.kills]} if self.kills < len(self.points) else {}
        secret = {"COCKPIT_SECRET_SUDO_PASSWORD": "opensesame"}
        kept = {"XDG_STATE_HOME": str(self.state_home), "COCKPIT_CRASH_LOG": str(self.place / "passed")}
        environment = {**os.environ, **kept, **secret, **self.env, **point}
        command = [sys.executable, "-m", "cockpit", *arguments]
        with (
            (self.place / "said").open("ab") as log,
            subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process,
        ):
            try:
                while process.poll() is None:
                    assert time.monotonic() < deadline, f"not over within {SECONDS:.0f} s\n{self.story()}"
                    with suppress(JournalProblem, OSError, IndexError):  # not there yet, or just killed
                        self.answer()
                    time.sleep(0.1)
            finally:
                process.kill()
            return int(process.returncode)

    def session(self) -> SessionDir:
        return SessionDir.all(self.state_home / "cockpit/sessions")[0]

    def state(self) -> State:
        return state_of(self.session().journal_path)

    def answer(self) -> None:
        """Whatever is asked now."""
        state = self.state()
        for prompt in list(state.prompts.values()):
            if prompt.kind == "manual":
                self.ask(verb="done", target=prompt.task)
            elif prompt.kind == "gate":
                for who in ("maria", "otto"):
                    self.ask(verb="go", target=prompt.task, **{"as": who})
            elif prompt.kind == "secret":
                self.ask(verb="answer", target=prompt.id, value=PASSWORD)
            elif prompt.kind == "input":
                self.ask(verb="answer", target=prompt.id, value="CHG-77")
            else:
                raise AssertionError(f"nobody should be asked this: {prompt}\n{self.story()}")

    def ask(self, **request: Any) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(os.fspath(self.session().socket_path))
            sock.sendall(json.dumps(request).encode() + b"\n")
            self.said.append(f"{request} -> {sock.makefile().readline().strip()}")

    def story(self) -> str:
        said = (self.place / "said").read_text()[-6000:]
        if not (self.state_home / "cockpit/sessions").exists():
            return said
        log = self.session().log_path
        tasks = {t.id: (t.state, t.unknown_reason, t.attempt and t.attempt.error) for t in self.state().tasks.values()}
        return "\n".join([
            f"killed at {self.points}", said, *self.said[-8:], str(tasks),
            log.read_text()[-3000:] if log.exists() else "",
        ])

    # --- judging it

    def check(self) -> None:
        state = self.state()
        try:
            assert state.illegal == 0
            self.judge(state)
            self._check_digests()
            assert not self.leftovers()
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.story()}") from None

    def judge(self, state: State) -> None:
        self.judge_tasks(state)
        ran = {f"{step}@{name}": self.ran(name, step) for name, begun in STARTED.items() for step in begun}
        assert {task: times for task, times in ran.items() if times != 1} == {}
        self._check_output()
        self._check_copy()

    def judge_tasks(self, state: State) -> None:
        """Each of them done, in one attempt."""
        assert state.outcome == "done"
        assert {t.id: t.state for t in state.tasks.values() if t.state != "done"} == {}
        assert {t.id: len(t.attempts) for t in state.tasks.values() if len(t.attempts) != 1} == {}

    def ran(self, server: str, step: str) -> int:
        """How often it did."""
        return len(lines(self.ground.hosts[server], f"{self.on_host}/ran.{step}"))

    def output(self, task: str, stream: str = "out") -> bytes:
        reader = Reader.open(self.session().journal_path)
        try:
            return b"".join(reader.attempt_output(task, 1, stream))  # type: ignore[arg-type]
        finally:
            reader.close()

    def _check_output(self) -> None:
        for name in STARTED:
            assert self.output(f"count@{name}") == b"".join(f"line {i} of {name}\n".encode() for i in range(8))
            assert self.output(f"count@{name}", "err") == b"".join(f"careful {i}\n".encode() for i in range(8))
            assert self.output(f"freeze@{name}") == b"frozen\n"
            assert self.output(f"name@{name}") == f"  {name} it is \n".encode()
            assert self.output(f"use@{name}") == f"got {name} it is\n".encode()
        stars = b"*" * len(PASSWORD)
        assert self.output("secret@fs01") == b"two words: " + stars + b"\n" + stars + b"\n"
        assert PASSWORD.encode() not in self.output("secret@fs01", "err")
        assert self.output("here@local") == b"here\n"

    def _check_copy(self) -> None:
        there = self.ground.hosts["db01"].path(f"{self.on_host}/copy/sub")
        assert {p.name: p.read_text() for p in there.iterdir()} == {f"file {i}": f"{i} of fs01\n" for i in range(FILES)}

    def _check_digests(self) -> None:
        """The fold of all facts, of a checkpoint and the facts after it, and the reader's own: one state."""
        reader = Reader.open(self.session().journal_path)
        try:
            facts = reader.facts(0, None, 100_000)
        finally:
            reader.close()
        whole = digest(fold(facts))
        half = unpack(pack(fold(facts[: len(facts) // 2])))
        assert half is not None
        for fact in facts[len(facts) // 2 :]:
            apply(half, fact)
        assert digest(half) == whole == digest(self.state())

    def leftovers(self) -> list[str]:
        """Records of jobs, keys, routes, locks and secrets that the night should have taken away with it."""
        found: list[str] = []
        for host in self.ground.hosts.values():
            found += [str(p) for p in (*host.root.glob("**/.cockpit/routes/*"), *host.root.glob("**/.cockpit/jobs/[!.]*"))]
            found += [str(p) for p in (*host.root.glob("**/.cockpit/claim"), *host.root.glob("var/tmp/cockpit-night~*"))]
            found += [str(p) for p in host.root.glob("**/authorized_keys") if "cockpit-route" in p.read_text()]
        for path in self.session().path.rglob("*"):
            if path.is_file() and PASSWORD.encode() in path.read_bytes():
                found.append(f"the secret in {path}")
        return found


def points(ground: Ground, sort: type[Night] = Night) -> list[str]:
    """Every point that an undisturbed night passes, in order."""
    night = sort(ground).run()
    night.check()
    return night.passed()
