"""A plausible night, written into a real journal by the real writer: seven servers, seventeen steps, in the middle of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from cockpit.journal.events import (
    AttemptEnded,
    AttemptStarted,
    CheckFinished,
    EngineStarted,
    Event,
    NoteAdded,
    PlanAdopted,
    PromptOpened,
    ServerContacted,
    ServerLost,
    SessionStarted,
    TaskMarkedDone,
)  # fmt: skip
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Output, Sample
from cockpit.journal.writer import Writer
from cockpit.plan.model import Plan
from cockpit.plan.reader import loads

SERVERS = ("fs01", "fs02", "dc01", "sql01", "web01", "mail1", "bkp01")
HOUR = 3600.0
_SHARED = {"go-wipe": 'gate = { requires = ["prove"], approvers = 1, by = "+5h" }',
           "go-final": 'gate = { requires = ["proof/ssh", "services"], no_return = true }'}
_STEPS = (
    ("groundwork", "Groundwork checked", 'manual = "Look at the list."'),
    ("contact", "Contact and inventory", 'run = "uname -a"'),
    ("freeze", "Freeze the applications", 'run = "systemctl stop app"'),
    ("snapshot", "Snapshot taken", 'run = "lvcreate -s"'),
    ("backup", "Back everything up", 'copy = { from = "/srv/data/", to = "bkp01:/vault/{{ server.name }}/" }'),
    ("prove", "Prove the backup", 'verify = [{ compare = ["/srv/data", "bkp01:/vault/{{ server.name }}"], by = "content" }]'),
    ("go-wipe", "Go for the teardown", ""),
    ("park", "Disks parked", 'run = "park"'),
    ("image", "Disk into an image", 'run = "dd"'),
    ("teardown", "Tear down", 'run = "teardown"'),
    ("rebuild", "Rebuild to baseline", 'run = "rebuild"'),
    ("disks", "Disks back", 'run = "disks"'),
    ("copy-in", "Data back in", 'run = "copyin"'),
    ("services", "Services up", 'run = "systemctl start app"'),
    ("proof", "Triple proof", 'verify = [{ tcp = "{{ server.host }}:22", name = "ssh" }]'),
    ("go-final", "Final go or no-go", ""),
    ("finalize", "Finalize", 'run = "finalize"'),
)  # fmt: skip


def plan_text(opens: float, servers: tuple[str, ...] = SERVERS) -> str:
    """The plan's TOML: its window begins at `opens` (epoch) and closes 13 hours later."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(opens))
    close = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(opens + 13 * HOUR))
    out = ['[plan]\nversion = 1\nname = "Seven servers, one night"\nlead = "lead"\n']
    out += [f"[window]\nopens = {stamp}\ncloses = {close}\n"]
    out += [f'[servers.{name}]\nhost = "10.0.4.{i}"\ntags = ["all-of-them"]\n' for i, name in enumerate(servers, start=11)]
    for step, title, action in _STEPS:
        where = "" if step in _SHARED else f"on = {list(servers if step != 'backup' else servers[:-1])!r}\n".replace("'", '"')
        out.append(f'[[steps]]\nid = "{step}"\ntitle = "{title}"\n{where}estimate = "20m"\n{_SHARED.get(step, action)}\n')
    return "\n".join(out)


@dataclass
class Recorded:
    """A session on disk. `writer` is open: tests go on with the night."""

    session: SessionDir
    writer: Writer
    plan: Plan
    opens: float

    @property
    def path(self) -> Path:
        return self.session.path


class SteppedClock:
    """The writer's clock, moved by the test."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def until(self) -> float | None:
        return None


async def begin(root: Path, *, opens: float, servers: tuple[str, ...] = SERVERS) -> tuple[Recorded, SteppedClock]:
    """A session whose engine has just started, every server in contact."""
    text = plan_text(opens, servers)
    plan = loads(text, "plan.toml")
    session = SessionDir.create(plan.name, text, root=root)
    clock = SteppedClock(opens)
    writer = Writer.open(session.journal_path, clock)
    tasks = [
        {"id": t, "step": s.id, "server": t.partition("@")[2] or None, "kind": s.kind, "title": s.title, "phase": s.phase,
         "planned_start": opens + i * 1200, "planned_end": opens + (i + 1) * 1200}
        for i, s in enumerate(plan.steps) for t in s.task_ids()
    ]  # fmt: skip
    await writer.append(
        SessionStarted(session.id, plan.name, "live", opens, opens + 13 * HOUR, None, 0.0), PlanAdopted(text, tasks),
        EngineStarted(1, 999_999, "con1", "0.1"), *(ServerContacted(name, f"boot-{name}") for name in servers),
    )
    return Recorded(session, writer, plan, opens), clock


async def run(night: Recorded, clock: SteppedClock, step: str, server: str | None, seconds: float, result: str | None = "done",
              error: str | None = None) -> None:
    """One attempt: started now, ended `seconds` later (result None: still running)."""
    task = f"{step}@{server}" if server else step
    await night.writer.append(AttemptStarted(task, 1, f"{task}-1"))
    if result is not None:
        clock.at += seconds
        events: list[Event] = []
        if night.plan.step(step).kind == "verify":
            checks = night.plan.step(step).action.checks
            verdict = "pass" if result == "done" else "fail"
            said = "1,204 files, 18.2 GB"
            events += [CheckFinished(task, 1, c.name, c.kind, verdict, said, clock.at - seconds) for c in checks]
        await night.writer.append(*events, AttemptEnded(task, 1, result, 0 if result == "done" else 1, error))


async def to_the_middle(night: Recorded, clock: SteppedClock) -> None:
    """Three hours in: five copies run, one proof failed, a server lost, two things need a person."""
    for server in SERVERS:
        await night.writer.append(AttemptStarted(f"groundwork@{server}", 1, "g"))
        await night.writer.append(TaskMarkedDone(f"groundwork@{server}"), who="lead")
        for step in ("contact", "freeze", "snapshot"):
            await run(night, clock, step, server, 240)
    for server in SERVERS[:-1]:
        await run(night, clock, "backup", server, 0, None)
    clock.at += 600
    await night.writer.append(AttemptEnded("backup@dc01", 1, "done", 0))
    await run(night, clock, "prove", "dc01", 300, "failed", "3 of 1,204 files differ: users.db, ntds.dit, sysvol/a.pol")
    failed = "prove@dc01 failed: 3 of 1,204 files differ"
    await night.writer.append(PromptOpened("failed-prove@dc01", "failed", failed, "prove@dc01", "dc01", ["retry", "skip"]))
    await night.writer.append(NoteAdded("Customer called: mail may come last.", "mail1"), who="anna", why=None)
    await night.writer.append(ServerLost("fs02", "key-changed", "host key changed since 01:12"))
    changed = "fs02 shows another host key.\nold SHA256:9yQ\nnew SHA256:k2F"
    await night.writer.append(PromptOpened("host-key-fs02", "host-key", changed, None, "fs02", ["accept", "refuse"]))
    rates = {"fs01": 212e6, "fs02": 190e6, "sql01": 140e6, "web01": 80e6, "mail1": 18e6}
    for i in range(40):
        clock.at += 10
        for server, rate in rates.items():
            if server != "fs02" or i < 3:
                night.writer.sample(Sample(clock.at, f"transfer/backup@{server}", {
                    "phase": "copy", "bytes_done": int(rate * 10 * (i + 1)), "bytes_total": int(rate * 10 * 90),
                    "files_done": 100 * i, "files_total": 9000}))  # fmt: skip
        for server in SERVERS:
            if server != "fs02":
                night.writer.sample(Sample(clock.at, f"latency/{server}", {"rtt": 0.004}))
        for server in ("fs01", "sql01"):
            text = f"sent {i * 1000:,} files, now at share/projects/{i:04d}/drawing.dwg\n".encode()
            await night.writer.output(Output(clock.at, f"backup@{server}", 1, "out", i * 1000, text))
    await night.writer.flush()
