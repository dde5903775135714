"""Whether a task may be run again, the same for the screen that offers it and the engine that does it. Pure."""

from __future__ import annotations

from cockpit.state.model import CANCELLED, DONE, FAILED, SKIPPED, UNDONE, UNKNOWN, State, Task
from cockpit.state.standing import dropped, undo_failed, undoing

OVER = (FAILED, CANCELLED, UNKNOWN, UNDONE, SKIPPED)
DOUBTED = ("verify", "copy")  # kinds that are done again though they were done: data changed since, or a proof of it failed


def stands(state: State, task: Task) -> bool:
    """Whether it stands as it is: it runs, has not begun, or is done beyond doubt."""
    return task.state not in OVER and not (task.state == DONE and task.kind in DOUBTED) and undo_failed(state, task) is None


def why_not_again(state: State, task: Task) -> str | None:
    """Why a task that need not stand as it is cannot be run again now; None: it can."""
    if dropped(state, task.server):
        return f"{task.server} was dropped from this night"
    if undoing(task) or task.undo_asked:
        return f"{task.id} is being undone: wait for that, or cancel it"
    return None
