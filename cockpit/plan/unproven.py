"""Copies that no later `verify` looks at: what a disk flips after it was written is found by nothing else. Knows no state.

An image is proven whole by its copy, and a pipe has no place to look at. A check of the step's own (`run`) counts where it names
the target: what it reads there only its author knows. Inputs have a stand-in, so that places made of them can be held together.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator

from cockpit.plan.before import Before
from cockpit.plan.model import LOCAL, Check, Copy, Place, Plan, Step, Verify, task_id
from cockpit.plan.needs import effective_needs
from cockpit.plan.problems import Problem
from cockpit.plan.templates import Scope, TemplateProblem, render, scope
from cockpit.plan.times import hours

Spot = tuple[str, str]  # server, path


def unproven(plan: Plan) -> Iterator[Problem]:
    """Of a plan without problems: each step that copies what nothing compares afterwards, once."""
    copies = [step for step in (*plan.steps, *plan.backout) if _needs_proof(step)]
    if not copies:
        return
    places, before = _Places(plan), Before(effective_needs(plan), (task for step in copies for task in step.task_ids()))
    final = {places.target(step, server) for step in copies if _copy(step).pass_ == "final" for server in step.servers}
    looks = _Looks(plan, places)
    for step in copies:
        bare = []
        for server in step.servers:
            target, task = places.target(step, server), task_id(step.id, server)
            seen_again = _copy(step).pass_ == "initial" and target in final
            if not seen_again and not any(before.comes(task, look) for look in looks.of(target)):
                bare.append(server)
        if bare:
            yield _said(plan, step, bare)


def _needs_proof(step: Step) -> bool:
    copy = step.action
    return isinstance(copy, Copy) and copy.method != "image" and copy.convert is None and copy.pipe is None


def _copy(step: Step) -> Copy:
    assert isinstance(step.action, Copy)
    return step.action


class _Places:
    """The places of a plan on each server, with their templates filled in."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._inputs = {name: "/input" for name, known in plan.inputs.items() if not known.secret}
        self._scopes: dict[str | None, Scope] = {}

    def target(self, step: Step, server: str) -> Spot:
        return self.spot(_copy(step).target, server)

    def spot(self, place: Place, server: str | None) -> Spot:
        path = render(place.path, self._scope(server), path=True)
        return place.server or server or LOCAL, "/" + posixpath.normpath(path).lstrip("/")

    def command(self, text: str, server: str | None) -> str:
        """"" for one that takes a captured value: it is not known what it will name."""
        try:
            return render(text, self._scope(server))
        except TemplateProblem:
            return ""

    def _scope(self, server: str | None) -> Scope:
        if server not in self._scopes:
            self._scopes[server] = scope(self._plan, server, self._inputs, {}, hours(self._plan.window, 0.0))
        return self._scopes[server]


class _Looks:
    """Which tasks look at a place, found without going through all of them: there may be thousands of both."""

    def __init__(self, plan: Plan, places: _Places) -> None:
        self._places = places
        self._at: defaultdict[Spot, list[str]] = defaultdict(list)  # this very place
        self._within: defaultdict[Spot, list[str]] = defaultdict(list)  # this place, or one in it
        self._commands: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)  # server -> its commands, of which task
        for step in (*plan.steps, *plan.backout):
            for check in step.action.checks if isinstance(step.action, Verify) else ():
                for server in step.servers or (None,):
                    self._add(check, task_id(step.id, server), server)

    def _add(self, check: Check, task: str, server: str | None) -> None:
        if check.kind == "run":
            self._commands[server or LOCAL].append((self._places.command(check.value, server), task))
        for place in check.places:
            where, path = self._places.spot(place, server)
            self._at[where, path].append(task)
            for folder in _upwards(path):
                self._within[where, folder].append(task)

    def of(self, target: Spot) -> Iterator[str]:
        """Those at the target, at something in it, or at a folder that holds it."""
        server, path = target
        yield from self._within.get(target, ())
        for folder in _upwards(path):
            yield from self._at.get((server, folder), ())
        yield from (task for command, task in self._commands.get(server, ()) if path in command)


def _upwards(path: str) -> Iterator[str]:
    """The path and every folder above it."""
    while path != "/":
        yield path
        path = posixpath.dirname(path)
    yield path


def _said(plan: Plan, step: Step, bare: list[str]) -> Problem:
    some = f" on {', '.join(bare[:4])}{' …' if len(bare) > 4 else ''}" if len(bare) < len(step.servers) else ""
    copy = _copy(step)
    places = ", ".join(f'"{place.server}:{place.path}"' if place.server else f'"{place.path}"' for place in _ends(copy))
    parts = " of folders in which nothing is left out by its exclude" if copy.exclude else ""
    return Problem(
        plan.path, step.line, f"{step.id}: no later verify compares what it copied{some}",
        f"write one behind it with verify = [{{ compare = [{places}] }}]{parts}",
    )


def _ends(copy: Copy) -> tuple[Place, Place]:
    """A folder named without a slash at its end arrives in the target under its own name."""
    if copy.source.path.endswith("/") or not copy.target.path.endswith("/"):
        return copy.source, copy.target
    return copy.source, Place(copy.target.server, copy.target.path + posixpath.basename(copy.source.path))
