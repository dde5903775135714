"""What a report takes from the facts themselves, in order: decisions, the engines, and what became of contact.

Fed fact by fact, so that a long night needs no second copy in memory. What a state keeps is not here (`views.report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cockpit.journal.events import (
    EngineStarted,
    EngineStopped,
    EngineTroubled,
    Fact,
    HostKeyAccepted,
    HostKeyOffered,
    ServerContacted,
    ServerDropped,
    ServerLost,
)
from cockpit.units import format_duration
from cockpit.views import facts
from cockpit.views.logs import one_line
from cockpit.views.model import Cell
from cockpit.views.paper import Section, stamp, table
from cockpit.views.words import plural


@dataclass(slots=True)
class _Server:
    system: str = ""
    user: str = ""
    boots: list[str] = field(default_factory=list)
    contacts: int = 0
    lost_at: float | None = None
    losses: int = 0


class Record:
    def __init__(self, utc_offset: float) -> None:
        self._offset = utc_offset
        self._decisions: list[Fact] = []
        self._engines: list[Fact] = []
        self._servers: dict[str, _Server] = {}
        self._problems: list[list[str]] = []  # time, server, what, how long
        self._open: dict[str, int] = {}  # server -> its newest line of `_problems`

    def add(self, fact: Fact) -> None:
        if fact.who:
            self._decisions.append(fact)
        match fact.event:
            case EngineStarted() | EngineStopped() | EngineTroubled():
                self._engines.append(fact)
            case ServerContacted():
                self._contacted(fact, fact.event)
            case ServerLost():
                self._lost(fact, fact.event)
            case HostKeyAccepted() | HostKeyOffered() | ServerDropped():
                self._problems.append([stamp(fact.at, self._offset), fact.event.server, facts.text(fact), ""])

    def _contacted(self, fact: Fact, event: ServerContacted) -> None:
        server = self._servers.setdefault(event.server, _Server())
        server.system = _text(event.facts, "os", "uname") or server.system
        server.user = _text(event.facts, "user") or server.user
        server.contacts += 1
        if event.boot_id and event.boot_id not in server.boots:
            server.boots.append(event.boot_id)
        if server.lost_at is not None:
            self._problems[self._open[event.server]][3] = format_duration(fact.at - server.lost_at)
            server.lost_at = None

    def _lost(self, fact: Fact, event: ServerLost) -> None:
        """Lost as it was, it may be told again, with another reason: that is no other loss."""
        server = self._servers.setdefault(event.server, _Server())
        what = one_line(f"{event.problem}: {event.text}")
        if server.lost_at is not None:
            row = self._problems[self._open[event.server]]
            row[2] = row[2] if row[2].endswith(what) else f"{row[2]}; then {what}"
            return
        server.losses += 1
        server.lost_at = fact.at
        self._problems.append([stamp(fact.at, self._offset), event.server, what, "to the end"])
        self._open[event.server] = len(self._problems) - 1

    def decisions(self) -> Section:
        rows = [self._decision(fact) for fact in self._decisions]
        words = () if rows else ("Nobody decided anything.",)
        return Section("Decisions", words, table(("TIME", "WHO", "WHAT", "WHY", "FROM"), rows))

    def _decision(self, fact: Fact) -> tuple[str, ...]:
        what = facts.text(replace(fact, who=None, why=None))
        return stamp(fact.at, self._offset), one_line(fact.who or ""), what, one_line(fact.why or ""), _from(fact.peer)

    def servers(self) -> tuple[Section, Section]:
        """What each was, and what went wrong with contact."""
        rows = [(name, s.system, s.user, _boots(s), _losses(s)) for name, s in self._servers.items()]
        what = table(("SERVER", "SYSTEM", "USER", "BOOTS", "CONTACT"), rows)
        trouble = table(("TIME", "SERVER", "WHAT", "FOR"), self._problems)
        words = () if self._problems else ("None was lost, and no key changed.",)
        return Section("Servers", (), what), Section("Trouble with servers", words, trouble)

    def engines(self) -> Section:
        """An engine that starts while none has stopped follows one that was killed."""
        rows: list[tuple[str, str | Cell]] = []
        running = False
        for fact in self._engines:
            started = isinstance(fact.event, EngineStarted)
            killed = "; the one before had not stopped: it was killed, or its machine went down" if started and running else ""
            rows.append((stamp(fact.at, self._offset), Cell(facts.text(fact) + killed, "warn" if killed else "")))
            running = started or (running and not isinstance(fact.event, EngineStopped))
        return Section("Engines", (), table(("TIME", "WHAT"), rows))


def _text(told: dict[str, Any], *names: str) -> str:
    return next((one_line(str(told[n])) for n in names if told.get(n)), "")


def _boots(server: _Server) -> Cell:
    if not server.boots:
        return Cell("not known")
    again = len(server.boots) - 1
    return Cell(f"rebooted {plural(again, 'time')}" if again else "no reboot", "warn" if again else "")


def _losses(server: _Server) -> Cell:
    if not server.contacts:
        return Cell("never", "bad")
    return Cell(f"lost {plural(server.losses, 'time')}" if server.losses else "kept", "warn" if server.losses else "good")


def _from(peer: dict[str, Any] | None) -> str:
    """ "uid 1000, pid 4711, /dev/pts/3": what the control socket saw; "" for what the engine was started with."""
    if not peer:
        return ""
    found: Sequence[str] = [f"{name} {peer[name]}" for name in ("uid", "pid") if peer.get(name) is not None]
    return one_line(", ".join([*found, *([str(peer["tty"])] if peer.get("tty") else [])]))
