"""What the keys of transfers propose: pause and go on, to the front, the limit of all. Pure; sends nothing."""

from __future__ import annotations

from cockpit.state.model import DONE, PENDING, RUNNING, SKIPPED, UNKNOWN, Task
from cockpit.ui.dialogs import Choice, Question
from cockpit.ui.proposals import NotNow, Proposal, Target, ask, describe
from cockpit.units import format_rate, parse_rate
from cockpit.views.model import Night


def pause(night: Night, target: Target) -> Proposal:
    """p pauses and unpauses: the dialog says which of the two it would be now."""
    task = _transfer(night, target)
    name, paused = describe(night, task), night.state.paused.get(task.id)
    if paused is not None:
        by = f"Paused by {paused}." if paused else "It is paused."
        return ask(night, "unpause", task.id, f"Let it go on: {name}?", by, "It takes its share of the limit at once.",
                    yes="let it go on")
    still = "It stands still within a minute, keeps what has arrived, and its turn is another's." if task.state != PENDING else (
        "It will not start until somebody unpauses it.")
    return ask(night, "pause", task.id, f"Pause {name}?", still, yes="pause it")


def front(night: Night, target: Target) -> Proposal:
    """Starts nothing and stops nothing: it goes at once."""
    task = _transfer(night, target)
    if task.state not in (PENDING, RUNNING, UNKNOWN):
        raise NotNow(f"{describe(night, task)} has {task.state}: nothing of it moves or waits.")
    return Proposal(task.id, at_once="front")


def _transfer(night: Night, target: Target) -> Task:
    task = night.state.tasks.get(target.task or "") or _only_transfer(night, target.server)
    if task is None or task.kind != "copy":
        raise NotNow("Select a transfer first: Tab to the transfers, j and k, then the key again.")
    if task.state in (DONE, SKIPPED):
        raise NotNow(f"{describe(night, task)} is {task.state}: there is nothing to pace.")
    return task


def _only_transfer(night: Night, server: str | None) -> Task | None:
    """The one that runs on this server, where no other does."""
    found = [t for t in night.state.tasks.values() if t.server == server and t.kind == "copy" and t.state in (RUNNING, UNKNOWN)]
    return found[0] if server is not None and len(found) == 1 else None


def limit(night: Night, target: Target) -> Proposal:
    plans = night.plan.limits.bandwidth
    by = f", by {night.state.limit_by}" if night.state.limit_by else ""
    now = f"Now: {format_rate(night.state.limit)}{by}." if night.state.limit is not None else "Now: as the plan says."
    said = f"The plan says: {format_rate(plans) if plans is not None else 'no limit'}."
    body = (now, said, "Running transfers follow within a minute.")
    asks = "300Mbit/s, 40MB/s …, or none for the plan's own:"
    choice = Choice("b", "limit", "Shared by all transfers, on all servers.", asks=asks, wrong=_no_limit)
    return Proposal("", Question("Change the limit of all transfers?", body, (choice,), night.who), {"": "limit"})


def _no_limit(text: str) -> str:
    """What is wrong with it; "" where nothing is."""
    try:
        if text.strip() != "none":
            parse_rate(text)
    except ValueError as error:
        return f"{error}, or none."
    return ""
