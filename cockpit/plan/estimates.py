"""How long one task is thought to take, before anything is measured. Pure."""

from __future__ import annotations

from cockpit.plan.model import Step, Wait

GUESS = 60.0  # seconds of a task for which nobody wrote an estimate


def estimated(step: Step) -> float:
    """Seconds that one task of this step is thought to take."""
    said = _said(step)
    return GUESS if said is None else said


def assumed(step: Step) -> bool:
    """Whether the plan does not say how long it takes, and GUESS stands for it."""
    return _said(step) is None


def _said(step: Step) -> float | None:
    if step.estimate is not None:
        return step.estimate.seconds
    return step.action.seconds if isinstance(step.action, Wait) else None
