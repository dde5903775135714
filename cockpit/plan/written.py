"""A piece of a plan as keys and values, in the words in which a plan is written: what a difference is shown in.

Knows the names of the format and no two plans. Values are texts for people; several lines where they have several parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from cockpit.plan.model import Check, Copy, Estimate, Gate, Moment, Place, Reboot, Step, Verify, Window
from cockpit.plan.times import Hours
from cockpit.units import plan_duration, plan_rate, plan_size

NAMES = {
    "servers": "on", "source": "from", "target": "to", "pass_": "pass", "for_": "for", "command": "run", "words": "manual",
    "seconds": "wait", "condition": "wait for", "places": "compare",
}
DURATIONS = ("timeout", "connect_timeout", "seconds", "within", "for_", "below")
RATES, SIZES = ("limit", "bandwidth"), ("free",)
UNSAID = ("id", "name", "line", "utc_offset")  # known from where it stands, or no matter of the plan's meaning


def written(thing: Any) -> dict[str, str]:
    """Key -> value of a Step, Server, Window, Limits or Input. A key that is left out, and has no default, is not there."""
    return dict(_pairs(thing, "", defaults=True))


def said(thing: Any) -> dict[str, str]:
    """`written`, without what a plan need not say since it holds anyhow."""
    return dict(_pairs(thing, "", defaults=False))


def key_of(thing: Any, name: str) -> str:
    """What a plan calls this field of a step or a server; of an action its kind."""
    return str(thing.kind) if name == "action" else NAMES.get(name, name)


def _pairs(thing: Any, prefix: str, *, defaults: bool) -> Iterator[tuple[str, str]]:
    clock = thing.utc_offset if isinstance(thing, Window) else 0.0
    for field in fields(thing):
        value = getattr(thing, field.name)
        usual = value == field.default or (field.default_factory is not MISSING and value == field.default_factory())
        nothing = value is None or (field.name == "servers" and not value)  # a step on no server has no `on`
        if nothing or field.name in UNSAID or (usual and not defaults):
            continue
        if field.name == "action":
            yield from _action(value, defaults=defaults)
        elif isinstance(value, Mapping):
            yield from ((f"{prefix}{field.name}.{key}", str(each)) for key, each in value.items())
        elif not (isinstance(thing, Step) and field.name == "title" and value == thing.id):
            yield prefix + NAMES.get(field.name, field.name), _text(field.name, value, clock)


def _action(action: Any, *, defaults: bool) -> Iterator[tuple[str, str]]:
    match action:
        case Verify():
            for check in action.checks:
                yield from _check(check, defaults=defaults)
        case Copy():
            yield from _pairs(action, "copy.", defaults=defaults)
        case Gate():
            found = dict(_pairs(action, "gate.", defaults=defaults))
            yield from (found or {"gate": "{}"}).items()
        case Reboot():
            yield "reboot", "true"
        case _:
            for key, value in _pairs(action, "", defaults=defaults):
                yield ("script" if key == "path" else key), value


def _check(check: Check, *, defaults: bool) -> Iterator[tuple[str, str]]:
    for key, value in _pairs(check, "", defaults=defaults):
        if key != "kind":
            yield f"check {check.name!r}: {check.kind if key == 'value' else key}", value


def _text(name: str, value: Any, clock: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "\n".join(_text(name, each, clock) for each in value) or "[]"
    if isinstance(value, Moment):
        return _moment(value, clock)
    if isinstance(value, Place):
        return ":".join(filter(None, [value.server, value.path]))
    if isinstance(value, Estimate):
        return _estimate(value)
    if isinstance(value, int | float):
        return _number(name, value)
    return str(value)


def _moment(value: Moment, clock: float) -> str:
    if value.epoch is None:
        return f"+{plan_duration(value.offset or 0.0)}"
    return Hours(0.0, 0.0, utc_offset=clock).words(value.epoch)


def _estimate(value: Estimate) -> str:
    if value.bytes is None or value.rate is None:
        return plan_duration(value.seconds)
    return f"{plan_size(value.bytes)} at {plan_rate(value.rate)}"


def _number(name: str, value: float) -> str:
    if name in DURATIONS:
        return plan_duration(value)
    if name in RATES:
        return plan_rate(value)
    return plan_size(int(value)) if name in SIZES else f"{value:g}"
