"""Where each task stands now: the words that follow from plan, state and the clock together. Pure.

A standing is never stored: it is derived for the engine's decisions, the screen and `status` alike, so that they agree.
The words are those of `spec/commands.md`. Order of the questions asked of a pending task: is its server still of the night;
are its needs met; is it time; may it start (hold, no-go, failure, contact, a person's word); is there room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from cockpit.plan.asked import inputs_named
from cockpit.plan.model import Gate, OnFailure, Plan, Step, Verify
from cockpit.plan.times import clock_time
from cockpit.state.chart import Chart as Chart
from cockpit.state.chart import chart as chart
from cockpit.state.fresh import stale_since as stale_since
from cockpit.state.idle import about_servers, idle, needed, unanswered
from cockpit.state.idle import asks_a_person as asks_a_person
from cockpit.state.model import CANCELLED, DONE, FAILED, PENDING, RUNNING, SKIPPED, UNKNOWN, State, Task
from cockpit.state.slots import PERSON_KINDS as PERSON_KINDS
from cockpit.state.slots import Slots

SHUT_OUT = ("key-changed", "key-unknown", "auth")  # problems of `ServerLost` that no waiting mends


@dataclass(frozen=True, slots=True)
class Standing:
    """word: a task state of `spec/commands.md`; why: what it waits for, in words, or ""."""

    word: str
    why: str = ""
    needs: tuple[str, ...] = ()  # unmet needs, task ids
    startable: bool = False  # nothing is in the way: the engine starts it now


# The same few words for most tasks in every pass: made once.


@lru_cache
def _plain(word: str) -> Standing:
    return Standing(word)


@lru_cache(8192)
def _after_one(need: str) -> Standing:
    return Standing("blocked", f"after {need}", (need,))


def standings(plan: Plan, state: State, now: float) -> dict[str, Standing]:
    """Task id -> standing, in the plan's order. Tasks of a backout that nobody asked for are `blocked`."""
    return _Walk(chart(plan), state, now).all()


def settled(task: Task, step: Step, state: State) -> bool:
    """Whether what needs this task may go on: done, skipped, dropped, or failed where the plan says continue."""
    if task.state in (DONE, SKIPPED):
        return True
    if task.state == FAILED and on_failure(step, state) == "continue":
        return True
    return task.state != RUNNING and dropped(state, task.server)


def on_failure(step: Step, state: State) -> OnFailure:
    """What a failure of this step does here: a check of a dry run looks at what nothing was done to, and holds nobody."""
    return "continue" if state.dry and isinstance(step.action, Verify) else step.on_failure


def dropped(state: State, server: str | None) -> bool:
    known = state.servers.get(server or "")
    return known is not None and known.contact == "dropped"


def leads_to(plan: Plan, state: State, server: str) -> list[str]:
    """The servers of the night that are reached directly through this one: to them it stays the way when it is dropped."""
    return [s.name for s in plan.servers.values() if s.via == server and not dropped(state, s.name)]


def undoing(task: Task) -> bool:
    """Whether a rollback of this task is under way."""
    return any(a.purpose == "undo" and a.result is None for a in task.attempts)


def undo_failed(state: State, task: Task) -> str | None:
    """Why the newest rollback of what had been done came to nothing, until a person has decided about that."""
    attempt = task.attempt
    if task.state != DONE or task.undo_asked or attempt is None or attempt.purpose != "undo" or attempt.result is None:
        return None
    return None if kept(task) in state.acknowledged else attempt.error or f"it was {attempt.result}"


def kept(task: Task) -> str:
    """What is acknowledged where a person leaves a task as its failed rollback left it."""
    return f"undo:{task.id}:{len(task.attempts)}"


def queue(plan: Plan, state: State, standing_of: Mapping[str, Standing]) -> list[str]:
    """The transfers that wait for a slot, in the order in which they get one."""
    order = chart(plan).in_turn(state.fronted)
    return [t for t in order if t in standing_of and standing_of[t].word == "queued" and state.tasks[t].kind == "copy"]


def _paused(state: State, task: str) -> str:
    return "" if task not in state.paused else f"paused by {state.paused[task]}" if state.paused[task] else "paused"


def no_return_passed(plan: Plan, state: State) -> str | None:
    """The gate of no return that was answered go, if one was: from then on there is no backing out."""
    for step in plan.steps:
        if isinstance(step.action, Gate) and step.action.no_return:
            for task_id in step.task_ids():
                task = state.tasks.get(task_id)
                if task is not None and task.state == DONE:
                    return task_id
    return None


def no_return_ahead(plan: Plan, state: State) -> list[Task]:
    """The gates of no return that are still to be answered, in the plan's order: until the first go at one one can turn back."""
    gates = [step for step in plan.steps if isinstance(step.action, Gate) and step.action.no_return]
    tasks = [state.tasks[t] for step in gates for t in step.task_ids() if t in state.tasks]
    return [t for t in tasks if t.state in (PENDING, RUNNING) and not dropped(state, t.server)]


def no_go(state: State, task: str) -> str | None:
    """Who said no-go at this gate last, while that still stands."""
    answers = state.gates.get(task) or []
    return answers[-1][0] if answers and answers[-1][1] == "no-go" else None


class _Walk:
    """One pass over all tasks; counts the slots that running and about-to-run tasks take."""

    def __init__(self, the_chart: Chart, state: State, now: float) -> None:
        self.chart, self.state, self.now = the_chart, state, now
        self.plan = the_chart.plan
        self.unmet_of: dict[int, tuple[str, ...]] = {}  # group -> those of it that are not met
        self.slots = Slots(self.plan)
        self.open = self._open()
        self.moving = [t for t in state.tasks.values() if t.state not in (PENDING, DONE, SKIPPED)]
        self.halt = self._halt()
        self.troubled = self._troubled()
        self.questions = about_servers(state)
        still = idle(self.plan, state, now)
        for task in self.moving:
            if task.state in (RUNNING, UNKNOWN) and task.id not in still:
                self.slots.take(self.chart.steps.get(task.step), task.server)

    def _open(self) -> set[str]:
        """The tasks that what needs them still waits for."""
        steps, state = self.chart.steps, self.state
        return {
            t.id for t in state.tasks.values()
            if t.state not in (DONE, SKIPPED) and (step := steps.get(t.step)) is not None and not settled(t, step, state)
        }

    def all(self) -> dict[str, Standing]:
        tasks = self.state.tasks
        found = {t: self._one(tasks[t]) for t in self.chart.in_turn(self.state.fronted) if t in tasks}
        return {t: found[t] for t in self.chart.order if t in found}

    def _one(self, task: Task) -> Standing:
        step = self.chart.steps[task.step]
        if task.state == RUNNING:
            return self._running(task, step)
        if task.state != PENDING:
            why = task.why or self._ended(task)
            return Standing(task.state, why) if why else _plain(task.state)
        if dropped(self.state, task.server):
            return Standing(SKIPPED, f"{task.server} was dropped")
        return self._pending(task, step)

    def _running(self, task: Task, step: Step) -> Standing:
        if not isinstance(step.action, PERSON_KINDS):
            why = "being cancelled" if task.cancel_asked else _paused(self.state, task.id)
            return Standing(RUNNING, why) if why else _plain(RUNNING)
        naysayer = no_go(self.state, task.id)
        if naysayer is not None:
            return Standing("waiting", f"no-go by {naysayer}: hold or back out")
        return Standing("waiting", "for go or no-go" if isinstance(step.action, Gate) else "for a person")

    @staticmethod
    def _ended(task: Task) -> str:
        attempt = task.attempt
        if task.state == UNKNOWN:
            return task.unknown_reason or "it is being asked"
        return (attempt.error or "") if attempt and task.state in (FAILED, CANCELLED) else ""

    def _pending(self, task: Task, step: Step) -> Standing:
        if (step.phase == "backout") != self.state.backout:
            return Standing("blocked", "only in a backout" if step.phase == "backout" else "backing out")
        unmet = self._unmet(task.id)
        if unmet:
            return _after_one(*unmet) if len(unmet) == 1 else Standing("blocked", self._after(unmet), unmet)
        too_early = self._too_early(step)
        if too_early:
            return Standing("blocked", too_early)
        obstacle = self._obstacle(task, step)
        if obstacle:
            return Standing("ready", obstacle)
        return self._room(task, step)

    def _room(self, task: Task, step: Step) -> Standing:
        person = self._person_first(task, step)
        if person:
            return Standing("waiting", person)
        full = self.slots.full(step, task.server)
        if full:
            return Standing("queued", full)
        if task.not_before is not None and task.not_before > self.now:
            return Standing("queued", f"next try in {task.not_before - self.now:.0f} s")
        self.slots.take(step, task.server)
        return Standing("ready", startable=True)

    def _unmet(self, task: str) -> tuple[str, ...]:
        """Large shared groups (a gate's) are walked once per pass: 17 steps on 338 servers would be quadratic.
        `id` names a group safely, since the chart's needs keep every group alive."""
        found = [unmet for group in self.chart.needs.groups(task) if (unmet := self._unmet_of(group))]
        return tuple(dict.fromkeys(chain.from_iterable(found))) if len(found) > 1 else found[0] if found else ()

    def _unmet_of(self, group: tuple[str, ...]) -> tuple[str, ...]:
        if len(group) == 1:
            return group if group[0] in self.open else ()
        if id(group) not in self.unmet_of:
            self.unmet_of[id(group)] = tuple(n for n in group if n in self.open)
        return self.unmet_of[id(group)]

    @staticmethod
    def _after(unmet: tuple[str, ...]) -> str:
        return f"after {unmet[0]} and {len(unmet) - 1} more"

    def _too_early(self, step: Step) -> str:
        state = self.state
        if state.dry:  # a rehearsal keeps the order of the night, not its hours
            return ""
        if step.phase == "night" and step.stage == "night" and self.now < state.opens:
            return "until the window opens"
        if step.stage == "after" and self.now < state.closes:
            return "until the business has opened"
        if step.start not in ("auto", "manual"):
            due = clock_time(step.start, state.opens, state.closes, state.utc_offset)
            if self.now < due:
                return f"until {step.start}"
        return ""

    def _obstacle(self, task: Task, step: Step) -> str:
        if "" in self.state.held:
            return "everything is held"
        for target in (task.id, task.step, task.server):
            if target and target in self.state.held:
                return f"{target} is held"
        if task.id in self.state.paused:
            return _paused(self.state, task.id)
        if self.halt and self.halt[0] != task.id:
            return self.halt[1]
        trouble = self.troubled.get(task.server or "") or self.troubled.get("")
        if trouble and trouble != task.id and step.phase == "night":
            return f"{trouble} needs a decision first"
        if step.phase == "backout" and (busy := self._still_running(task.server)):
            return f"{busy} still runs: cancel it, or wait"
        for question in unanswered(self.plan, self.questions, step, task.server):
            return f"{question.id} needs an answer first"
        return self._no_contact(self._touched(task, step))

    def _still_running(self, server: str | None) -> str:
        """What the night began on this server (for a step on none: anywhere): no way back over a job that still writes."""
        for task in self.state.tasks.values():
            step = self.chart.steps.get(task.step)
            if step is None or step.phase != "night" or isinstance(step.action, PERSON_KINDS) or dropped(self.state, task.server):
                continue
            if (task.state in (RUNNING, UNKNOWN) or undoing(task)) and server in (None, task.server):
                return task.id
        return ""

    def _touched(self, task: Task, step: Step) -> Iterable[str]:
        """A person's step needs no contact; anything else needs its own server, and a copy also its other side: begun without
        it, it would only wait there. Of a rehearsal, which only shows a copy, that is not asked; a side that was dropped never
        comes back, and the copy fails by itself: a person hears of it."""
        if isinstance(step.action, PERSON_KINDS):
            return []
        own, state = task.server, self.state
        return [n for n in needed(step, own) if n == own or not (state.dry or dropped(state, n))]

    def _no_contact(self, servers: Iterable[str]) -> str:
        for name in servers:
            known = self.state.servers.get(name)
            if known is None or known.contact != "up":
                return f"no contact with {name}" + (f": {known.text}" if known and known.text else "")
        return ""

    def _person_first(self, task: Task, step: Step) -> str:
        if step.start == "manual" and not (task.start_asked or self.state.dry):
            return "for a person to start it"
        for name in missing_inputs(self.plan, step, self.state):
            return f"for the input {name}"
        return ""

    def _halt(self) -> tuple[str, str] | None:
        """The task that stopped everything, if one did: a failure under `stop`, or a no-go of a gate that holds everyone."""
        for task in self.moving:
            step = self.chart.steps.get(task.step)
            if step is None or (step.phase == "night") == self.state.backout or dropped(self.state, task.server):
                continue
            if task.state == FAILED and on_failure(step, self.state) == "stop":
                return task.id, f"{task.id} failed and the plan says stop"
            if task.server is None and task.state == RUNNING and no_go(self.state, task.id):
                return task.id, f"no-go at {task.id}"
        return None

    def _troubled(self) -> dict[str, str]:
        """Server -> the task on it that a person has to decide about before anything new starts there."""
        found: dict[str, str] = {}
        for task in self.moving:
            step = self.chart.steps.get(task.step)
            if step is None or (step.phase == "night") == self.state.backout or dropped(self.state, task.server):
                continue
            failed = task.state == FAILED and on_failure(step, self.state) == "hold"
            if failed or (task.state == RUNNING and no_go(self.state, task.id)):
                found.setdefault(task.server or "", task.id)
        for task in self.state.tasks.values():
            undone = bool(task.attempts) and task.attempts[-1].purpose == "undo"  # first of all: most of a long night is done
            if undone and undo_failed(self.state, task) and not dropped(self.state, task.server):
                found.setdefault(task.server or "", task.id)
        return found


def missing_inputs(plan: Plan, step: Step, state: State) -> list[str]:
    """Inputs that this step needs and nobody has given yet: those its templates name and the secrets it lists."""
    return [
        name for name, wanted in plan.inputs.items()
        if (name in step.secrets and name not in state.given_secrets)
        or (not wanted.secret and name not in state.inputs and name in inputs_named(plan, step))
    ]


def only_a_person_can(state: State, standing_of: Mapping[str, Standing]) -> bool:
    """Whether nothing goes on, and nothing will by itself: what is open waits for a person's word."""
    if not (state.prompts or state.held or state.paused) and all(s.contact != "lost" for s in state.servers.values()):
        return False
    return not any(_goes_on(state, state.tasks[t], s) for t, s in standing_of.items())


def shut_out(state: State, server: str | None) -> bool:
    """Whether contact to this server comes back only by a person: its host key or our login is refused."""
    known = state.servers.get(server or "")
    return known is not None and known.contact == "lost" and known.problem in SHUT_OUT


def _goes_on(state: State, task: Task, standing: Standing) -> bool:
    if task.undo_asked or undoing(task) or standing.startable:
        return True
    if standing.word in (RUNNING, "queued"):
        return task.id not in state.paused
    if shut_out(state, task.server):
        return False
    if task.state == UNKNOWN:
        return not asks_a_person(task)
    return standing.why.startswith("until ") or (standing.word == "ready" and standing.why.startswith("no contact"))
