"""What a plan without problems had better say otherwise. Nothing is refused for it."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.plan.model import Plan, Step, Verify, Wait, tcp_address
from cockpit.plan.problems import Problem
from cockpit.plan.unproven import unproven


def warnings(plan: Plan) -> list[Problem]:
    return [*_from_here(plan), *unproven(plan)]


def _from_here(plan: Plan) -> Iterator[Problem]:
    """Ports behind a jump host, to which there may be no way from this machine."""
    for step in (*plan.steps, *plan.backout):
        via = [name for name in step.servers if name in plan.servers and plan.servers[name].via]
        if via and _asks_from_here(step):
            more = f" and {len(via) - 1} more" if len(via) > 1 else ""
            what = f"{step.id}: tcp and http are asked from this machine ({via[0]}{more} is reached via another)"
            yield Problem(plan.path, step.line, what, "a run asks there")


def _asks_from_here(step: Step) -> bool:
    match step.action:
        case Wait(condition=str(condition)):
            return tcp_address(condition) is not None
        case Verify(checks):
            return any(check.kind in ("tcp", "http") for check in checks)
    return False
