"""What keeps a task from moving though its turn has come: a server that can't be reached, a question that nobody has answered.
Pure.

What has begun and stands still takes no slot and no share of the bandwidth: else a dead server, or a person who is slow to
answer, would hold up the transfers of all the others. What would stand still is not begun, for the same questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cockpit.plan.model import LOCAL, SLOTLESS, Copy, Plan, Reboot, Step, Verify
from cockpit.state.chart import chart
from cockpit.state.model import RUNNING, UNKNOWN, Prompt, State, Task

AWAY_AFTER = 30.0  # s without contact: what keepalive and reconnection mend sooner costs nobody its slot


def idle(plan: Plan, state: State, now: float) -> set[str]:
    """The begun tasks that take no slot: paused, waiting for a person, or cut off from a server that they need.

    A job on its server may go on while there is no contact, and has then more company than `limits` says until it is
    back: that is accepted, for the others would wait for ever for a server that is dead."""
    steps, questions = chart(plan).steps, about_servers(state)
    persons = {*state.paused, *(prompt.task for prompt in state.prompts.values())}
    begun = [t for t in state.tasks.values() if t.state in (RUNNING, UNKNOWN)]
    return {
        t.id for t in begun
        if t.id in persons or asks_a_person(t)
        or ((step := steps.get(t.step)) is not None and (_asked(plan, questions, t, step) or _cut_off(state, t, step, now)))
    }


def asks_a_person(task: Task) -> bool:
    """Its outcome is not known, and nobody but a person can say it: nothing of it is under way."""
    return task.state == UNKNOWN and (task.unknown_reason or "").startswith("ask: ")


def needed(step: Step, server: str | None) -> tuple[str, ...]:
    """The servers that a task of this step works on, this machine left out: a copy also on its other side."""
    action = step.action
    sides = (action.source.server, action.target.server) if isinstance(action, Copy) else ()
    return tuple(dict.fromkeys(name for name in (server, *sides) if name and name != LOCAL))


def about_servers(state: State) -> list[Prompt]:
    """The open questions that stand for all that is done on a server."""
    return [prompt for prompt in state.prompts.values() if prompt.kind in ("lock", "sudo")]


def unanswered(plan: Plan, questions: Sequence[Prompt], step: Step, server: str | None) -> Iterator[Prompt]:
    """Those of them without whose answer nothing of this step is done."""
    names = needed(step, server) if questions and not isinstance(step.action, SLOTLESS) else ()
    known = [plan.servers[name] for name in names if name in plan.servers]
    passwords = [s.become_password for s in known if (s.become if step.become is None else step.become)]
    for prompt in questions:
        asker = plan.servers.get(prompt.server or "")
        if prompt.kind == "lock" and prompt.server in names and not isinstance(step.action, Verify):
            yield prompt  # what only looks asks nobody for the lock
        if prompt.kind == "sudo" and asker is not None and asker.become_password in passwords:
            yield prompt  # asked for one server, and the others with the same password wait for the same answer


def _asked(plan: Plan, questions: Sequence[Prompt], task: Task, step: Step) -> bool:
    """A lock is asked about before anything begins: what has its note of that is past it."""
    past = task.attempt is not None and "begun" in task.attempt.detail
    return any(not (past and prompt.kind == "lock") for prompt in unanswered(plan, questions, step, task.server))


def _cut_off(state: State, task: Task, step: Step, now: float) -> bool:
    """Not for a moment, and not while this machine itself has only just found its network again: then all servers were lost,
    and whichever is back first would get the slots of those that are back a second later. A reboot takes its server away."""
    servers, names = state.servers.values(), needed(step, task.server)
    lost = [s.since or 0.0 for s in servers if s.contact == "lost" and s.name in names]
    if not lost or isinstance(step.action, Reboot):
        return False
    reached = min((s.since or 0.0 for s in servers if s.contact == "up"), default=0.0)
    return now - max(min(lost), reached) >= AWAY_AFTER
