"""What a plan's `verify` steps look at, and after which tasks: of a place told at once, however many look at it.

A compare counts where it would find a flipped byte there: it reads all content, and of another place too. A check of the
step's own (`run`) counts where it names the path, and runs on its server or names that: what it reads there only its author
knows. Inputs have a stand-in, so that places made of them can be held together. Knows no state.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from cockpit.plan.before import Before
from cockpit.plan.model import LOCAL, Check, Place, Plan, Step, Verify, task_id
from cockpit.plan.templates import Scope, TemplateProblem, render, scope
from cockpit.plan.times import hours

Spot = tuple[str, str]  # server, path

_BREAKS = re.compile(r"[\s\"'`:=;|&()<>]+")  # between the words of a command that may be names or paths
_QUOTED = re.compile(r"'(/[^']*)'|\"(/[^\"]*)\"")  # a path that may hold blanks


class Places:
    """The places of a plan on each server, with their templates filled in."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._inputs = {name: "/input" for name, known in plan.inputs.items() if not known.secret}
        self._scopes: dict[str | None, Scope] = {}

    def spot(self, place: Place, server: str | None) -> Spot:
        return spot(place.server or server, self.path(place, server))

    def path(self, place: Place, server: str | None) -> str:
        return render(place.path, self._scope(server), path=True)

    def command(self, text: str, server: str | None) -> str:
        """ "" for one that takes a captured value: it is not known what it will name."""
        try:
            return render(text, self._scope(server))
        except TemplateProblem:
            return ""

    def _scope(self, server: str | None) -> Scope:
        if server not in self._scopes:
            self._scopes[server] = scope(self._plan, server, self._inputs, {}, hours(self._plan.window, 0.0))
        return self._scopes[server]


class Looks:
    """Sums of what comes before each look: there may be thousands of looks at a place, and thousands of copies to ask for."""

    def __init__(self, plan: Plan, places: Places, before: Before) -> None:
        self._plan, self._places, self._before = plan, places, before
        self._at: defaultdict[Spot, int] = defaultdict(int)  # looks at this very place
        self._within: defaultdict[Spot, int] = defaultdict(int)  # at this place, or at one in it
        for step in (*plan.steps, *plan.backout):
            if isinstance(step.action, Verify):
                self._add_all(step, step.action.checks)

    def follow(self, task: str, target: Spot) -> bool:
        """Whether one that waits for the task looks at the target, at something in it, or at a folder that holds it."""
        server, path = target
        sums = self._within.get(target, 0)
        for folder in _upwards(path):
            sums |= self._at.get((server, folder), 0)
        return self._before.holds(sums, task)

    def _add_all(self, step: Step, checks: Sequence[Check]) -> None:
        for server in step.servers or (None,):
            earlier = self._before.sum_of(task_id(step.id, server))
            for check in checks if earlier else ():
                if check.kind == "run":
                    self._add_command(self._places.command(check.value, server), server or LOCAL, earlier)
                elif check.by == "content" and check.sample in (None, 1.0):
                    self._add_compared([self._places.spot(place, server) for place in check.places], earlier)

    def _add_compared(self, spots: Sequence[Spot], earlier: int) -> None:
        """What lies whole in a place is not held against anything outside of it: both may be wrong alike."""
        inside = Counter((server, folder) for server, path in spots for folder in _upwards(path))
        for folder, count in inside.items():
            if count < len(spots):
                self._within[folder] |= earlier
        for spot in spots:
            if inside[spot] < len(spots):
                self._at[spot] |= earlier

    def _add_command(self, command: str, server: str, earlier: int) -> None:
        words = set(_BREAKS.split(command))
        named = {server, *(name for word in words if (name := word.rpartition("@")[2]) in self._plan.servers)}
        quoted = {one or other for one, other in _QUOTED.findall(command)}
        paths = {_normal(word) for word in words | quoted if word.startswith("/")}
        for folder in {folder for path in paths for folder in _upwards(path)}:
            for name in named:
                self._within[name, folder] |= earlier


def spot(server: str | None, path: str) -> Spot:
    return server or LOCAL, _normal(path)


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


def _upwards(path: str) -> Iterator[str]:
    """The path and every folder above it."""
    while path != "/":
        yield path
        path = posixpath.dirname(path)
    yield path
