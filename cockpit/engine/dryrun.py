"""A dry run: probes and checks run, everything else is said in words and counted as done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cockpit.plan.model import Copy, Place, Run, Script, Step, Verify, Wait, tcp_address
from cockpit.units import format_duration


def only_looks(step: Step) -> bool:
    """Steps that change nothing on a server need no claim on it."""
    return step.kind in ("verify", "wait", "gate", "manual")


def runs_dry(step: Step, purpose: str = "do") -> bool:
    """Checks are made, and people asked; a wait is only shown."""
    return purpose == "do" and step.kind in ("verify", "gate", "manual")


def once_only(step: Step) -> Step:
    """A check that is red in a dry run has nothing to wait for."""
    if not isinstance(step.action, Verify):
        return step
    return replace(step, action=Verify(tuple(replace(check, within=None, for_=None) for check in step.action.checks)))


def in_words(step: Step, render: Callable[[str], str], purpose: str = "do") -> str:
    """What a person is told instead. `render` fills in what is known, and leaves the plan's words where that can't be done."""
    if purpose == "undo":
        return f"would undo: {render(step.undo or '')}"
    action = step.action
    match action:
        case Run():
            return f"would run: {render(action.command)}"
        case Script():
            return f"would upload and run: {action.path} {' '.join(map(render, action.args))}".rstrip()
        case Copy(pipe=(producer, consumer)):
            ends = (f"on {place.server or 'this server'}" for place in (action.source, action.target))
            return f"would pipe {render(producer)} {next(ends)} into {render(consumer)} {next(ends)}"
        case Copy():
            return f"would copy {_place(action.source, render)} to {_place(action.target, render)}"
        case Wait(condition=str(condition)):
            address = tcp_address(condition)
            return f"would wait for {render(condition) if address is None else f'tcp {render(address)}'}"
        case Wait():
            return f"would wait {format_duration(action.seconds or 0.0)}"
    return f"would {step.kind}"


def _place(place: Place, render: Callable[[str], str]) -> str:
    return f"{place.server}:{render(place.path)}" if place.server else render(place.path)
