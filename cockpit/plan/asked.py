"""Which inputs the templates of a step name. Knows no state; reads templates only where there may be some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from cockpit.plan.model import Plan, Step
from cockpit.plan.values import has_template

_names: dict[int, tuple[Step, frozenset[str]]] = {}  # by the id of a step, which its entry keeps alive


def inputs_named(plan: Plan, step: Step) -> frozenset[str]:
    """Names of inputs; all of them where an expression makes the name."""
    known = _names.get(id(step))
    if known is None or known[0] is not step:
        known = _names[id(step)] = step, frozenset(_of(plan, step))
    return known[1]


def _of(plan: Plan, step: Step) -> Iterator[str]:
    for text in _texts(step):
        if has_template(text) and "inputs" in text:
            from cockpit.plan.sandbox import MADE, used  # with Jinja2, which most plans' screens do without

            names = used(text).get("inputs", set())
            yield from plan.inputs if MADE in names else names


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(tuple(value.values()))
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif is_dataclass(value):
        yield from _texts(tuple(getattr(value, field.name) for field in fields(value)))
