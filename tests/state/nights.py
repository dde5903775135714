"""Random nights: any known events in any order, sensible or not."""

import random

from cockpit.journal import events as e
from cockpit.journal.events import Fact

SERVERS = ["a", "b", "local"]
TASKS = [f"{step}@{server}" for step in ("freeze", "copy", "verify") for server in SERVERS] + ["go"]
PEOPLE = [None, None, "lead", "maria"]


def row(task):
    step, _, server = task.partition("@")
    return {
        "id": task, "step": step, "server": server or None, "kind": "run", "title": step, "phase": "night",
        "planned_start": 1.0, "planned_end": 2.0,
    }


def event(rng):
    """One event; its task, server and number are often ones that exist, and sometimes not."""
    task, server, n = rng.choice([*TASKS, "nobody@x"]), rng.choice(SERVERS), rng.randrange(1, 6)
    prompt, purpose = f"p{rng.randrange(4)}", rng.choice(("do", "do", "do", "undo", "probe"))
    return rng.choice((
        lambda: e.AttemptStarted(task, n, f"{task}-{n}", purpose, {"method": "rsync"}),
        lambda: e.AttemptStarted(task, n, f"{task}-{n}", purpose),
        lambda: e.AttemptNoted(task, n, {"total": rng.randrange(9)}),
        lambda: e.AttemptUnknown(task, n, rng.choice(("lost", "gone"))),
        lambda: e.AttemptFound(task, n),
        lambda: e.AttemptEnded(task, n, rng.choice(("done", "failed", "cancelled")), 1, "error", {"bytes": 1}),
        lambda: e.AttemptEnded(task, n, "done", 0),
        lambda: e.CancelAsked(task),
        lambda: e.RetryAsked(task, rng.random() < 0.5, 7.0),
        lambda: e.UndoAsked(task),
        lambda: e.StartAsked(task),
        lambda: e.TaskSkipped(task, rng.random() < 0.5, "reason"),
        lambda: e.TaskMarkedDone(task),
        lambda: e.TaskMarkedFailed(task),
        lambda: e.CheckFinished(task, n, "content", "compare", "pass", "40 the same", 3.0, [["a", "/srv"]]),
        lambda: e.ValueCaptured(task, "size", "7"),
        lambda: e.PromptOpened(prompt, "failed", "?", task, server, ["retry", "skip"]),
        lambda: e.PromptAnswered(prompt, "retry"),
        lambda: e.PromptWithdrawn(prompt, "gone"),
        lambda: e.GateAnswered("go", rng.choice(("go", "no-go"))),
        lambda: e.ServerContacted(server, "boot", {"os": "Debian"}),
        lambda: e.ServerLost(server, "unreachable", "no route"),
        lambda: e.ServerDropped("b"),
        lambda: e.HostKeyOffered(server, "ssh-ed25519 K", "SHA256:k"),
        lambda: e.HostKeyAccepted(server, "ssh-ed25519 K", "SHA256:k", "person", "10.0.4.11"),
        lambda: e.Held(rng.choice([*SERVERS, ""])),
        lambda: e.Released(rng.choice([*SERVERS, ""])),
        lambda: e.NoteAdded("caf\u00e9", task),
        lambda: e.AlarmEnded(f"stalled:{task}#{n}", 3.0, "moves again", task, server),
        lambda: e.AlarmAcknowledged(rng.choice((f"stalled:{task}#{n}", f"stalled:{task}", f"lost:{server}"))),
        lambda: e.EngineStarted(n, 1, "con1", "0"),
        lambda: e.EngineStopped("asked"),
        lambda: e.EngineTroubled(rng.choice((None, "disk full"))),
        lambda: e.InputGiven("ticket", rng.choice((None, "CHG"))),
        lambda: e.BackoutStarted("no-go"),
        lambda: e.NightEnded("done"),
        lambda: e.SessionStarted("s", "p", "live", 1.0, 2.0),
        lambda: e.PlanAdopted("text", [row(t) for t in rng.sample(TASKS, 8)], amended=True, closes=9.0),
    ))()


def night(seed, count):
    rng = random.Random(seed)
    events = [e.PlanAdopted("text", [row(t) for t in TASKS])] + [event(rng) for _ in range(count - 1)]
    return [Fact(i, float(i), x, rng.choice(PEOPLE), "why") for i, x in enumerate(events, 1)]
