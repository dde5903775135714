"""What every verb works with: the command, the engine's state of this moment, the task that is meant, a refusal in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cockpit.journal.events import Event, Fact
from cockpit.plan.model import Step
from cockpit.plan.problems import nearest
from cockpit.state.model import Task
from cockpit.state.standing import chart
from cockpit.units import clock_seconds

if TYPE_CHECKING:
    from cockpit.engine.core import Engine


LOOK_BACK = 5_000  # facts in which is looked for who came first
TASKS = 12  # that are named to whoever names none: a night may have thousands


class Refused(Exception):
    """The operator's family of errors: what was asked cannot be, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Command:
    verb: str
    target: str = ""
    why: str | None = None
    who: str | None = None
    value: str | None = None
    peer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    data: dict[str, Any] = field(default_factory=dict)


class Desk:
    """Where commands are looked at before they are journaled."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def task(self, command: Command) -> Task:
        """step@server, or a step that has one task."""
        state = self.engine.state
        found = state.tasks.get(command.target)
        if found is None:
            of_step = [t for t in state.tasks.values() if t.step == command.target]
            if len(of_step) > 1:
                raise Refused(f"{command.target} runs on {len(of_step)} servers: name one, as {of_step[0].id}")
            found = of_step[0] if of_step else self._of_prompt(command.target)
        if found is None:
            instead = nearest(command.target, state.tasks, most=TASKS) if command.target else "name one"
            raise Refused(f"no task {command.target!r}; {instead}: write step@server, or the id of a step on no server")
        return found

    def _of_prompt(self, identity: str) -> Task | None:
        prompt = self.engine.state.prompts.get(identity)
        return self.engine.state.tasks.get(prompt.task or "") if prompt else None

    def place(self, target: str) -> str:
        """A server, a step or a task; "" for everything."""
        if target in ("", "all"):
            return ""
        places = [*self.engine.plan.servers, *chart(self.engine.plan).steps, *self.engine.state.tasks]
        if target not in places:
            raise Refused(f"no server, step or task {target!r}; {nearest(target, places, most=TASKS)}")
        return target

    def step(self, task: Task) -> Step:
        return chart(self.engine.plan).steps[task.step]

    async def say(self, command: Command, *events: Event) -> None:
        await self.engine.append(*events, who=command.who, why=command.why, peer=command.peer)

    def refuse(self, task: Task, wanted: str) -> Refused:
        """Names who came first, where a person did."""
        by = f" by {task.who}" if task.who else ""
        at = task.ended or task.started
        when = f" at {clock_seconds(at, self.engine.state.utc_offset)}" if at else ""
        return Refused(f"{task.id} is {task.state}{by}{when}: it cannot be {wanted}")

    def recent(self) -> list[Fact]:
        """Where is looked for who came first, newest first."""
        reader = self.engine.reader
        return reader.facts(max(0, reader.last_seq() - LOOK_BACK))[::-1]

    def first(self, fits: Callable[[Event], bool]) -> str:
        """ ", by anna at 03:12:47": the newest fact of a person for which this holds; "" where none is recent."""
        found = next((fact for fact in self.recent() if fact.who and fits(fact.event)), None)
        return f", by {self.who(found)}" if found else ""

    def who(self, fact: Fact) -> str:
        return f"{fact.who} at {clock_seconds(fact.at, self.engine.state.utc_offset)}"

    def let_go(self, task: Task) -> None:
        """A person's word ends it: the attempt that still waited for its server must not go on, and start it, later."""
        attempt = self.engine.attempts.get(task.id)
        if attempt is not None:
            attempt.abandon()


Verb = Callable[[Desk, Command], Awaitable[Answer]]
