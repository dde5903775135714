"""What a template sees on one server at this moment of a night: plan, inputs, captures and hours together. Pure."""

from __future__ import annotations

from cockpit.plan.model import Plan
from cockpit.plan.templates import Scope, TemplateProblem, render, scope
from cockpit.plan.times import Hours
from cockpit.state.model import State


def seen(plan: Plan, state: State, server: str | None) -> Scope:
    """The scope of a step on this server (None: on no server)."""
    captured = {**state.captured.get("", {}), **state.captured.get(server or "", {})}
    hours = Hours(state.opens, state.closes, state.testing, state.utc_offset)
    return scope(plan, server, state.inputs, captured, hours)


def words(plan: Plan, state: State, server: str | None, text: str) -> str:
    """The text for a person, filled in as far as that can be done now; else as it stands in the plan."""
    try:
        return render(text, seen(plan, state, server), into="text")
    except TemplateProblem:
        return text
