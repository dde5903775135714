"""The dialog of a question that stands open: its words, its choices by letter, and what a gate wants known before a go.

Knows the night; refuses to know the screen and the socket. Pure; sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.plan.model import Gate, split_task
from cockpit.state.chart import chart
from cockpit.state.fresh import Freshness
from cockpit.state.green import go_by, not_green
from cockpit.state.model import SKIPPED, Prompt, Task
from cockpit.ui.dialogs import Choice, Question, Reason
from cockpit.ui.proposals import NotNow, Proposal, Target, describe, why_of, word_of
from cockpit.units import clock, clock_day
from cockpit.views.logs import one_line
from cockpit.views.model import Night
from cockpit.views.needs import question, reasoned
from cockpit.views.now import checks, proof_counts
from cockpit.views.words import plural

_PROMPT_WORDS = {
    "done": "it is done: what waits for it goes on",
    "failed": "it failed: its server is held until you retry or skip",
    "retry": "run it again from its start",
    "undo": "undo it again",
    "keep": "keep it: it counts as done, as its undo left it",
    "skip": "leave it out: what waits for it goes on without it",
    "start": "start it now",
    "go": "go: what waits for this gate starts",
    "no-go": "no-go: nothing new starts behind this gate",
    "hold": "hold: nothing new starts, what runs goes on",
    "backout": "back the night out: the backout steps start",
    "accept": "accept: believe this from now on",
    "refuse": "refuse: the server stays held",
    "without": "go on without it: it stays behind",
}
_ASKED = {"input": "Something the night has to know", "secret": "A secret", "sudo": "Password for sudo", "password": "Password",
          "passphrase": "Passphrase of a key", "host-key": "Host key", "lock": "Another session's lock"}
_NAMED = {"go", "no-go", "backout"}
NAMED = 12  # of what was skipped: a night of hundreds of servers must not push the choices out of sight
BACKOUT = "The night of all servers ends, and its backout begins."


def answer(night: Night, prompt_id: str) -> Proposal:
    """The dialog of an open question: its choices by letter, or a field to type in (hidden where it is a secret)."""
    prompt = night.state.prompts.get(prompt_id)
    if prompt is None:
        raise NotNow("That question is answered already, or no longer asked.")
    task = night.state.tasks.get(prompt.task or "")
    place = f" for {prompt.server}" if prompt.server else ""
    title = describe(night, task) if task else _ASKED.get(prompt.kind, prompt.kind) + place
    since = f"Asked since {clock(prompt.since, night.state.utc_offset)}."
    owed = _owed(night, prompt)
    body = [question(night, prompt), *_gate_lines(night, prompt, owed), *owed, since]
    if prompt.choices:
        choices = _choices(prompt, owed)
    else:
        hidden = prompt.secret or prompt.kind in ("passphrase", "password", "sudo", "secret")
        choices = (Choice("e", "", "", asks="hidden while typed, never recorded:" if hidden else "answer:", secret=hidden),)
    verbs = {"backout": "backout"} if prompt.kind in ("gate", "no-go") else {}
    return Proposal(prompt.id, Question(title, tuple(body), choices, night.who), verbs)


def open_prompt(night: Night, task: Task) -> Prompt | None:
    return next((p for p in night.state.prompts.values() if p.task == task.id), None)


def gate(night: Night, target: Target) -> Proposal:
    task = night.state.tasks.get(target.task or "")
    if task is None or task.kind != "gate":
        asked = [p for p in night.state.prompts.values() if p.kind in ("gate", "no-go")]
        if not asked:
            raise NotNow("No gate asks now. Gates are asked when everything before them is done.")
        return answer(night, asked[0].id)
    prompt = open_prompt(night, task)
    if prompt is None:
        raise NotNow(f"{describe(night, task)} is not asked now: it is {word_of(night, task)}{why_of(night, task)}.")
    return answer(night, prompt.id)


def _choices(prompt: Prompt, owed: Sequence[str]) -> tuple[Choice, ...]:
    values = [*prompt.choices]
    if prompt.kind == "gate" and "backout" not in values:
        values.append("backout")
    taken: set[str] = set()
    made: list[Choice] = []
    for value in values:
        key = next((c for c in value.lower() if c.isalnum() and c not in taken and c not in "oq"), None)
        key = key or next(c for c in "abcdefghijklmnprstuvwxyz" if c not in taken)
        taken.add(key)
        reason: Reason = "required" if value == "go" and owed else _reason(prompt, value)
        made.append(Choice(key, value, _PROMPT_WORDS.get(value, value), reason, names=value in _NAMED,
                           twice=BACKOUT if value == "backout" else ""))
    return tuple(made)


def _reason(prompt: Prompt, value: str) -> Reason:
    if reasoned(prompt.kind, value):
        return "required"
    return "optional" if value in _NAMED or prompt.kind == "undo" else "none"


def _gate_lines(night: Night, prompt: Prompt, owed: Sequence[str]) -> list[str]:
    """What was proven and left out, who has said what at this gate, and until when one can still turn back."""
    if prompt.kind not in ("gate", "no-go"):
        return []
    said = [f"{who} said {what}" for who, what in night.state.gates.get(prompt.task or "", [])]
    task = prompt.task or ""
    lines = [*_proven(night, task), *_skipped(night, task, owed), *(["; ".join(said) + "."] if said else [])]
    if night.forecast.backout_latest is not None:
        lines.append(f"Turn back by {clock(night.forecast.backout_latest, night.state.utc_offset)}.")
    return lines


def _owed(night: Night, prompt: Prompt) -> list[str]:
    """What a go at this gate has to be answered for, with a reason: the engine takes none without."""
    task, gate = night.state.tasks.get(prompt.task or ""), _gate_of(night, prompt.task or "")
    if task is None or gate is None:
        return []
    by = go_by(gate, night.state)
    late = by is not None and night.now > by
    until = clock_day(by, night.now, night.state.utc_offset) if by is not None else ""
    skipped = not_green(night.plan, night.state, gate, task.server).skipped
    return [*([f"A go made sense until {until}: it needs a reason now."] if late else []),
            *(f"{words}: a go needs a reason." for words in skipped)]


def _gate_of(night: Night, task: str) -> Gate | None:
    action = next((s.action for s in (*night.plan.steps, *night.plan.backout) if s.id == split_task(task)[0]), None)
    return action if isinstance(action, Gate) else None


def _proven(night: Night, task: str) -> list[str]:
    """What the proofs say that this gate requires; of a step that proves nothing there are no checks to count."""
    gate = _gate_of(night, task)
    counts = [(required, *_count(night, required)) for required in (gate.requires if gate else ())]
    return [f"{required}: {good} of {plural(all_, 'check')} pass and are fresh." for required, good, all_ in counts if all_]


def _count(night: Night, required: str) -> tuple[int, int]:
    """Of `step` or `step/check`, on all servers: the checks that pass and are fresh, and all of them."""
    step, _, check = required.partition("/")
    tasks = [t.id for t in night.state.tasks.values() if t.step == step]
    if not check:
        return proof_counts(night, tasks)
    proofs, fresh = night.state.proofs, Freshness(night.plan, night.state)
    keys = [f"{task}/{check}" for task in tasks if check in checks(night.plan, task)]
    return sum(key in proofs and proofs[key].result == "pass" and fresh.since(key) is None for key in keys), len(keys)


def _skipped(night: Night, gate: str, said: Sequence[str]) -> list[str]:
    """What a person left out of all that this gate comes after, but for what is said of what it requires: nobody else is
    asked about it again."""
    before = chart(night.plan).is_before
    tasks = [t for t in night.state.tasks.values() if t.state == SKIPPED and not t.by_plan and before(t.id, gate)]
    left = [f"{t.id}, by {one_line(t.who or 'somebody')}" for t in tasks if not any(w.startswith(f"{t.id} ") for w in said)]
    more = f"; and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return [f"Skipped before it: {'; '.join(left[:NAMED])}{more}."] if left else []
