"""What an acting key means for what is selected: the question to ask, or why not. Pure; sends nothing.

Knows the night and the words of the dialogs; refuses to know the screen and the socket. The engine decides again whether
a command is allowed: what is refused here only saves the operator a dialog.
"""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.plan.model import Manual
from cockpit.state.again import stands, why_not_again
from cockpit.state.model import DONE, PENDING, RUNNING, SKIPPED, UNKNOWN, Task
from cockpit.state.seen import words
from cockpit.state.standing import leads_to, undo_failed
from cockpit.ui.answers import BACKOUT, answer, gate, open_prompt
from cockpit.ui.dialogs import Choice, Question
from cockpit.ui.pacing import front, limit, pause
from cockpit.ui.proposals import NotNow, Proposal, Target, ask, describe, step_of, task_of, why_of, word_of
from cockpit.views.logs import harmless, one_line
from cockpit.views.model import Night


def propose(action: str, night: Night, target: Target) -> Proposal:
    """The question that this action asks about this target. NotNow where it means nothing."""
    return _ACTIONS[action](night, target)


def _start(night: Night, target: Target) -> Proposal:
    if target.prompt:
        return answer(night, target.prompt)
    task = task_of(night, target)
    prompt = open_prompt(night, task)
    if prompt is not None:
        return answer(night, prompt.id)
    name, word = describe(night, task), word_of(night, task)
    if task.state == UNKNOWN:
        return ask(night, "done", task.id, f"Say that this is done: {name}?", "Its outcome is not known.",
                    yes="it is done: what waits for it goes on", reason="required")
    if task.state == RUNNING and task.kind == "manual":
        action = step_of(night, task).action
        said = words(night.plan, night.state, task.server, action.words) if isinstance(action, Manual) else ""
        return ask(night, "done", task.id, f"Done: {name}?", *harmless(said), yes="it is done: what waits for it goes on")
    if task.state in (DONE, SKIPPED, RUNNING):
        raise NotNow(f"{name} is {word}: there is nothing to start.")
    if task.state != PENDING:
        raise NotNow(f"{name} is {word}: r runs it again, s skips it.")
    why = why_of(night, task)
    if step_of(night, task).start != "manual":
        raise NotNow(f"{name} starts by itself when its turn comes. It is {word}{why}.")
    if task.start_asked:
        raise NotNow(f"{name} was asked to start already. It is {word}{why}.")
    return ask(night, "start", task.id, f"Start {name}?", f"It is {word}{why}.",
                yes="start it as soon as nothing else is in its way")


def _retry(night: Night, target: Target) -> Proposal:
    if target.task is None and target.server:
        return ask(night, "retry", target.server, f"Try {target.server} again?",
                    "The cockpit contacts it now instead of at its next turn.", yes="contact it now")
    task = task_of(night, target)
    name, word = describe(night, task), word_of(night, task)
    if task.state == DONE and task.kind == "verify":
        return _prove_again(night, task)
    if stands(night.state, task):
        raise NotNow(f"{name} is {word}: only what failed, was cancelled or skipped, or is unknown can be tried again.")
    if (why_not := why_not_again(night.state, task)) is not None:
        raise NotNow(f"{why_not[0].upper()}{why_not[1:]}.")
    return ask(night, "retry", task.id, f"Run again: {name}?", *_before_again(night, task), yes=_again(task),
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
        yield f"It is {word_of(night, task)}" + (f": {one_line(why)}" if why else "") + "."
    if task.state == SKIPPED:
        yield "What waited for it may have gone on without it."
    if task.state == UNKNOWN:
        yield "Its outcome is not known: it may have run. Say why a second run is safe."
    elif _half_undone_once(night, task):
        yield "It must not run twice. Say why a second run is safe."


def _half_undone_once(night: Night, task: Task) -> bool:
    return step_of(night, task).once and undo_failed(night.state, task) is not None


def _prove_again(night: Night, task: Task) -> Proposal:
    stale = sorted(key for key in night.stale if key.startswith(f"{task.id}/"))
    because = "Its data changed since it passed: it proves nothing any longer." if stale else "It passed, and is still fresh."
    return ask(night, "retry", task.id, f"Prove again: {describe(night, task)}?", because,
                yes=f"run its checks again, attempt {len(task.attempts) + 1}")


def _skip(night: Night, target: Target) -> Proposal:
    task = task_of(night, target)
    name = describe(night, task)
    if task.kind == "gate":
        raise NotNow(f"{name} is a gate: it takes go or no-go (o), it can't be skipped.")
    if task.state in (DONE, SKIPPED):
        raise NotNow(f"{name} is {task.state}: there is nothing to skip.")
    if task.state == RUNNING and task.kind != "manual":
        raise NotNow(f"{name} is running: cancel it first (c).")
    return ask(night, "skip", task.id, f"Skip {name}?", "It will not run. What waits for it goes on without it.",
                yes="skip it", reason="required")


def _cancel(night: Night, target: Target) -> Proposal:
    task = task_of(night, target)
    name = describe(night, task)
    if task.state not in (RUNNING, UNKNOWN) or task.kind in ("gate", "manual"):
        raise NotNow(f"{name} is {word_of(night, task)}: there is nothing to cancel.")
    return ask(night, "cancel", task.id, f"Cancel {name}?", "Its process group on the server gets TERM, and KILL 10 s later.",
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
    return ask(night, "hold", "", "Hold everything?", "All servers: nothing new starts anywhere. What runs goes on.",
                yes="hold everything")


def _release(night: Night, place: str, name: str) -> Proposal:
    return ask(night, "release", place, f"Release {name}?", "What is ready there starts at once.", yes="release it")


def _undo(night: Night, target: Target) -> Proposal:
    task = task_of(night, target)
    undo = step_of(night, task).undo
    if not undo:
        raise NotNow(f"The plan has no undo for {task.step}.")
    runs = harmless(f"Runs there: {words(night.plan, night.state, task.server, undo)}")
    return ask(night, "undo", task.id, f"Undo {describe(night, task)}?", *runs, yes="run its rollback", reason="required")


def _drop(night: Night, target: Target) -> Proposal:
    server = target.server
    if server is None or server not in night.state.servers:
        raise NotNow("Select a server first.")
    behind = leads_to(night.plan, night.state, server)
    way = [f"It stays the way to {', '.join(behind)}: its connection is kept for that."] if behind else []
    return ask(night, "drop", server, f"Drop {server} from the night?",
                "Nobody waits for it any longer, and nothing more is done on it. This can't be taken back.", *way,
                yes=f"drop {server}", reason="required")


def _backout(night: Night, target: Target) -> Proposal:
    if night.state.backout:
        raise NotNow(f"The backout was started already: {night.state.backout_reason}.")
    steps = ", ".join(s.id for s in night.plan.backout) or "none"
    choice = Choice("y", "backout", "back the whole night out", "required", names=True, twice=BACKOUT)
    held = ", ".join(target or "everything" for target in night.state.held)
    body = (f"All servers. The backout steps start: {steps}.", "Running jobs of the night run to their end.",
            *([f"Nothing of it starts where it is held: {held}."] if held else []))  # fmt: skip
    return Proposal("", Question("Back the night out?", body, (choice,), night.who), {"backout": "backout"})


def _note(night: Night, target: Target) -> Proposal:
    place = target.task or target.server or ""
    choice = Choice("m", "note", f"A note on {place or 'the night'}, for the record and the report.", asks="note:")
    return Proposal(place, Question(f"Note on {place or 'the night'}", (), (choice,), night.who), {"": "note"})


_ACTIONS = {
    "start": _start, "retry": _retry, "skip": _skip, "cancel": _cancel, "hold": _hold, "hold_all": _hold_all, "gate": gate,
    "pause_transfer": pause, "front": front, "limit": limit, "undo": _undo, "drop": _drop, "backout": _backout, "note": _note,
}  # fmt: skip
