"""What people may ask of the engine: each verb checked against the state of this moment, then journaled with their name.

A refusal says why and what to do instead; the second of two conflicting commands is told who came first. The verbs
themselves stand in `verbs`; here is who obeys them, and the answer to a prompt, which may be any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cockpit.engine.secrets import too_short
from cockpit.engine.verbs import gates, night, places, tasks, transfers
from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused, Verb
from cockpit.journal.events import Event, Fact, InputGiven, PromptAnswered, PromptOpened
from cockpit.plan.problems import nearest

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

__all__ = ["Answer", "Command", "Commands", "Refused"]


DECISIONS = ("go", "no-go", "start", "done", "failed", "retry", "skip")


class Commands:
    """The verbs of `cockpit do`. One at a time, and never between a decision and its fact."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.desk = engine, Desk(engine)

    async def obey(self, command: Command) -> Answer:
        """Refused when it cannot be done now."""
        verb = VERBS.get(command.verb)
        if verb is None:
            raise Refused(f"there is no verb {command.verb!r}; the verbs are: {', '.join(sorted(VERBS))}")
        if command.verb == "stop":
            return await verb(self.desk, command)  # also while the journal cannot be written, and a decision waits for it
        if self.engine.writer.problem:
            raise Refused(f"the journal cannot be written: {self.engine.writer.problem}. Make room first; nothing is lost.")
        async with self.engine.deciding:
            return await verb(self.desk, command)


async def answer(desk: Desk, command: Command) -> Answer:
    """An answer to a prompt. Those that follow from the state are the verbs of the same name; so are those to a task that waits
    for a person while no prompt says so, which is listed by its own id."""
    prompt = desk.engine.state.prompts.get(command.target)
    value = command.value
    if prompt is None and command.target in desk.engine.state.tasks and value in DECISIONS:
        return await VERBS[value](desk, Command(value, command.target, command.why, command.who, None, command.peer))
    if prompt is None:
        raise _closed(desk, command.target)
    if value is None:
        raise Refused(f"{command.target} needs an answer" + (f": {', '.join(prompt.choices)}" if prompt.choices else ""))
    if prompt.choices and value not in prompt.choices:
        raise Refused(f"{command.target} takes one of: {', '.join(prompt.choices)}")
    if prompt.kind == "input" and not value.strip():
        raise Refused(f"{command.target} needs an answer: an empty one would reach the servers as nothing")
    if prompt.secret and (problem := too_short(value)):
        raise Refused(problem)
    if prompt.kind == "lock" and value == "drop" and prompt.server:
        why = command.why or "it is locked by another session"
        return await places.drop(desk, Command("drop", prompt.server, why, command.who, None, command.peer))
    if desk.engine.prompter.waits(prompt.id):
        await desk.engine.prompter.answer(prompt.id, value, who=command.who, why=command.why, peer=command.peer)
        return Answer("answered")
    if prompt.kind in ("input", "secret"):
        return await _input(desk, command, prompt.id.removeprefix("input-"), value)
    verb = VERBS.get(value)
    if verb is None:
        raise Refused(f"nobody waits for {command.target} any longer; the question is asked again if it must be")
    target = prompt.server if value == "hold" else prompt.task
    return await verb(desk, Command(value, target or "", command.why, command.who, None, command.peer))


def _closed(desk: Desk, identity: str) -> Refused:
    """Names who came first: with an answer, or with a verb about the task that was asked about."""
    since: list[Fact] = []  # newest first
    for fact in desk.recent():
        if isinstance(fact.event, PromptOpened) and fact.event.id == identity:
            task = fact.event.task or ""
            by = next((f for f in reversed(since) if f.who and {identity, task} & {*_about(f.event)}), None)
            first = f"{desk.who(by)} came first" if by else "it is no longer needed"
            return Refused(f"the question {identity} is not open any longer: {first}")
        since.append(fact)
    instead = nearest(identity, desk.engine.state.prompts) or "none is open"
    return Refused(f"no open question {identity!r}; {instead}")


def _about(event: Event) -> Iterator[str]:
    yield from (value for name in ("id", "task") if (value := getattr(event, name, None)))


async def _input(desk: Desk, command: Command, name: str, value: str) -> Answer:
    secret = desk.engine.plan.inputs[name].secret
    shown = None if secret else value
    await desk.say(command, PromptAnswered(command.target, shown), InputGiven(name, shown))
    if secret:
        await desk.engine.vault.put(name, value)
        await desk.engine.prompter.given(name, value)
    return Answer(f"{name} is given")


VERBS: dict[str, Verb] = {
    "start": tasks.start, "done": tasks.done, "failed": tasks.failed, "retry": tasks.retry, "skip": tasks.skip,
    "cancel": tasks.cancel, "undo": tasks.undo, "keep": tasks.keep,
    "go": gates.go, "no-go": gates.no_go, "backout": gates.backout,
    "hold": places.hold, "release": places.release, "drop": places.drop,
    "limit": transfers.limit, "pause": transfers.pause, "unpause": transfers.unpause, "front": transfers.front,
    "answer": answer, "note": night.note, "ack": night.ack, "amend": night.amend, "stop": night.stop,
}
