"""How fast each transfer may go: the limit in force, shared among those that move. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.plan.model import Copy, Plan
from cockpit.state.model import State


def limit(plan: Plan, state: State) -> float | None:
    """Bytes per second over all transfers: what a person said last, else the plan's. None: no limit."""
    return plan.limits.bandwidth if state.limit is None else state.limit


def paces(plan: Plan, state: State, running: Iterable[str]) -> dict[str, float | None]:
    """Bytes per second for each of these transfers, 0.0 where it is paused, None without any limit.

    The shares of those that move add up to the limit, as far as their steps' own `limit`s let them use it."""
    steps = {step.id: step for step in (*plan.steps, *plan.backout)}
    found: dict[str, float | None] = {}
    caps: dict[str, float | None] = {}
    for task in running:
        step = steps.get(state.tasks[task].step)
        if task in state.paused:
            found[task] = 0.0
        elif step is not None and isinstance(step.action, Copy):
            caps[task] = step.action.limit
    return {**found, **shares(limit(plan, state), caps)}


def shares(total: float | None, caps: dict[str, float | None]) -> dict[str, float | None]:
    """Even shares, but none above its cap: what one may not use is the others'."""
    if total is None:
        return dict(caps)
    found: dict[str, float | None] = {}
    left = total
    by_cap = sorted(caps, key=lambda task: caps[task] or float("inf"))
    for i, task in enumerate(by_cap):
        even = left / (len(by_cap) - i)
        share = min(even, caps[task] or even)
        found[task], left = share, left - share
    return found
