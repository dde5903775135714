"""What an acting key means for what is selected: the question to ask, or why not. Pure; sends nothing.

Knows the night and the words of the dialogs; refuses to know the screen and the socket. The engine decides again whether
a command is allowed: what is refused here only saves the operator a dialog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cockpit.plan.model import Gate, Manual, Step, split_task
from cockpit.state.again import stands, why_not_again
from cockpit.state.model import DONE, PENDING, RUNNING, SKIPPED, UNKNOWN, Prompt, Task
from cockpit.state.seen import words
from cockpit.state.standing import undo_failed
from cockpit.ui.dialogs import Choice, Question, Reason
from cockpit.units import clock, format_rate
from cockpit.views.logs import harmless, one_line
from cockpit.views.model import Night
from cockpit.views.needs import question
from cockpit.views.now import proof_counts
from cockpit.views.words import plural


@dataclass(frozen=True, slots=True)
class Target:
    """What the keys act on: a task, a server, an open question, or (all None) the night."""

    task: str | None = None
    server: str | None = None
    prompt: str | None = None
    alarm: str | None = None  # of what needs a person: its key


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question, and the command that each of its answers becomes: value -> verb, sent with `target`.

    A value that is no key of `verbs` is sent as the answer to prompt `target`. `at_once`: nothing to ask, this verb goes now.
    """

    target: str
    question: Question | None = None
    verbs: dict[str, str] = field(default_factory=dict)
    at_once: str | None = None


class NotNow(Exception):
    """The key means nothing here; the message says why and what to do instead."""


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
_REASONED = {"skip", "no-go", "backout", "drop", "accept"}
_NAMED = {"go", "no-go", "backout"}


def propose(action: str, night: Night, target: Target) -> Proposal:
    """The question that this action asks about this target. NotNow where it means nothing."""
    return _ACTIONS[action](night, target)


def describe(night: Night, task: Task) -> str:
    """Names step and server: `Copy the data out [copy-out] on fs02`."""
    return f"{task.title} [{task.step}]" + (f" on {task.server}" if task.server else "")


def _task(night: Night, target: Target) -> Task:
    task = night.state.tasks.get(target.task or "")
    if task is None:
        raise NotNow("Select a step first: Tab to the steps, j and k, then the key again.")
    return task


def _word(night: Night, task: Task) -> str:
    standing = night.standings.get(task.id)
    return standing.word if standing else task.state


def _ask(night: Night, verb: str, target: str, title: str, *body: str, yes: str, reason: Reason = "none") -> Proposal:
    """One way to say yes, whose key is the trigger of nothing."""
    choice = Choice("y", verb, yes, reason)
    return Proposal(target, Question(title, body, (choice,), night.who), {verb: verb})


def _open_prompt(night: Night, task: Task) -> Prompt | None:
    return next((p for p in night.state.prompts.values() if p.task == task.id), None)


def _start(night: Night, target: Target) -> Proposal:
    if target.prompt:
        return answer(night, target.prompt)
    task = _task(night, target)
    prompt = _open_prompt(night, task)
    if prompt is not None:
        return answer(night, prompt.id)
    name, word = describe(night, task), _word(night, task)
    if task.state == UNKNOWN:
        return _ask(night, "done", task.id, f"Say that this is done: {name}?", "Its outcome is not known.",
                    yes="it is done: what waits for it goes on", reason="required")
    if task.state == RUNNING and task.kind == "manual":
        action = _step(night, task).action
        said = words(night.plan, night.state, task.server, action.words) if isinstance(action, Manual) else ""
        return _ask(night, "done", task.id, f"Done: {name}?", *harmless(said), yes="it is done: what waits for it goes on")
    if task.state in (DONE, SKIPPED, RUNNING):
        raise NotNow(f"{name} is {word}: there is nothing to start.")
    if task.state != PENDING:
        raise NotNow(f"{name} is {word}: r runs it again, s skips it.")
    why = _why(night, task)
    if _step(night, task).start != "manual":
        raise NotNow(f"{name} starts by itself when its turn comes. It is {word}{why}.")
    if task.start_asked:
        raise NotNow(f"{name} was asked to start already. It is {word}{why}.")
    return _ask(night, "start", task.id, f"Start {name}?", f"It is {word}{why}.",
                yes="start it as soon as nothing else is in its way")


def _step(night: Night, task: Task) -> Step:
    step = next((s for s in (*night.plan.steps, *night.plan.backout) if s.id == task.step), None)
    if step is None:
        raise NotNow(f"The plan has no step {task.step} any longer.")
    return step


def _why(night: Night, task: Task) -> str:
    standing = night.standings.get(task.id)
    return f": {standing.why}" if standing and standing.why else ""


def _retry(night: Night, target: Target) -> Proposal:
    if target.task is None and target.server:
        return _ask(night, "retry", target.server, f"Try {target.server} again?",
                    "The cockpit contacts it now instead of at its next turn.", yes="contact it now")
    task = _task(night, target)
    name, word = describe(night, task), _word(night, task)
    if task.state == DONE and task.kind == "verify":
        return _prove_again(night, task)
    if stands(night.state, task):
        raise NotNow(f"{name} is {word}: only what failed, was cancelled or skipped, or is unknown can be tried again.")
    if (why_not := why_not_again(night.state, task)) is not None:
        raise NotNow(f"{why_not[0].upper()}{why_not[1:]}.")
    return _ask(night, "retry", task.id, f"Run again: {name}?", *_before_again(night, task), yes=_again(task),
                reason="required" if task.state == UNKNOWN or _half_undone_once(night, task) else "none")


def _again(task: Task) -> str:
    return f"run it again, attempt {len(task.attempts) + 1}"


def _before_again(night: Night, task: Task) -> Iterator[str]:
    """How it stands, and what a second run means there."""
    half_undone = undo_failed(night.state, task)
    if half_undone is not None:
        yield f"It was done, and its undo failed: {one_line(half_undone)}."
    elif task.state == DONE:
        yield "It is done. What was copied is compared with its source again, and what differs is copied."
    else:
        why = (task.attempt.error if task.attempt else None) or (task.why if task.state == SKIPPED else None)
        yield f"It is {_word(night, task)}" + (f": {one_line(why)}" if why else "") + "."
    if task.state == SKIPPED:
        yield "What waited for it may have gone on without it."
    if task.state == UNKNOWN:
        yield "Its outcome is not known: it may have run. Say why a second run is safe."
    elif _half_undone_once(night, task):
        yield "It must not run twice. Say why a second run is safe."


def _half_undone_once(night: Night, task: Task) -> bool:
    return _step(night, task).once and undo_failed(night.state, task) is not None


def _prove_again(night: Night, task: Task) -> Proposal:
    stale = sorted(key for key in night.stale if key.startswith(f"{task.id}/"))
    because = "Its data changed since it passed: it proves nothing any longer." if stale else "It passed, and is still fresh."
    return _ask(night, "retry", task.id, f"Prove again: {describe(night, task)}?", because,
                yes=f"run its checks again, attempt {len(task.attempts) + 1}")


def _pause(night: Night, target: Target) -> Proposal:
    """p pauses and unpauses: the dialog says which of the two it would be now."""
    task = _transfer(night, target)
    name, paused = describe(night, task), night.state.paused.get(task.id)
    if paused is not None:
        by = f"Paused by {paused}." if paused else "It is paused."
        return _ask(night, "unpause", task.id, f"Let it go on: {name}?", by, "It takes its share of the limit at once.",
                    yes="let it go on")
    still = "It stands still within a minute, keeps what has arrived, and its turn is another's." if task.state != PENDING else (
        "It will not start until somebody unpauses it.")
    return _ask(night, "pause", task.id, f"Pause {name}?", still, yes="pause it")


def _front(night: Night, target: Target) -> Proposal:
    """Starts nothing and stops nothing: it goes at once."""
    task = _transfer(night, target)
    if task.state not in (PENDING, RUNNING, UNKNOWN):
        raise NotNow(f"{describe(night, task)} has {task.state}: nothing of it moves or waits.")
    return Proposal(task.id, at_once="front")


def _transfer(night: Night, target: Target) -> Task:
    task = night.state.tasks.get(target.task or "") or _only_transfer(night, target.server)
    if task is None or task.kind != "copy":
        raise NotNow("Select a transfer first: Tab to the transfers, j and k, then the key again.")
    if task.state in (DONE, SKIPPED):
        raise NotNow(f"{describe(night, task)} is {task.state}: there is nothing to pace.")
    return task


def _only_transfer(night: Night, server: str | None) -> Task | None:
    """The one that runs on this server, where no other does."""
    found = [t for t in night.state.tasks.values() if t.server == server and t.kind == "copy" and t.state in (RUNNING, UNKNOWN)]
    return found[0] if server is not None and len(found) == 1 else None


def _limit(night: Night, target: Target) -> Proposal:
    plans = night.plan.limits.bandwidth
    by = f", by {night.state.limit_by}" if night.state.limit_by else ""
    now = f"Now: {format_rate(night.state.limit)}{by}." if night.state.limit is not None else "Now: as the plan says."
    said = f"The plan says: {format_rate(plans) if plans is not None else 'no limit'}."
    body = (now, said, "Running transfers follow within a minute.")
    asks = "300Mbit/s, 40MB/s …, or none for the plan's own:"
    choice = Choice("b", "limit", "Shared by all transfers, on all servers.", asks=asks)
    return Proposal("", Question("Change the limit of all transfers?", body, (choice,), night.who), {"": "limit"})


def _skip(night: Night, target: Target) -> Proposal:
    task = _task(night, target)
    name = describe(night, task)
    if task.kind == "gate":
        raise NotNow(f"{name} is a gate: it takes go or no-go (o), it can't be skipped.")
    if task.state in (DONE, SKIPPED):
        raise NotNow(f"{name} is {task.state}: there is nothing to skip.")
    if task.state == RUNNING and task.kind != "manual":
        raise NotNow(f"{name} is running: cancel it first (c).")
    return _ask(night, "skip", task.id, f"Skip {name}?", "It will not run. What waits for it goes on without it.",
                yes="skip it", reason="required")


def _cancel(night: Night, target: Target) -> Proposal:
    task = _task(night, target)
    name = describe(night, task)
    if task.state not in (RUNNING, UNKNOWN) or task.kind in ("gate", "manual"):
        raise NotNow(f"{name} is {_word(night, task)}: there is nothing to cancel.")
    return _ask(night, "cancel", task.id, f"Cancel {name}?", "Its process group on the server gets TERM, and KILL 10 s later.",
                yes="end it", reason="required")


def _hold(night: Night, target: Target) -> Proposal:
    """Holding one place changes nothing there and is taken back by the same key: it goes at once. Letting go starts work."""
    place = target.task or target.server
    if place is None:
        raise NotNow("Select a step or a server first.")
    if place in night.state.held:
        return _release(night, place, place)
    return Proposal(place, at_once="hold")


def _hold_all(night: Night, target: Target) -> Proposal:
    if "" in night.state.held:
        return _release(night, "", "everything")
    return _ask(night, "hold", "", "Hold everything?", "All servers: nothing new starts anywhere. What runs goes on.",
                yes="hold everything")


def _release(night: Night, place: str, name: str) -> Proposal:
    return _ask(night, "release", place, f"Release {name}?", "What is ready there starts at once.", yes="release it")


def _gate(night: Night, target: Target) -> Proposal:
    task = night.state.tasks.get(target.task or "")
    if task is None or task.kind != "gate":
        asked = [p for p in night.state.prompts.values() if p.kind in ("gate", "no-go")]
        if not asked:
            raise NotNow("No gate asks now. Gates are asked when everything before them is done.")
        return answer(night, asked[0].id)
    prompt = _open_prompt(night, task)
    if prompt is None:
        raise NotNow(f"{describe(night, task)} is not asked now: it is {_word(night, task)}{_why(night, task)}.")
    return answer(night, prompt.id)


def _undo(night: Night, target: Target) -> Proposal:
    task = _task(night, target)
    undo = _step(night, task).undo
    if not undo:
        raise NotNow(f"The plan has no undo for {task.step}.")
    undo = words(night.plan, night.state, task.server, undo)
    return _ask(night, "undo", task.id, f"Undo {describe(night, task)}?", f"Runs there: {undo}",
                yes="run its rollback", reason="required")


def _drop(night: Night, target: Target) -> Proposal:
    server = target.server
    if server is None or server not in night.state.servers:
        raise NotNow("Select a server first.")
    return _ask(night, "drop", server, f"Drop {server} from the night?",
                "Nobody waits for it any longer, and nothing more is done on it. This can't be taken back.",
                yes=f"drop {server}", reason="required")


def _backout(night: Night, target: Target) -> Proposal:
    if night.state.backout:
        raise NotNow(f"The backout was started already: {night.state.backout_reason}.")
    steps = ", ".join(s.id for s in night.plan.backout) or "none"
    choice = Choice("y", "backout", "back the whole night out", "required", names=True)
    body = (f"All servers. The backout steps start: {steps}.", "Running jobs of the night run to their end.")
    return Proposal("", Question("Back the night out?", body, (choice,), night.who), {"backout": "backout"})


def _note(night: Night, target: Target) -> Proposal:
    place = target.task or target.server or ""
    choice = Choice("m", "note", f"A note on {place or 'the night'}, for the record and the report.", asks="note:")
    return Proposal(place, Question(f"Note on {place or 'the night'}", (), (choice,), night.who), {"": "note"})


def answer(night: Night, prompt_id: str) -> Proposal:
    """The dialog of an open question: its choices by letter, or a field to type in (hidden where it is a secret)."""
    prompt = night.state.prompts.get(prompt_id)
    if prompt is None:
        raise NotNow("That question is answered already, or no longer asked.")
    task = night.state.tasks.get(prompt.task or "")
    place = f" for {prompt.server}" if prompt.server else ""
    title = describe(night, task) if task else _ASKED.get(prompt.kind, prompt.kind) + place
    since = f"Asked since {clock(prompt.since, night.state.utc_offset)}."
    body = [question(night, prompt), *_gate_lines(night, prompt), since]
    if prompt.choices:
        choices = _choices(prompt)
    else:
        hidden = prompt.secret or prompt.kind in ("passphrase", "password", "sudo", "secret")
        choices = (Choice("e", "", "", asks="hidden while typed, never recorded:" if hidden else "answer:", secret=hidden),)
    verbs = {"backout": "backout"} if prompt.kind in ("gate", "no-go") else {}
    return Proposal(prompt.id, Question(title, tuple(body), choices, night.who), verbs)


def _choices(prompt: Prompt) -> tuple[Choice, ...]:
    values = [*prompt.choices]
    if prompt.kind == "gate" and "backout" not in values:
        values.append("backout")
    taken: set[str] = set()
    made: list[Choice] = []
    for value in values:
        key = next((c for c in value.lower() if c.isalnum() and c not in taken and c not in "oq"), None)
        key = key or next(c for c in "abcdefghijklmnprstuvwxyz" if c not in taken)
        taken.add(key)
        made.append(Choice(key, value, _PROMPT_WORDS.get(value, value), _reason(prompt, value), names=value in _NAMED))
    return tuple(made)


def _reason(prompt: Prompt, value: str) -> Reason:
    if value in _REASONED or prompt.kind == "unknown":
        return "required"
    return "optional" if value in _NAMED or prompt.kind == "undo" else "none"


def _gate_lines(night: Night, prompt: Prompt) -> list[str]:
    """Who has said what at this gate, and until when one can still turn back."""
    if prompt.kind not in ("gate", "no-go"):
        return []
    said = [f"{who} said {what}" for who, what in night.state.gates.get(prompt.task or "", [])]
    lines = [*_proven(night, prompt.task or ""), *(["; ".join(said) + "."] if said else [])]
    if night.forecast.backout_latest is not None:
        lines.append(f"Turn back by {clock(night.forecast.backout_latest, night.state.utc_offset)}.")
    return lines


def _proven(night: Night, task: str) -> list[str]:
    """What the proofs say that this gate requires."""
    action = next((s.action for s in (*night.plan.steps, *night.plan.backout) if s.id == split_task(task)[0]), None)
    found = []
    for step in action.requires if isinstance(action, Gate) else ():
        good, wanted = proof_counts(night, [t.id for t in night.state.tasks.values() if t.step == step])
        found.append(f"{step}: {good} of {plural(wanted, 'check')} pass and are fresh.")
    return found


_ACTIONS = {
    "start": _start, "retry": _retry, "skip": _skip, "cancel": _cancel, "hold": _hold, "hold_all": _hold_all, "gate": _gate,
    "pause_transfer": _pause, "front": _front, "limit": _limit, "undo": _undo, "drop": _drop, "backout": _backout, "note": _note,
}  # fmt: skip
