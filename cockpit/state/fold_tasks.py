"""How facts about attempts, and what people decide, change a task. The rules stand in `state.transitions`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cockpit.journal import events as e
from cockpit.journal.events import Event, Fact
from cockpit.state import transitions as t
from cockpit.state.model import PENDING, RUNNING, UNKNOWN, Attempt, State, Task


def _attempt(state: State, id_: str, n: int) -> tuple[Task, Attempt] | None:
    """The task and its attempt number n; None, counted, where the journal never started such a one."""
    task = state.tasks.get(id_)
    if task is not None:
        for attempt in reversed(task.attempts):
            if attempt.n == n:
                return task, attempt
    state.illegal += 1
    return None


def _open(state: State, id_: str, n: int) -> tuple[Task, Attempt] | None:
    """The same, as long as that attempt has no result; None, counted, once it has."""
    found = _attempt(state, id_, n)
    if found and found[1].result is not None:
        state.illegal += 1
        return None
    return found


def _leads(task: Task, attempt: Attempt) -> bool:
    """Whether this attempt moves its task: the newest one that does the step's work."""
    return next((a is attempt for a in reversed(task.attempts) if a.purpose == "do"), False)


def _move(state: State, task: Task, trigger: str) -> bool:
    to = t.after(task.state, trigger)
    if to is None:
        state.illegal += 1
        return False
    task.state = to
    if to != UNKNOWN:
        task.unknown_reason = task.unknown_since = None
    return True


def _started(state: State, fact: Fact, event: e.AttemptStarted) -> None:
    task = state.tasks.get(event.task)
    if task is None or any(a.n == event.n for a in task.attempts):
        state.illegal += 1
        return
    if event.purpose == "do":
        if not _move(state, task, t.STARTED):
            return
        task.started = fact.at if task.started is None else task.started
        task.ended = task.not_before = None
    elif event.purpose == "undo":
        task.undo_asked = False
    task.cancel_asked = False
    task.attempts.append(Attempt(event.n, event.attempt, event.purpose, fact.at, detail=dict(event.spec)))
    _decided(task, fact)


def _noted(state: State, fact: Fact, event: e.AttemptNoted) -> None:
    if found := _attempt(state, event.task, event.n):
        found[1].detail.update(event.detail)


def _unknown(state: State, fact: Fact, event: e.AttemptUnknown) -> None:
    if found := _open(state, event.task, event.n):
        task, attempt = found
        if attempt.purpose == "undo" or (_leads(task, attempt) and _move(state, task, t.LOST)):
            task.unknown_reason = event.reason
            task.unknown_since = task.unknown_since or fact.at


def _found(state: State, fact: Fact, event: e.AttemptFound) -> None:
    if found := _open(state, event.task, event.n):
        task, attempt = found
        task.expected = fact.at
        if attempt.purpose == "undo":
            task.unknown_reason = task.unknown_since = None
        elif _leads(task, attempt):
            _move(state, task, t.FOUND)


def _ended(state: State, fact: Fact, event: e.AttemptEnded) -> None:
    found = _open(state, event.task, event.n)
    if not found:
        return
    task, attempt = found
    if event.result not in t.ENDED:
        state.illegal += 1
        return
    attempt.ended, attempt.result, attempt.exit, attempt.error = fact.at, event.result, event.exit, event.error
    attempt.detail.update(event.detail)
    if attempt.purpose == "undo":
        task.cancel_asked, task.unknown_reason, task.unknown_since = False, None, None
        if event.result == "done":
            _move(state, task, t.UNDO_DONE)
    elif _leads(task, attempt) and _move(state, task, t.ENDED[event.result]):
        task.ended, task.cancel_asked = fact.at, False
        if event.result != "failed":  # one that the plan tries again stays as it was asked to be
            _unpaced(state, task)
    _decided(task, fact)


def _unpaced(state: State, task: Task) -> None:
    """Its turn is over: what was asked about its pace holds no longer."""
    state.paused.pop(task.id, None)
    if task.id in state.fronted:
        state.fronted.remove(task.id)


def _decided(task: Task, fact: Fact) -> None:
    """Where a person decided, their name and reason stand on the task."""
    if fact.who:
        task.who, task.why = fact.who, fact.why


def _settled(state: State, fact: Fact, id_: str, trigger: str) -> Task | None:
    """A word that ends the task as it stands: its own name and reason replace earlier ones."""
    task = state.tasks.get(id_)
    if task is None:
        state.illegal += 1
        return None
    running = task.state == RUNNING
    if not _move(state, task, trigger):
        return None
    attempt = task.attempt
    if running and attempt is not None and attempt.result is None:
        attempt.ended, attempt.result = fact.at, task.state
    task.started = fact.at if task.started is None else task.started
    task.ended, task.who, task.why, task.cancel_asked, task.by_plan = fact.at, fact.who, fact.why, False, False
    _unpaced(state, task)
    return task


def _skipped(state: State, fact: Fact, event: e.TaskSkipped) -> None:
    if task := _settled(state, fact, event.task, t.SKIP):
        task.by_plan, task.why = event.by_plan, fact.why or event.reason


def _marked_done(state: State, fact: Fact, event: e.TaskMarkedDone) -> None:
    _settled(state, fact, event.task, t.MARK_DONE)


def _marked_failed(state: State, fact: Fact, event: e.TaskMarkedFailed) -> None:
    _settled(state, fact, event.task, t.MARK_FAILED)


def _retry_asked(state: State, fact: Fact, event: e.RetryAsked) -> None:
    """Attempts stay. The plan's own retries are counted; a person's starts the count anew. A gate is asked anew."""
    task = state.tasks.get(event.task)
    if task is None:
        state.illegal += 1
        return
    if not _move(state, task, t.RETRY):
        return
    task.auto_retries = task.auto_retries + 1 if event.by_plan else 0
    task.not_before, task.ended, task.by_plan = event.not_before, None, False
    task.cancel_asked = task.undo_asked = False
    if not event.by_plan:
        state.paused.pop(task.id, None)
    if not task.attempts:
        task.started = None  # it was skipped or marked, and never ran
    state.gates.pop(event.task, None)
    _decided(task, fact)


def _start_asked(state: State, fact: Fact, event: e.StartAsked) -> None:
    task = state.tasks.get(event.task)
    if task is None or task.state != PENDING:
        state.illegal += 1
        return
    task.start_asked = True
    _decided(task, fact)


def _undoing(task: Task) -> bool:
    return any(a.purpose == "undo" and not a.result for a in task.attempts)


def _cancel_asked(state: State, fact: Fact, event: e.CancelAsked) -> None:
    task = state.tasks.get(event.task)
    if task is None or not (task.state in t.CANCELLABLE or _undoing(task)):
        state.illegal += 1
        return
    task.cancel_asked = True
    _decided(task, fact)


def _undo_asked(state: State, fact: Fact, event: e.UndoAsked) -> None:
    task = state.tasks.get(event.task)
    if task is None or task.state not in t.UNDOABLE:
        state.illegal += 1
        return
    task.undo_asked = True
    _decided(task, fact)


HANDLERS: dict[type[Event], Callable[[State, Fact, Any], None]] = {
    e.AttemptStarted: _started, e.AttemptNoted: _noted, e.AttemptUnknown: _unknown, e.AttemptFound: _found,
    e.AttemptEnded: _ended, e.TaskSkipped: _skipped, e.TaskMarkedDone: _marked_done, e.TaskMarkedFailed: _marked_failed,
    e.RetryAsked: _retry_asked, e.StartAsked: _start_asked, e.CancelAsked: _cancel_asked, e.UndoAsked: _undo_asked,
}
