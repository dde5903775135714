"""Copies that no later `verify` looks at: what a disk flips after it was written is found by nothing else. Knows no state.

What counts as a look is told by `plan.looks`. An image is proven whole by its copy, and a pipe has no place to look at.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import tomli_w

from cockpit.plan.before import Before
from cockpit.plan.looks import Looks, Places, Spot, spot
from cockpit.plan.model import Copy, Phase, Place, Plan, Step, task_id
from cockpit.plan.needs import effective_needs
from cockpit.plan.problems import Problem

APART = "several copies go to this folder: give each one of its own there, and behind it a verify that compares the two"

Move = tuple[Phase, Spot, Spot]  # from, to


def unproven(plan: Plan) -> Iterator[Problem]:
    """Of a plan without problems: each step that copies what nothing compares afterwards, once."""
    copies = [step for step in (*plan.steps, *plan.backout) if _needs_proof(step)]
    if not copies:
        return
    places = Places(plan)
    moves = {task_id(step.id, server): _move(step, server, places) for step in copies for server in step.servers}
    looks = Looks(plan, places, Before(effective_needs(plan), moves))
    final = {moves[task] for step in copies if _copy(step).pass_ == "final" for task in step.task_ids()}
    crowded = _crowded(moves.values())
    for step in copies:
        seen_again = final if _copy(step).pass_ == "initial" else ()
        tasks = [(server, task_id(step.id, server)) for server in step.servers]
        bare = [(s, task) for s, task in tasks if moves[task] not in seen_again and not looks.follow(task, moves[task][2])]
        if bare:
            alone = not any(moves[task] in crowded for _, task in bare)
            yield _said(plan, step, [server for server, _ in bare], alone)


def _needs_proof(step: Step) -> bool:
    copy = step.action
    return isinstance(copy, Copy) and copy.method != "image" and copy.convert is None and copy.pipe is None


def _copy(step: Step) -> Copy:
    assert isinstance(step.action, Copy)
    return step.action


def _move(step: Step, server: str, places: Places) -> Move:
    source, target = (Place(end.server or server, places.path(end, server)) for end in (_copy(step).source, _copy(step).target))
    arrived = _arrived(source, target)
    return step.phase, spot(source.server, source.path), spot(arrived.server, arrived.path)


def _crowded(moves: Collection[Move]) -> set[Move]:
    """Those to whose place something from elsewhere is copied too: a compare of the two ends would report it."""
    sources: defaultdict[tuple[Phase, Spot], set[Spot]] = defaultdict(set)
    for phase, source, target in moves:
        sources[phase, target].add(source)
    return {move for move in moves if len(sources[move[0], move[2]]) > 1}


def _arrived(source: Place, target: Place) -> Place:
    """A folder named without a slash at its end arrives in the target under its own name."""
    if source.path.endswith("/") or not target.path.endswith("/"):
        return target
    return Place(target.server, target.path + posixpath.basename(source.path))


def _said(plan: Plan, step: Step, bare: Sequence[str], alone: bool) -> Problem:
    some = f" on {', '.join(bare[:4])}{' …' if len(bare) > 4 else ''}" if len(bare) < len(step.servers) else ""
    what = f"{step.id}: no later verify compares what it copied{some}"
    return Problem(plan.path, step.line, what, _compare(_copy(step)) if alone else APART)


def _compare(copy: Copy) -> str:
    ends = ", ".join(_written(place) for place in (copy.source, _arrived(copy.source, copy.target)))
    parts = " of folders in which nothing is left out by its exclude" if copy.exclude else ""
    return f"write one behind it with verify = [{{ compare = [{ends}] }}]{parts}"


def _written(place: Place) -> str:
    """As TOML has it: a template may hold quotes."""
    text = f"{place.server}:{place.path}" if place.server else place.path
    return tomli_w.dumps({"": text}).removeprefix('"" = ').rstrip("\n")
