"""What is different between two plans, in words, and whether a session may go over from one to the other.

Knows which steps have started only because it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields
from difflib import unified_diff

from cockpit.plan.model import Plan, Server, Step
from cockpit.plan.written import key_of, said, written

# What may change in a step that has started: words for people, and how long it is thought to take.
WORDS = frozenset(["title", "owner", "note", "estimate", "line"])

SHORT = 90  # characters of an old and a new value that still stand readably on one line
UNSET = "not set"


@dataclass(frozen=True, slots=True)
class Change:
    """`what` is one line, for the journal; `details` are lines of old and new values, for who decides about it."""

    what: str
    details: tuple[str, ...] = ()


class AmendRefused(Exception):
    """The operator's: this plan can't be adopted. `reasons`: all of them, in words."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("; ".join(self.reasons))


def differences(old: Plan, new: Plan, started: set[str]) -> list[Change]:
    """Each difference. Raises AmendRefused where a step of `started` is changed, gone, or not the same any more, and
    where the plan is another one."""
    refused = list(_refusals(old, new, started))
    if refused:
        raise AmendRefused(refused)
    return [*_head(old, new), *_servers(old, new), *_inputs(old, new), *_steps(old, new)]


def _refusals(old: Plan, new: Plan, started: set[str]) -> Iterable[str]:
    if old.name != new.name:
        yield f"this is another plan: {new.name!r}, and the session runs {old.name!r}"
    before, after = _by_id(old), _by_id(new)
    for step in (step for name, step in before.items() if name in started):
        if step.id not in after:
            yield f"step {step.id} has started and can't be taken out"
            continue
        changed = [name for name in _changed(step, after[step.id]) if name not in WORDS]
        if changed:
            yield f"step {step.id} has started and can't be changed ({_keys(after[step.id], changed)})"
        for server in sorted(set(step.servers) - set(new.servers) - {"local"}):
            yield f"server {server} is used by step {step.id}, which has started: drop it instead"


def _by_id(plan: Plan) -> dict[str, Step]:
    return {step.id: step for step in (*plan.steps, *plan.backout)}


def _changed(old: Step | Server, new: Step | Server) -> list[str]:
    every: tuple[Field[object], ...] = fields(old)
    return [field.name for field in every if getattr(old, field.name) != getattr(new, field.name)]


def _keys(thing: Step | Server, names: Iterable[str]) -> str:
    return ", ".join(key_of(thing, name) for name in names)


def _head(old: Plan, new: Plan) -> Iterable[Change]:
    for name in ("lead", "contact"):
        before, after = ({name: value} if (value := getattr(plan, name)) else {} for plan in (old, new))
        if before != after:
            yield Change(f"{name} changed", details(before, after))
    for name in ("window", "limits"):
        if getattr(old, name) != getattr(new, name):
            yield Change(f"{name} changed", details(written(getattr(old, name)), written(getattr(new, name))))


def _servers(old: Plan, new: Plan) -> Iterable[Change]:
    for name, server in new.servers.items():
        before = old.servers.get(name)
        if before is None:
            yield Change(f"server {name} added", _whole(said(server)))
        elif changed := _changed(before, server):
            yield Change(f"server {name} changed ({_keys(server, changed)})", details(written(before), written(server)))
    yield from (Change(f"server {name} removed") for name in old.servers if name not in new.servers)


def _inputs(old: Plan, new: Plan) -> Iterable[Change]:
    yield from (Change(f"input {name} added", _whole(said(new.inputs[name]))) for name in new.inputs if name not in old.inputs)
    yield from (Change(f"input {name} removed") for name in old.inputs if name not in new.inputs)
    for name, before in old.inputs.items():
        after = new.inputs.get(name, before)
        if before != after:
            yield Change(f"input {name} changed", details(written(before), written(after)))


def _steps(old: Plan, new: Plan) -> Iterable[Change]:
    before, after = _by_id(old), _by_id(new)
    for name, step in after.items():
        if name not in before:
            yield Change(f"step {name} added", _whole(said(step)))
        elif changed := [field for field in _changed(before[name], step) if field != "line"]:
            yield Change(f"step {name} changed ({_keys(step, changed)})", details(written(before[name]), written(step)))
    yield from (Change(f"step {name} removed") for name in before if name not in after)
    kept_before = [name for name in before if name in after]
    kept_after = [name for name in after if name in before]
    if kept_before != kept_after:
        yield Change("steps stand in another order", tuple(line_differences("\n".join(kept_before), "\n".join(kept_after))))


def _whole(found: Mapping[str, str]) -> tuple[str, ...]:
    """All that an added piece says."""
    return tuple(line for key, value in found.items() for line in _pair(key, value))


def _pair(key: str, value: str) -> list[str]:
    lines = value.splitlines() or [""]
    return [f"{key}: {value}"] if len(lines) == 1 else [f"{key}:", *(f"  {line}" for line in lines)]


def details(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Old and new value of each key that is not the same: side by side where short, else line by line."""
    found: list[str] = []
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key, UNSET), new.get(key, UNSET)
        if before == after:
            continue
        if "\n" in before + after or len(before) + len(after) > SHORT:
            found += [f"{key}:", *(f"  {line}" for line in line_differences(before, after))]
        else:
            found.append(f"{key}: {before} -> {after}")
    return tuple(found)


def line_differences(old: str, new: str) -> list[str]:
    """The lines taken out (-) and put in (+), each place with one line around it that stays."""
    marked = list(unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm=""))[3:]  # without the names and the first place
    return ["…" if line.startswith("@@") else f"{line[:1]} {line[1:]}" for line in marked]
