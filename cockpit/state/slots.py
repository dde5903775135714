"""The slots that tasks take while they run, counted against the plan's limits: the fleet's, a server's, the transfers'. Pure."""

from __future__ import annotations

from cockpit.plan.model import SLOTLESS, Gate, Manual, Plan, Step
from cockpit.units import plural

PERSON_KINDS = (Gate, Manual)  # their attempts wait for a person


class Slots:
    """What is taken at one moment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.of_server: dict[str | None, int] = {}
        self.jobs = self.transfers = 0

    def full(self, step: Step, server: str | None) -> str:
        """Which limit has no room for one more of this step, in words; "" where there is room."""
        limits = self.plan.limits
        if isinstance(step.action, SLOTLESS):
            return ""
        if self.jobs >= limits.jobs:
            return _running(limits.jobs, "job")
        if step.kind == "copy" and self.transfers >= limits.transfers:
            return _running(limits.transfers, "transfer")
        known = self.plan.servers.get(server or "")
        if known is not None and self.of_server.get(server, 0) >= known.max_jobs:
            return f"{_running(known.max_jobs, 'job')} on {server}"
        return ""

    def take(self, step: Step | None, server: str | None) -> None:
        if step is None or isinstance(step.action, SLOTLESS):
            return
        self.jobs += 1
        self.of_server[server] = self.of_server.get(server, 0) + 1
        self.transfers += step.kind == "copy"


def _running(count: int, what: str) -> str:
    return f"{plural(count, what)} {'is' if count == 1 else 'are'} running"
