"""Questions that several panes ask of a night: which step is which, what a server is at, how long it has been quiet.

Pure. A number that rests on a server that has not been heard of is not a number: `believed` says when to leave it
blank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import replace

from cockpit.forecast.model import TransferNow
from cockpit.plan.model import Plan, Step, Verify
from cockpit.state.model import FAILED, RUNNING, UNKNOWN, State, Task
from cockpit.state.standing import chart, dropped, on_failure
from cockpit.views.glyphs import DROPPED, HELD, HOLDING, KEY, LOST, NO_STEP, PAUSED, STALE, STALLED, UNSEEN, Mark, task_mark
from cockpit.views.model import Engine, Night

STALE_AFTER = 30.0  # s: as long as three keepalives of the SSH connection take to notice a loss

# What a server is shown to be at, where it is at several things: what is worst, then what moves, then what comes.
_RANK = {
    "failed": 0, "unknown": 1, "cancelled": 2, "waiting": 3, "running": 4,
    "queued": 5, "ready": 6, "undone": 7, "blocked": 8,
}
_OVER = 9


def word(night: Night, task: Task) -> str:
    """The task's state as `spec/commands.md` names it."""
    standing = night.standings.get(task.id)
    return standing.word if standing else task.state


def is_running(night: Night, task_id: str) -> bool:
    task = night.state.tasks.get(task_id)
    return task is not None and word(night, task) == "running"


def copies(night: Night) -> list[TransferNow]:
    """What moves or has moved bytes from place to place; a proof only reads them."""
    tasks = night.state.tasks
    return [m for m in night.forecast.transfers.values() if m.task in tasks and tasks[m.task].kind == "copy"]


def share(night: Night, m: TransferNow) -> float | None:
    """0..1 of a transfer's bytes. Copied is not done: until its end was seen it stays below 1, whatever phase comes after."""
    found = m.share
    return min(found, 0.999) if found is not None and is_running(night, m.task) else found


def left(night: Night, task_id: str) -> tuple[float, bool] | None:
    """Seconds that a running task has left, and whether they are measured or the plan's estimate gives them. None where
    nobody knows."""
    moving = night.forecast.transfers.get(task_id)
    if moving is not None and moving.eta and is_running(night, task_id) and task_id not in night.state.paused:
        return moving.eta, True
    seconds = estimated_left(night, task_id)
    return (seconds, False) if seconds is not None else None


def estimated_left(night: Night, task_id: str) -> float | None:
    """What the plan's estimate leaves of a running task. None where that says nothing: what should move stands still, the
    estimate is over, or nobody has estimated the bytes."""
    end, moving = night.forecast.ends.get(task_id), night.forecast.transfers.get(task_id)
    if not is_running(night, task_id) or end is None or end - night.now < 1:
        return None
    task = night.state.tasks[task_id]
    guessed = (moving is not None or task.kind == "copy") and chart(night.plan).steps[task.step].estimate is None
    return None if guessed or (moving is not None and moving.stalled_since is not None) else end - night.now


def steps_of_phase(plan: Plan, state: State) -> tuple[Step, ...]:
    """The steps that the numbers on the screen count: the backout's once it has begun."""
    return plan.backout if state.backout else plan.steps


def counted(night: Night) -> list[Task]:
    """The tasks of those steps: a backout that nobody asked for is no part of the night's number."""
    steps = {step.id for step in steps_of_phase(night.plan, night.state)}
    return [task for task in night.state.tasks.values() if task.step in steps]


def numbers(plan: Plan) -> dict[str, str]:
    """Step id -> "09/17", its place in its own phase."""
    found: dict[str, str] = {}
    for steps in (plan.steps, plan.backout):
        digits = max(2, len(str(len(steps))))
        for i, step in enumerate(steps, start=1):
            found[step.id] = f"{i:0{digits}d}/{len(steps):0{digits}d}"
    return found


def number(plan: Plan, step: str) -> str:
    """ "09"."""
    return numbers(plan).get(step, "").partition("/")[0]


def by_server(state: State) -> dict[str, list[Task]]:
    """Server ("" for none) -> its tasks, in the order of the plan."""
    found: dict[str, list[Task]] = {}
    for task in state.tasks.values():
        found.setdefault(task.server or "", []).append(task)
    return found


def current(night: Night, tasks: list[Task]) -> Task | None:
    """What these tasks are at: the worst, else what runs, else what is next; once all is over, the last that
    ended. Once backing out, of the night only what still runs: nothing else of it will."""
    phase = "backout" if night.state.backout else "night"
    tasks = [t for t in tasks if t.phase == phase or t.state in (RUNNING, UNKNOWN)]
    ranked = [(_rank(night, task), i) for i, task in enumerate(tasks)]
    best = min(ranked, default=(_OVER, -1))
    if best[0] < _OVER:
        return tasks[best[1]]
    return max(tasks, key=lambda t: t.ended or 0.0, default=None)


def _rank(night: Night, task: Task) -> int:
    if task.state == FAILED and _continues(night, task.step):
        return _OVER
    return _RANK.get(word(night, task), _OVER)


def _continues(night: Night, step_id: str) -> bool:
    step = chart(night.plan).steps.get(step_id)
    return step is not None and on_failure(step, night.state) == "continue"


def heard(night: Night, server: str) -> float | None:
    """When there was any evidence of this server last; UTC epoch seconds."""
    known = night.state.servers.get(server)
    contacted = known.since if known is not None and known.contact == "up" else None
    return max((t for t in (night.heard.get(server), contacted) if t is not None), default=None)


def quiet(night: Night, server: str) -> float | None:
    """Seconds since any evidence: of contact, and of bytes where this server's transfer should be moving some."""
    last = heard(night, server)
    if last is None:
        return None
    stalls = [
        moving.stalled_since for task, moving in night.forecast.transfers.items()
        if moving.stalled_since is not None and task.partition("@")[2] == server and task not in night.state.paused
    ]
    return max(0.0, night.now - min([last, *stalls]))


def unattended(night: Night) -> bool:
    """Without an engine nobody hears of the servers, whatever goes on there."""
    return night.engine.alive is False and night.state.outcome is None


def attended(night: Night, engine: Engine) -> Night:
    """The night with this engine. With none what moves was seen last when there was one."""
    night = replace(night, engine=engine)
    if not unattended(night):
        return night
    transfers = {task: moving.unheard() for task, moving in night.forecast.transfers.items()}
    return replace(night, forecast=replace(night.forecast, transfers=transfers))


def stale(night: Night, server: str) -> bool:
    """In contact as far as the journal knows, but nothing has been heard for too long."""
    known, last = night.state.servers.get(server), heard(night, server)
    up = known is not None and known.contact == "up" and night.state.outcome is None
    return up and last is not None and night.now - last > STALE_AFTER


def believed(night: Night, server: str | None) -> bool:
    """Whether numbers that come from this server may be shown as being so now. No server, and `local`: always."""
    known = night.state.servers.get(server or "")
    return known is None or (known.contact == "up" and not stale(night, known.name) and not unattended(night))


def silent(night: Night) -> list[str]:
    """The servers that were there and of which nothing can be believed now: contact lost, or stale."""
    known = night.state.servers
    gone = [name for name in night.plan.servers if name in known and (known[name].contact == "lost" or stale(night, name))]
    return [name for name in gone if not dropped(night.state, name)]


def held(state: State, server: str | None, task: Task | None = None) -> bool:
    targets = {"", server, *((task.id, task.step) if task else ())}
    return any(target in targets for target in state.held)


def server_mark(night: Night, server: str, task: Task | None) -> Mark:
    """What a server's row says it is: its contact first, since without it the rest is memory."""
    state = night.state
    known = state.servers.get(server)
    if dropped(state, server):
        return DROPPED
    if known is not None and known.contact == "lost":
        return KEY if (known.problem or "").startswith("key-") else LOST
    if stale(night, server) or (unattended(night) and task is not None and is_running(night, task.id)):
        return STALE
    if held(state, server, task) and state.outcome is None:
        at = word(night, task) if task is not None else ""
        if at not in ("running", "waiting", "failed", "unknown", "cancelled"):
            return HELD
        if at == "running" and task is not None and task.id not in state.paused:
            return HOLDING
    if known is not None and known.contact == "never" and (task is None or word(night, task) != "done"):
        return UNSEEN
    if task is not None and task.id in state.paused:
        return PAUSED
    moving = night.forecast.transfers.get(task.id) if task else None
    if moving is not None and moving.stalled_since is not None:
        return STALLED
    return task_mark(word(night, task)) if task else NO_STEP


def proven(plan: Plan, state: State, stale: Container[str]) -> dict[str, int]:
    """Verify task -> how many of its checks pass and are fresh. Those that an amendment took away count no more."""
    names = {task: set(_names(step)) for step in (*plan.steps, *plan.backout) for task in step.task_ids()}
    good = Counter(proof.task for key, proof in state.proofs.items()
                   if proof.result == "pass" and key not in stale and proof.check in names.get(proof.task, ()))
    return {task: good[task] for task in names}


def proof_counts(night: Night, tasks: Iterable[str]) -> tuple[int, int]:
    """Checks of these verify tasks that pass and are fresh, and all checks that the plan makes of them."""
    asked = set(tasks)
    return sum(night.proven.get(task, 0) for task in asked), sum(len(checks(night.plan, task)) for task in asked)


def checks(plan: Plan, task: str) -> tuple[str, ...]:
    """The names of the checks of a verify task; () for any other."""
    step_id = task.partition("@")[0]
    return next((_names(step) for step in (*plan.steps, *plan.backout) if step.id == step_id), ())


def _names(step: Step) -> tuple[str, ...]:
    return tuple(check.name for check in step.action.checks) if isinstance(step.action, Verify) else ()
