"""How fast each transfer may go: the limit in force, shared among those that move. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.plan.model import Copy, Plan
from cockpit.state.model import State

FIRST = 0.75  # of the limit, for the one that a person moved to the front: the others go on


def limit(plan: Plan, state: State) -> float | None:
    """Bytes per second over all transfers: what a person said last, else the plan's. None: no limit."""
    return plan.limits.bandwidth if state.limit is None else state.limit


def paces(plan: Plan, state: State, running: Iterable[str]) -> dict[str, float | None]:
    """Bytes per second for each of these transfers, 0.0 where it is paused, None without any limit.

    The shares of those that move add up to the limit, as far as their steps' own `limit`s let them use it; even ones, but for
    the `favourite`'s."""
    steps = {step.id: step for step in (*plan.steps, *plan.backout)}
    found: dict[str, float | None] = {}
    caps: dict[str, float | None] = {}
    for task in running:
        step = steps.get(state.tasks[task].step)
        if task in state.paused:
            found[task] = 0.0
        elif step is not None and isinstance(step.action, Copy):
            caps[task] = step.action.limit
    return {**found, **shares(limit(plan, state), caps, favourite(plan, state, caps))}


def favourite(plan: Plan, state: State, running: Iterable[str]) -> str | None:
    """Which of these has the larger part of the limit: the one that was moved to the front last. None without a limit."""
    moving = {task for task in running if task not in state.paused}
    return next((t for t in state.fronted if t in moving), None) if limit(plan, state) is not None else None


def shares(total: float | None, caps: dict[str, float | None], first: str | None = None) -> dict[str, float | None]:
    """Even shares, but three quarters for `first`, and none above its cap: what one may not use is the others'."""
    if total is None:
        return dict(caps)
    if first is None or len(caps) < 2:
        return _even(total, caps)
    others = {task: cap for task, cap in caps.items() if task != first}
    own = min(total * FIRST, caps[first] or total)
    rest = _even(total - own, others)
    own = min(total - sum(rate or 0.0 for rate in rest.values()), caps[first] or total)  # and what they can't use
    return {first: own, **rest}


def _even(total: float, caps: dict[str, float | None]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    left = total
    by_cap = sorted(caps, key=lambda task: caps[task] or float("inf"))
    for i, task in enumerate(by_cap):
        even = left / (len(by_cap) - i)
        share = min(even, caps[task] or even)
        found[task], left = share, left - share
    return found
