"""A night for a benchmark: a session and its detached engine, as `cockpit run` starts it, and its journal."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from cockpit.engine.launch import start_engine
from cockpit.engine.options import Options, create_session
from cockpit.journal.events import Fact, ServerContacted
from cockpit.journal.reader import Reader
from cockpit.journal.records import Sample
from cockpit.plan.reader import load
from cockpit.ui.commander import Commander, Reply
from tests.hosts import Host, section

HEAD = '[plan]\nversion = 1\nname = "bench"\nlead = "bench"\n[window]\nopens = "+0s"\ncloses = "+13h"\n'


class Night:
    """`place` becomes the state directory: benchmarks never see the person's own sessions."""

    def __init__(self, place: Path, plan: str) -> None:
        self.state = place / "state"
        os.environ["XDG_STATE_HOME"] = str(self.state)
        (place / "plan.toml").write_text(plan)
        self.session = create_session(load(place / "plan.toml"), Options("bench"))
        self._commander = Commander(self.session.socket_path, "bench")

    def start(self) -> Night:
        start_engine(self.session, {})
        self._reader = Reader.open(self.session.journal_path)
        self.engine = psutil.Process(int(self.session.holder()["pid"]))
        return self

    def send(self, verb: str, target: str | None = None) -> Reply:
        reply = asyncio.run(self._commander.send(verb, target, why="benchmark"))
        if not reply.ok:
            raise RuntimeError(f"{verb} {target}: {reply.text}")
        return reply

    def facts(self, *kinds: str) -> list[Fact]:
        return [fact for fact in self._reader.facts() if not kinds or fact.kind in kinds]

    def samples(self, series: str, since: float, until: float) -> list[Sample]:
        return self._reader.samples(series, since, until)

    def until(self, true: Callable[[list[Fact]], bool], seconds: float = 120.0) -> list[Fact]:
        """Wait for something in the journal, looking often enough to notice and rarely enough not to disturb."""
        deadline, facts = time.monotonic() + seconds, self.facts()
        while not true(facts):
            if time.monotonic() > deadline:
                log = self.session.log_path.read_text(errors="replace")[-1500:]
                raise TimeoutError(f"not within {seconds:g} s; newest: {facts[-5:]}\n{log}")
            time.sleep(0.25)
            facts += self._reader.facts(after=facts[-1].seq if facts else 0)
        return facts

    def contacted(self, count: int) -> None:
        self.until(lambda facts: len({f.event.server for f in facts if isinstance(f.event, ServerContacted)}) >= count)

    def rested(self) -> None:
        """What follows a contact (a look at the server, a control shell) is over: for half a second the engine did next to
        nothing, or ten seconds have passed."""
        spent, deadline = -1.0, time.monotonic() + 10
        while (now := used(self.engine)) - spent > 0.02 and time.monotonic() < deadline:
            spent = now
            time.sleep(0.5)

    def stop(self) -> None:
        """End the engine; one whose night has ended ends by itself, once it has let go of its servers."""
        if not self.facts("NightEnded"):
            with suppress(RuntimeError):
                self.send("stop")
        _, alive = psutil.wait_procs([self.engine], timeout=15)
        for process in alive:
            process.kill()


def servers(made: list[Host]) -> str:
    """Their sections, each with its host key pinned, so that nothing has to be asked."""
    return "".join(section(host, host_key=host.host_key) for host in made)


def used(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)
