"""Fetching a server's host key without logging in, for a person to compare, and writing what they accepted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cockpit.fleet.api import FleetError
from cockpit.fleet.fleet import Fleet
from cockpit.fleet.hostkeys import KeyProblem, write_known_host


@dataclass(frozen=True, slots=True)
class Offered:
    """One host key as a server (or a jump host on the way to it) shows it now. known: same as what we have; a changed one
    is never accepted without a person. `place` is what known_hosts calls it."""

    server: str
    place: str
    key: str
    fingerprint: str
    standing: str  # known | unknown | changed
    text: str = ""


async def fetch_keys(fleet: Fleet, server: str) -> Offered:
    """The key of `server`, or of the first unknown jump host before it: accept that one and fetch again.
    FleetError (unreachable, other, auth of a jump host) when none can be had."""
    dialer = fleet.server(server).dialer
    try:
        key, fingerprint = await dialer.fetch_key()
    except KeyProblem as problem:
        standing = "changed" if problem.problem == "key-changed" else "unknown"
        return Offered(server, problem.place, problem.key, problem.fingerprint, standing, problem.text)
    return Offered(server, dialer.place, key, fingerprint, "known")


def write_known_hosts(path: Path, offered: Offered) -> None:
    """Into PLAN.known_hosts beside the plan; it replaces what the file had for this place."""
    if offered.standing == "changed":
        raise FleetError(offered.server, "key-changed", f"a changed key is not written: {offered.text}")
    write_known_host(path, offered.place, offered.key)
