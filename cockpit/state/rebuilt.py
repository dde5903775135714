"""Whether a server may show a new host key now: a step that may give it one was begun, and has not been followed by a contact.

Pure, from the state alone, so that an engine that was restarted expects what the last one did. Believes no key.
"""

from __future__ import annotations

from cockpit.plan.model import Plan
from cockpit.state.model import RUNNING, SKIPPED, UNKNOWN, ServerState, State, Task
from cockpit.state.standing import chart, undoing


def expects_new_key(plan: Plan, state: State, server: str) -> bool:
    """From the start of such a step until a key was accepted, else until the first contact after its end: once, and not for
    the rest of the night."""
    known, steps = state.servers.get(server), chart(plan).steps
    mine = (t for t in state.tasks.values() if t.server == server and t.step in steps and steps[t.step].new_host_key)
    return known is not None and any(_open(task, known) for task in mine)


def _open(task: Task, server: ServerState) -> bool:
    attempt = task.attempt
    if attempt is None or (task.state == SKIPPED and task.by_plan):
        return False
    if server.accepted is not None and server.accepted >= attempt.started:
        return False
    if task.state in (RUNNING, UNKNOWN) or undoing(task):
        return True
    ended = attempt.ended if attempt.ended is not None else task.ended  # a word about an unknown outcome ends only the task
    return ended is None or server.contacted is None or server.contacted < ended
