"""What people may ask of the engine: each verb checked against the state of this moment, then journaled with their name.

A refusal says why and what to do instead; the second of two conflicting commands is told who came first. The verbs
themselves stand in `verbs`; here is who obeys them, and the answer to a prompt, which may be any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.engine.secrets import too_short
from cockpit.engine.verbs import gates, night, places, tasks, transfers
from cockpit.engine.verbs.desk import Answer, Command, Desk, Refused, Verb
from cockpit.journal.events import InputGiven, PromptAnswered

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

__all__ = ["Answer", "Command", "Commands", "Refused"]


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
    """An answer to a prompt. Those that follow from the state are the verbs of the same name."""
    prompt = desk.engine.state.prompts.get(command.target)
    if prompt is None:
        raise Refused(f"no open question {command.target!r}: it was answered, or is no longer needed")
    value = command.value
    if value is None:
        raise Refused(f"{command.target} needs an answer" + (f": {', '.join(prompt.choices)}" if prompt.choices else ""))
    if prompt.choices and value not in prompt.choices:
        raise Refused(f"{command.target} takes one of: {', '.join(prompt.choices)}")
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
