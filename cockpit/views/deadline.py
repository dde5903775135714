"""The deadline in words: when the business opens, when we will be finished, until when one can still turn back.

Pure parts of a line, for the header, the timeline and the hand-over alike. What is not known is said to be not known.
"""

from __future__ import annotations

from cockpit.plan.model import Gate, Step
from cockpit.state.green import go_by
from cockpit.state.model import RUNNING
from cockpit.state.standing import no_go, no_return_ahead, no_return_passed
from cockpit.units import clock, clock_day, format_countdown, format_duration, format_slack
from cockpit.views.model import Cell, Line, Night, Tone


def opens(night: Night) -> Line:
    """The deadline: `closes` of the window is when the business opens."""
    state = night.state
    left = state.closes - night.now
    at = f"OPEN {clock_day(state.closes, night.now, state.utc_offset)}"
    if state.outcome is not None:
        return (Cell(at),)
    if left <= -1:
        return Cell(at, "bad"), Cell(f" {format_countdown(-left)} AGO", "bad")
    return Cell(at, "strong"), Cell(f" in {format_countdown(left)}", "warn" if left < 2 * thin(night) else "")


def thin(night: Night) -> float:
    """Below so many seconds a margin is small: half an hour of a night, less of a rehearsal that is itself not much longer."""
    return min(1800.0, (night.state.closes - night.state.opens) / 8)


def finish(night: Night, *, wide: bool) -> Line:
    state, forecast = night.state, night.forecast
    if state.outcome is not None:
        at = f" {clock_day(forecast.finish, night.now, state.utc_offset)}" if forecast.finish is not None else ""
        tone: Tone = "good" if state.outcome == "done" else "bad"
        return (Cell(f"{state.outcome.upper()}{at}", tone), *_slack(night))
    if forecast.finish is None:
        because = f" {unknown_because(night)}" if wide else ""
        return (Cell(f"FIN not known{because}" if wide else "FIN ?", "unknown"),)
    text = at = clock_day(forecast.finish, night.now, state.utc_offset)
    if wide and forecast.finish_p90 is not None:
        latest = clock_day(forecast.finish_p90, night.now, state.utc_offset)
        text += f" (to {latest})" if latest != at else ""
    still = (Cell(f" {forecast.paused} paused", "warn"),) if forecast.paused else ()
    return Cell(f"FIN {text}", "strong"), *_slack(night), *_stopped(night), *still


def _stopped(night: Night) -> Line:
    """What a person stopped: the finish is then as if they let it go on now."""
    state = night.state
    if any(no_go(state, task.id) for task in state.tasks.values() if task.server is None and task.state == RUNNING):
        return (Cell(" NO-GO", "bad"),)
    if state.held:
        return (Cell(" all held" if "" in state.held else f" {len(state.held)} held", "warn"),)
    return ()


def _slack(night: Night) -> Line:
    slack = night.forecast.slack
    if slack is None:
        return ()
    if slack <= -1:
        return (Cell(f" LATE {format_slack(slack)}", "bad"),)
    return (Cell(f" {format_slack(slack)}", "good" if slack >= thin(night) else "warn"),)


def unknown_because(night: Night) -> str:
    """The task that nobody knows the end of: "copy-out@fs01 stalled 2m10s", "copy-out@fs01 is paused"."""
    for task in night.forecast.critical:
        if task in night.state.paused:
            return f"{task} is paused"
        moving = night.forecast.transfers.get(task)
        if moving is not None and moving.stalled_since is not None:
            return f"{task} stalled {format_duration(night.now - moving.stalled_since)}"
    return ""


def turn_back(night: Night, *, wide: bool) -> Line:
    """Until when one can still turn back: computed where it was, else as the plan's gate says it, else until which gate."""
    state, latest = night.state, night.forecast.backout_latest
    if state.outcome is not None:
        return ()
    if state.backout:
        return (Cell("BACKING OUT", "warn"),)
    if latest is not None:
        left = latest - night.now
        return (Cell(f"TURN BACK BY {clock(latest, state.utc_offset)}", "warn" if left < 1800 else ""),)
    passed = no_return_passed(night.plan, state)
    if passed:
        return (Cell(f"no return since {passed}" if wide else "no return", "dim"),)
    found = next_gate_by(night)
    if found is None:
        return _way_back(night, wide=wide)
    at = clock(found[1], state.utc_offset)
    return (Cell(f"GO WAS DUE {at}", "warn") if found[1] < night.now else Cell(f"GO BY {at}"),)


def _way_back(night: Night, *, wide: bool) -> Line:
    """Of a plan that has one, while no gate ahead has a time: until a go of no return, else to the end. Not "TURN BACK"
    without a time: at a glance that is an order."""
    if not night.forecast.backout_possible:
        return ()
    starts = night.forecast.starts
    gates = sorted(no_return_ahead(night.plan, night.state), key=lambda gate: starts.get(gate.id, float("inf")))
    until = gates[0].step if gates else "the end"
    return (Cell(f"WAY BACK until {until}" if wide else "WAY BACK open"),)


def next_gate_by(night: Night) -> tuple[Step, float] | None:
    """The first gate not yet answered for which the plan says until when go makes sense."""
    for step in night.plan.steps:
        if isinstance(step.action, Gate):
            tasks = [night.state.tasks[t] for t in step.task_ids() if t in night.state.tasks]
            at = go_by(step.action, night.state)
            if at is not None and any(t.state in ("pending", "running") for t in tasks):
                return step, at
    return None


def testing(night: Night) -> Line:
    begins = night.state.testing
    if begins is None or begins <= night.now or night.state.outcome is not None:
        return ()
    at = clock_day(begins, night.now, night.state.utc_offset)
    return (Cell(f"TEST {at} in {format_duration(begins - night.now)}"),)
