"""The whole of a preflight, as the JSON document and as lines for a person. Knows no server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.plan.model import Plan
from cockpit.preflight.copies import Trip
from cockpit.preflight.finding import Finding
from cockpit.preflight.servers import ServerLook
from cockpit.preflight.ways import others
from cockpit.units import rfc3339


@dataclass(frozen=True, slots=True)
class Preflight:
    plan: Plan
    at: float
    servers: Sequence[ServerLook]
    copies: Sequence[Trip]
    room: Sequence[Finding]
    here: Sequence[Finding]

    def findings(self) -> list[tuple[str, Finding]]:
        """(what it is about, finding), all of them."""
        found = [(look.name, f) for look in self.servers for f in look.findings]
        found += [(trip.task, f) for trip in self.copies for f in trip.findings]
        return found + [("room", f) for f in self.room] + [("here", f) for f in self.here]

    @property
    def ok(self) -> bool:
        return all(f.level != "bad" for _, f in self.findings())

    def json(self) -> dict[str, Any]:
        """Times RFC 3339 in UTC, sizes bytes, rates bytes per second, unknown null."""
        return {
            "plan": self.plan.name, "path": self.plan.path, "at": rfc3339(self.at), "ok": self.ok,
            "servers": [look.json() for look in self.servers], "copies": [trip.json() for trip in self.copies],
            "room": [f.json() for f in self.room], "here": [f.json() for f in self.here],
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Everything that was looked at, and what fails once more at the end, where the eye is."""
        found: list[str] = []
        for look in self.servers:
            found += [look.name, *(f"  {f.line(9)}" for f in look.findings), ""]
        for trip in self.copies:
            found += [f"{trip.task}  {trip.source} to {trip.target}", *(f"  {f.line(9)}" for f in trip.findings)]
            found += [*others(trip.ways), ""]
        both = [*self.room, *self.here]
        found += [f"  {f.line(9)}" for f in both] + [""] * bool(both)
        counted = [f.level for _, f in self.findings()]
        worse = [f"x {about}: {f.what}: {f.text}" for about, f in self.findings() if f.level == "bad"]
        summary = f"{counted.count('bad')} would fail tonight, {counted.count('warn')} may hurt, {counted.count('good')} fine"
        return [*found, *worse, summary]
