"""A night told in facts: tests say what happened, and get the `Night` that the screen would be drawn from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cockpit.forecast.compute import forecast
from cockpit.forecast.follow import Follower, told
from cockpit.forecast.model import TransferNow
from cockpit.forecast.rates import transfer
from cockpit.journal import events as e
from cockpit.journal.events import Event, Fact
from cockpit.journal.records import Sample
from cockpit.plan.reader import loads
from cockpit.plan.schedule import schedule
from cockpit.plan.times import hours
from cockpit.state.fold import fold
from cockpit.state.model import Task
from cockpit.state.standing import stale_since, standings
from cockpit.views.model import Engine, Night
from cockpit.views.now import proven

OPENS = datetime(2026, 11, 28, 4, 0, tzinfo=UTC).timestamp()  # 20:00 where the plan was written

HEAD = """
[plan]
version = 1
name = "Seven servers, one night"
lead = "lead"
[window]
opens = 2026-11-27T20:00:00-08:00
closes = 2026-11-28T09:00:00-08:00
"""
QUIET = HEAD + """
[servers.fs01]
host = "a"
[[steps]]
id = "prepare"
title = "Prepare"
on = "all"
run = "true"
estimate = "1h"
[[steps]]
id = "final-go"
title = "Final go/no-go"
gate = { by = "05:30", no_return = true }
[[steps]]
id = "finalize"
title = "Finalize"
on = "all"
run = "true"
estimate = "30m"
"""
SEVEN = HEAD + "".join(f"[servers.{n}]\nhost = '{n}.example'\ntags = ['all7']\n" for n in (
    "fs01", "fs02", "dc01", "sql01", "web01", "mail1", "bkp01",
)) + """
[[steps]]
id = "inventory"
title = "Contact and inventory"
on = "all"
run = "uname -a"
estimate = "10m"
[[steps]]
id = "backup-ok"
title = "Go on with the move?"
gate = { by = "23:30" }
[[steps]]
id = "copy-out"
title = "Disks to a safe place"
on = ["fs01", "fs02", "sql01"]
copy = { from = "/srv/data/", to = "bkp01:/vault/{{ server.name }}/" }
estimate = "2h"
owner = "storage"
[[steps]]
id = "rebuild"
title = "Rebuild to the baseline"
on = "all"
run = "rebuild"
estimate = "30m"
[[steps]]
id = "verify"
title = "Prove it"
on = "all"
verify = [{ name = "up", tcp = "{{ server.host }}:22" }, { name = "same", run = "true" }]
"""


class Story:
    """Facts and samples in the order in which they are told; `at` is seconds after the window opened."""

    def __init__(self, plan: str = SEVEN, *, session: str = "20261127-2000-seven") -> None:
        self.plan = loads(plan, "plan.toml")
        window = hours(self.plan.window, OPENS)
        times = schedule(self.plan, OPENS).tasks
        self.facts: list[Fact] = []
        self.samples: dict[str, list[Sample]] = {}
        self.heard: dict[str, float] = {}
        self.tell(0, e.SessionStarted(session, self.plan.name, "live", window.opens, window.closes,
                                      window.testing, window.utc_offset))
        self.tell(0, e.EngineStarted(1, 4711, "con1", "0.1"))
        rows = [
            {"id": t, "step": s.id, "server": t.partition("@")[2] or None, "kind": s.kind, "title": s.title,
             "phase": s.phase, "planned_start": times[t][0] if t in times else None,
             "planned_end": times[t][1] if t in times else None}
            for s in (*self.plan.steps, *self.plan.backout) for t in s.task_ids()
        ]
        self.tell(0, e.PlanAdopted(self.plan.text, rows))
        for name in self.plan.servers:
            self.tell(1, e.ServerContacted(name, "boot"))

    def tell(self, at: float, event: Event, who: str | None = None, why: str | None = None) -> None:
        self.facts.append(Fact(len(self.facts) + 1, OPENS + at, event, who, why))

    def begin(self, at: float, *tasks: str, n: int = 1) -> None:
        for task in tasks:
            self.tell(at, e.AttemptStarted(task, n, f"{task}-{n}"))

    def end(self, at: float, *tasks: str, result: str = "done", **more: Any) -> None:
        n = more.pop("n", 1)
        for task in tasks:
            self.tell(at, e.AttemptEnded(task, n, result, **more))

    def moved(self, at: float, task: str, done: int, total: int | None = None, phase: str = "copy", **more: int) -> None:
        """A sample of a transfer."""
        values = {"phase": phase, "bytes_done": done, "bytes_total": total, "files_done": None, "files_total": None, **more}
        self.samples.setdefault(task, []).append(Sample(OPENS + at, f"transfer/{task}", values))

    def hear(self, at: float, *servers: str) -> None:
        self.heard.update(dict.fromkeys(servers or self.plan.servers, OPENS + at))

    def night(self, at: float, *, alive: bool | None = True, problem: str | None = None, who: str = "lead",
              replay: str | None = None) -> Night:
        state, now = fold(self.facts), OPENS + at
        if not self.heard:
            self.hear(at)
        found = standings(self.plan, state, now)
        moving = {task: m for task in self.samples if (m := self._moving(state.tasks[task], now))}
        since = {key: stale_since(self.plan, state, key) for key in state.proofs}
        stale = {key: at for key, at in since.items() if at is not None}
        return Night(
            plan=self.plan, state=state, standings=found, forecast=forecast(self.plan, state, found, moving, now),
            now=now, engine=Engine(alive, problem), replay=replay, who=who, heard=self.heard,
            stale=stale, proven=proven(self.plan, state, stale), actions=tuple(f for f in self.facts if f.who)[-10:],
        )

    def _moving(self, task: Task, now: float) -> TransferNow | None:
        samples = self.samples[task.id]
        if task.state not in ("running", "unknown") or task.attempt is None:
            return transfer(task.id, samples, now, running=False)

        def read(_: str, since: float, until: float, step: int) -> list[Sample]:
            return list({int(s.at) // step: s for s in samples if since <= s.at <= until}.values())

        return told(Follower(read).of(task.id, task.id, task.attempt.started, now), task, now)


def the_night() -> Story:
    """Half past eleven: the gate was answered, fs01 and sql01 copy, fs02 stands still, web01 failed, dc01 waits."""
    s = Story()
    every = [f"inventory@{n}" for n in s.plan.servers]
    s.begin(10, *every)
    s.end(300, *every)
    s.begin(310, "backup-ok")
    s.tell(900, e.GateAnswered("backup-ok", "go"), who="ana", why="backup proven")
    s.end(900, "backup-ok")
    s.begin(910, "copy-out@fs01", "copy-out@fs02", "copy-out@sql01")
    s.begin(910, "rebuild@web01", "rebuild@mail1", "rebuild@bkp01", "rebuild@dc01")
    for second in range(911, 1500):
        s.moved(second, "copy-out@fs01", (second - 910) * 200_000_000, 612_400_000_000)
        s.moved(second, "copy-out@fs02", min(second - 910, 400) * 100_000_000, 200_000_000_000)
        s.moved(second, "copy-out@sql01", (second - 910) * 90_000_000, 90_000_000_000)
    s.end(1200, "rebuild@bkp01", "rebuild@dc01")
    s.begin(1205, "verify@bkp01")
    s.tell(1210, e.CheckFinished("verify@bkp01", 1, "up", "tcp", "pass", "22 open", OPENS + 1206, []))
    s.tell(1211, e.CheckFinished("verify@bkp01", 1, "same", "run", "pass", "exit 0", OPENS + 1206, []))
    s.end(1212, "verify@bkp01")
    s.end(1300, "rebuild@web01", result="failed", exit=3, error="rebuild: no space left on /srv")
    s.tell(1301, e.PromptOpened("p1", "failed", "rebuild: no space left on /srv", "rebuild@web01", "web01",
                                ["retry", "skip", "drop"]))
    return s
