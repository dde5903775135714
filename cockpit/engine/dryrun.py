"""A dry run: probes and checks run, everything else is said in words and counted as done."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.plan.model import Copy, Place, Run, Script, Step


def only_looks(step: Step) -> bool:
    """Steps that change nothing on a server: they run in a dry run too, and need no claim on the server."""
    return step.kind in ("verify", "wait", "gate", "manual")


def in_words(step: Step, render: Callable[[str], str], purpose: str = "do") -> str:
    if purpose == "undo":
        return f"would undo: {render(step.undo or '')}"
    action = step.action
    match action:
        case Run():
            return f"would run: {render(action.command)}"
        case Script():
            return f"would upload and run: {action.path} {' '.join(action.args)}".rstrip()
        case Copy(pipe=(producer, consumer)):
            ends = (f"on {place.server or 'this server'}" for place in (action.source, action.target))
            return f"would pipe {render(producer)} {next(ends)} into {render(consumer)} {next(ends)}"
        case Copy():
            return f"would copy {_place(action.source, render)} to {_place(action.target, render)}"
    return f"would {step.kind}"


def _place(place: Place, render: Callable[[str], str]) -> str:
    return f"{place.server}:{render(place.path)}" if place.server else render(place.path)
