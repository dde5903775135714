"""What to do next, given the plan, the state and the time. Pure: no I/O, no clock; asked again after every change.

It only says; the engine journals the intent and acts. Everything that it asks for is idempotent in the state: once the
fact is there, it is not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cockpit.plan.model import Gate, Manual, Plan, Step, Verify
from cockpit.state.model import CANCELLED, DONE, FAILED, PENDING, RUNNING, SKIPPED, UNDONE, UNKNOWN, Prompt, State, Task
from cockpit.state.seen import words
from cockpit.state.standing import (
    Standing,
    asks_a_person,
    chart,
    dropped,
    missing_inputs,
    no_go,
    on_failure,
    settled,
    undo_failed,
    undoing,
)

RETRY_DELAYS = (5.0, 30.0, 120.0)  # seconds before the first, second and every later automatic retry
# asked and withdrawn by who needs the answer
LIVE_KINDS = ("passphrase", "password", "sudo", "secret", "host-key", "lock", "loss")


@dataclass(frozen=True, slots=True)
class Start:
    task: str
    purpose: str = "do"


@dataclass(frozen=True, slots=True)
class Retry:
    task: str
    not_before: float


@dataclass(frozen=True, slots=True)
class Ask:
    id: str
    kind: str
    text: str
    task: str | None = None
    server: str | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    outcome: str


Action = Start | Retry | Ask | Withdraw | End


@dataclass(slots=True)
class _Wanted:
    asks: dict[str, Ask] = field(default_factory=dict)

    def add(self, ask: Ask) -> None:
        self.asks[ask.id] = ask


def decide(plan: Plan, state: State, standings: Mapping[str, Standing], now: float) -> list[Action]:
    """In order of effect: ends first, then what is asked, then what starts (in the plan's order)."""
    if state.outcome is not None:
        return []
    retries = list(_retries(plan, state, now))
    if retries:
        return [*retries]  # first of all: a failure under `continue` must not meet a need, nor end the night, before its retry
    ended = _outcome(plan, state, standings)
    if ended:
        return [End(ended)]
    actions: list[Action] = list(_prompts(_wanted(plan, state, standings), state))
    actions += [Start(t.id, "undo") for t in state.tasks.values() if t.undo_asked and t.state != RUNNING]
    actions += [Start(task) for task, standing in standings.items() if standing.startable]
    return actions


def _retries(plan: Plan, state: State, now: float) -> Iterator[Retry]:
    if state.dry:
        return  # nothing will have changed
    steps = chart(plan).steps
    for task in state.tasks.values():
        step = steps.get(task.step)
        if step and task.state == FAILED and step.phase == _phase(state) and may_retry(step, task):
            yield Retry(task.id, (task.ended or now) + retry_delay(task.auto_retries))


def retry_delay(count: int) -> float:
    """Seconds before the next automatic retry, after so many."""
    return RETRY_DELAYS[min(count, len(RETRY_DELAYS) - 1)]


def _phase(state: State) -> str:
    return "backout" if state.backout else "night"


def may_retry(step: Step, task: Task) -> bool:
    """Automatic retries are for steps that may run twice, and end with the plan's count."""
    return not step.once and task.auto_retries < step.retries and not undoing(task) and not task.undo_asked


def _outcome(plan: Plan, state: State, standings: Mapping[str, Standing]) -> str | None:
    """done, failed, backed-out or abandoned (every server was dropped) once every task of the phase is settled; None while
    there is something left."""
    if not state.tasks or any(t.state in (RUNNING, UNKNOWN) for t in state.tasks.values()):
        return None
    if any(t.undo_asked or undoing(t) or (undo_failed(state, t) and not dropped(state, t.server)) for t in state.tasks.values()):
        return None
    steps = chart(plan).steps
    tasks = [t for t in state.tasks.values() if t.step in steps and steps[t.step].phase == _phase(state)]
    if not all(_over(t, steps[t.step], state, standings) for t in tasks):
        return None
    if state.backout:
        return "backed-out"
    if plan.servers and all(dropped(state, name) for name in plan.servers):
        return "abandoned"
    failed = [t for t in tasks if t.state == FAILED and not dropped(state, t.server)]
    if state.dry:
        failed = [t for t in failed if not isinstance(steps[t.step].action, Verify)]  # red is what a check has to be there
    return "failed" if failed else "done"


def _over(task: Task, step: Step, state: State, standings: Mapping[str, Standing]) -> bool:
    return settled(task, step, state) or standings[task.id].word == SKIPPED


def _wanted(plan: Plan, state: State, standings: Mapping[str, Standing]) -> dict[str, Ask]:
    wanted = _Wanted()
    steps = chart(plan).steps
    for name in _inputs_missing(plan, state, standings):
        asked = plan.inputs[name]
        wanted.add(Ask(f"input-{name}", "secret" if asked.secret else "input", asked.prompt, secret=asked.secret))
    for task in state.tasks.values():
        if task.state in (DONE, SKIPPED):
            if task.attempt is not None and task.attempt.purpose == "undo" and not dropped(state, task.server):
                _want_undone(wanted, state, task)
            continue
        step = steps.get(task.step)
        if step is None or (task.state == PENDING and standings[task.id].word != "waiting"):
            continue
        if not dropped(state, task.server):
            ask = _ask_about(plan, task, step, state, standings[task.id])
            if ask is not None:
                wanted.add(ask)
    return wanted.asks


def _want_undone(wanted: _Wanted, state: State, task: Task) -> None:
    """Half undone is not done: nothing new starts on its server until a person has said which of the two it is to be."""
    why = undo_failed(state, task)
    if why is not None:
        text = f"{task.id} was done, and its undo failed: {why}"
        wanted.add(Ask(f"undo-{task.id}", "undo", text, task.id, task.server, ("undo", "retry", "keep")))


def _inputs_missing(plan: Plan, state: State, standings: Mapping[str, Standing]) -> list[str]:
    """Inputs are asked once, at the start; only the steps that name them wait."""
    if not plan.inputs:
        return []
    unsettled = {t.step for t in state.tasks.values() if t.state not in (DONE, SKIPPED) or t.undo_asked or undoing(t)}
    steps = [s for s in (*plan.steps, *plan.backout) if s.id in unsettled]
    return list(dict.fromkeys(n for s in steps for n in missing_inputs(plan, s, state)))


def _ask_about(plan: Plan, task: Task, step: Step, state: State, standing: Standing) -> Ask | None:
    if task.state == RUNNING and isinstance(step.action, Gate):
        return _ask_gate(task, step, step.action, state)
    if task.state == RUNNING and isinstance(step.action, Manual):
        text = words(plan, state, task.server, step.action.words)
        return Ask(f"manual-{task.id}", "manual", text, task.id, task.server, ("done",))
    if asks_a_person(task):
        text = f"{task.id}: {(task.unknown_reason or '')[5:]}"
        return Ask(f"unknown-{task.id}", "unknown", text, task.id, task.server, ("done", "failed", "retry"))
    if step.phase != _phase(state):
        return None  # a backout leaves the night's failures as they are
    if task.state == FAILED and on_failure(step, state) != "continue":
        error = (task.attempt.error if task.attempt else None) or "it failed"
        return Ask(f"failed-{task.id}", "failed", f"{task.id} failed: {error}", task.id, task.server, ("retry", "skip"))
    if task.state in (CANCELLED, UNDONE):
        return Ask(f"failed-{task.id}", "failed", f"{task.id} was {task.state}", task.id, task.server, ("retry", "skip"))
    if standing.word == "waiting" and step.start == "manual" and not task.start_asked:
        return Ask(f"start-{task.id}", "start", f"{step.title}: start it?", task.id, task.server, ("start",))
    return None


def _ask_gate(task: Task, step: Step, gate: Gate, state: State) -> Ask:
    naysayer = no_go(state, task.id)
    if naysayer is not None:
        text = f"no-go at {step.title} by {naysayer}: hold, back out, or go after all?"
        return Ask(f"no-go-{task.id}", "no-go", text, task.id, task.server, ("hold", "backout", "go"))
    missing = approvals_missing(gate, [who for who, answer in state.gates.get(task.id, []) if answer == "go"])
    end = " This is the point of no return." if gate.no_return else ""
    text = f"{step.title}: go or no-go? Needs {missing}.{end}"
    return Ask(f"gate-{task.id}", "gate", text, task.id, task.server, ("go", "no-go"))


def approvals_missing(gate: Gate, gone: list[str]) -> str:
    """Whose word is still needed, in words; "" when the gate may open. Each name counts once."""
    if isinstance(gate.approvers, tuple):
        return ", ".join(n for n in gate.approvers if n not in gone)
    left = gate.approvers - len(set(gone))
    return "" if left <= 0 else f"{left} approval{'s' if left > 1 else ''}"


def _prompts(wanted: dict[str, Ask], state: State) -> Iterator[Ask | Withdraw]:
    for prompt in state.prompts.values():
        if prompt.kind not in LIVE_KINDS and prompt.id not in wanted:
            yield Withdraw(prompt.id, "no longer needed")
        elif prompt.id.startswith("input-") and prompt.id not in wanted:
            yield Withdraw(prompt.id, "given")
    for ask in wanted.values():
        if not _asked(state.prompts.get(ask.id), ask):
            yield ask


def _asked(prompt: Prompt | None, ask: Ask) -> bool:
    return prompt is not None and prompt.text == ask.text
