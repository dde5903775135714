"""How long one task is thought to take, before anything is measured. Pure."""

from __future__ import annotations

from cockpit.plan.model import Step, Wait

GUESS = 60.0  # seconds of a task for which nobody wrote an estimate


def estimated(step: Step) -> float:
    """Seconds that one task of this step is thought to take."""
    if step.estimate is not None:
        return step.estimate.seconds
    if isinstance(step.action, Wait) and step.action.seconds is not None:
        return step.action.seconds
    return GUESS
