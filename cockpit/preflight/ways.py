"""The ways of one copy that were tried, in words: those that it does not take, and one that is clearly faster. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cockpit.fleet.trial import Tried
from cockpit.preflight.finding import Finding, warn
from cockpit.units import format_rate

CLEARLY = 1.5  # times as fast, from which on another way is worth a person's thought


def faster(ways: Sequence[Tried], limit: float) -> Iterator[Finding]:
    """At least by that much: two trials of one way differ too, and what the plan limits is not felt."""
    own = next((way for way in ways if way.taken), None)
    others = [way for way in ways if way.works and not way.taken]
    best = max(others, key=lambda way: way.measured.least, default=None)
    if own is None or best is None or own.measured.rate is None:
        return
    if min(best.measured.least, limit) <= CLEARLY * min(own.measured.most, limit):
        return
    slow = f"{own.way}, which the copy takes, {_rate(own)}"
    yield warn("faster", f"{best.way}: {_rate(best)}; {slow}", f'write route = "{best.way}" in the copy to have it go that way')


def others(ways: Sequence[Tried]) -> Iterator[str]:
    """A line for each that the copy does not take, where it takes one between the servers: else its finding says why not."""
    if not any(way.taken and way.route.way != "relay" for way in ways):
        return
    for way in ways:
        if not way.taken:
            yield f"       {'or' if way.works else 'no'} {way.way:<6}  {_rate(way) if way.works else way.route.why}"


def _rate(way: Tried) -> str:
    return format_rate(way.measured.rate) if way.measured.rate else way.measured.words


def document(way: Tried) -> dict[str, Any]:
    """job: the server whose side does the copy's work, that logs in to the other."""
    rate = way.measured.rate
    return {
        "way": way.way, "job": way.route.job if way.works and way.route.way != "relay" else None,
        "rate": round(rate) if rate else None, "measured": way.measured.words if way.works else None,
        "problem": None if way.works else way.route.why, "taken": way.taken,
    }  # fmt: skip
