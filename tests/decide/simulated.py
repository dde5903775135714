"""A night without servers: the real decisions, the real fold, and a world that answers as a test says. Only for pure rules."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.decide import Ask, End, Retry, Start, Withdraw, decide
from cockpit.engine.amend import adoption
from cockpit.journal.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Fact,
    NightEnded,
    PromptOpened,
    PromptWithdrawn,
    RetryAsked,
    ServerContacted,
    SessionStarted,
)
from cockpit.plan.model import Gate, Manual, Plan
from cockpit.state.fold import apply
from cockpit.state.model import RUNNING, State
from cockpit.state.standing import Standing, standings

NOW = 1_000_000.0


class World:
    """`say` applies events; `step` lets the engine decide once. `started` is the order in which tasks began."""

    def __init__(self, plan: Plan, *, now: float = NOW) -> None:
        self.plan, self.now = plan, now
        self.state = State()
        self.started: list[str] = []
        self.at_start: Callable[[str], None] = lambda task: None
        opens, closes = plan.window.opens.at(now), plan.window.closes.at(now)
        self.say(SessionStarted("s", plan.name, "live", opens, closes), adoption(plan, now))
        self.say(*(ServerContacted(name) for name in plan.servers))

    def say(self, *events: Event, who: str | None = None) -> None:
        for event in events:
            apply(self.state, Fact(self.state.seq + 1, self.now, event, who))
        assert self.state.illegal == 0, events

    def standings(self) -> dict[str, Standing]:
        return standings(self.plan, self.state, self.now)

    def step(self) -> bool:
        """Whether there was anything to decide."""
        actions = decide(self.plan, self.state, self.standings(), self.now)
        for action in actions:
            match action:
                case Start(task, purpose):
                    self.at_start(task)
                    self.started.append(task)
                    n = len(self.state.tasks[task].attempts) + 1
                    self.say(AttemptStarted(task, n, f"{task}.{n}", purpose))
                case Retry(task, not_before):
                    self.say(RetryAsked(task, by_plan=True, not_before=not_before))
                case Ask():
                    self.say(PromptOpened(action.id, action.kind, action.text, action.task, action.server, list(action.choices)))
                case Withdraw(identity, reason):
                    self.say(PromptWithdrawn(identity, reason))
                case End(outcome):
                    self.say(NightEnded(outcome))
        return bool(actions)

    def running(self) -> list[str]:
        return [t.id for t in self.state.tasks.values() if t.state == RUNNING]

    def end(self, task: str, result: str = "done") -> None:
        self.say(AttemptEnded(task, len(self.state.tasks[task].attempts), result, 0 if result == "done" else 1))

    def is_a_persons(self, task: str) -> bool:
        return isinstance(self.plan.step(self.state.tasks[task].step).action, Gate | Manual)
