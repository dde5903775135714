"""What a key proposes: on what it acts, the question that is asked first, and the command that each answer becomes.

Knows the night and the words of the dialogs; refuses to know the screen and the socket. Pure; sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cockpit.plan.model import Step
from cockpit.state.model import Task
from cockpit.ui.dialogs import Choice, Question, Reason
from cockpit.views.model import Night


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


def describe(night: Night, task: Task) -> str:
    """Names step and server: `Copy the data out [copy-out] on fs02`."""
    return f"{task.title} [{task.step}]" + (f" on {task.server}" if task.server else "")


def task_of(night: Night, target: Target) -> Task:
    task = night.state.tasks.get(target.task or "")
    if task is None:
        raise NotNow("Select a step first: Tab to the steps, j and k, then the key again.")
    return task


def step_of(night: Night, task: Task) -> Step:
    step = next((s for s in (*night.plan.steps, *night.plan.backout) if s.id == task.step), None)
    if step is None:
        raise NotNow(f"The plan has no step {task.step} any longer.")
    return step


def word_of(night: Night, task: Task) -> str:
    standing = night.standings.get(task.id)
    return standing.word if standing else task.state


def why_of(night: Night, task: Task) -> str:
    standing = night.standings.get(task.id)
    return f": {standing.why}" if standing and standing.why else ""


def ask(night: Night, verb: str, target: str, title: str, *body: str, yes: str, reason: Reason = "none") -> Proposal:
    """One way to say yes, whose key is the trigger of nothing."""
    choice = Choice("y", verb, yes, reason)
    return Proposal(target, Question(title, body, (choice,), night.who), {verb: verb})
