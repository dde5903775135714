"""Which way two servers take between each other: tried one after another, the first that can be gone is the one.

The destination pulls, else the source pushes, else one of these through a tunnel of this machine (`tunnel`). Refuses to know
what is copied; how a way is made and what its key may do is `openroute`'s.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from cockpit.fleet import keydir
from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.fleet.openroute import ECHO, OpenRoute, Way, WrongHostKey
from cockpit.fleet.sides import Side, look
from cockpit.fleet.tunnel import dig, no_tunnel, trouble

Pin = Literal["pull", "push", "tunnel", "sftp"]

TUNNEL_TIMEOUT = 20.0  # seconds until a tunnel must stand: two logins in a row, each through its jump hosts


def route_tag(attempt: str) -> str:
    """A route's tag: safe in file names, in authorized_keys and in a regular expression."""
    return "cockpit-route-" + re.sub(r"[^A-Za-z0-9_-]", "-", attempt)


@dataclass(frozen=True, slots=True)
class Route:
    """How data gets from source to target. `job`: whose side runs rsync (pull: the target's). why: words for a person.
    tunnel: pulled or pushed through OpenSSH on the cockpit's machine."""

    way: Way
    why: str
    source: str
    target: str
    tunnel: bool = False

    @property
    def job(self) -> str:
        return self.source if self.way == "push" else self.target

    @property
    def name(self) -> str:
        """The way in one word, as people and reports have it."""
        return "tunnel" if self.tunnel else self.way


async def open_route(
    tag: str, way: Way, job: Side, other: Side, here: Side | None = None, *, believe: bool = False,
) -> OpenRoute | str:  # fmt: skip
    """Make it and try it, to learn from where `job` is seen; then with `from=`, where that may change. A string says why not
    (and nothing is left behind). here: through a tunnel of this machine; believe: as `find_route` has it. WrongHostKey, Lost."""
    if unfit := _unfit(job, other) or (here and no_tunnel(here, job, other)):
        return unfit
    key = other.remote.host_key
    if not key:
        return f"{other.name}'s host key is not known here"
    known = f"cockpit-other {' '.join(key.split()[:2])}\n"
    try:
        directory, public = await keydir.make(job.remote, tag, known, become=job.become)
    except keydir.NoKey as problem:
        return str(problem)
    route = OpenRoute(tag, way, job, other, directory, public, here=here)
    try:
        why = await (_try_tunnel(route, here) if here else _try_addresses(route, believe))
    except Lost:
        raise
    except (FleetError, TimeoutError) as problem:
        await route.close()
        if isinstance(problem, WrongHostKey):
            raise
        return str(problem) or f"{job.name} or {other.name} did not answer in time"
    if why:
        await route.close()
    return why or route


def _unfit(job: Side, other: Side) -> str:
    if job.problem or other.problem:
        return job.problem or other.problem
    if not job.ssh:
        return f"{job.name} has no OpenSSH client"
    if not other.address:
        return f"{other.name} can't be logged in to from outside"
    if other.become and not other.silent_root:
        return f"sudo on {other.name} wants a password"
    return ""


async def _try_addresses(route: OpenRoute, believe: bool) -> str:
    if believe and await route.believe():
        return ""
    await route.permit(f"echo {ECHO} $SSH_CONNECTION", anywhere=True)
    whys = []
    for address, port in route.other.addresses():
        why = await route.prove(address, port)
        if not why and route.unchanged:  # `from=` comes with what it is let do next; until then it can but say who called
            return ""
        if not why:
            await route.permit(f"echo {ECHO} $SSH_CONNECTION")
            return await route.prove(address, port)
        whys.append(why)
    return "; ".join(whys)


async def _try_tunnel(route: OpenRoute, here: Side) -> str:
    """As `_try_addresses`; a tunnel takes a moment until it stands, or says what stops it."""
    port = await dig(route.tag, here, route.job, route.other)
    await route.permit(f"echo {ECHO} $SSH_CONNECTION", anywhere=True)
    ends = time.monotonic() + TUNNEL_TIMEOUT
    while why := await route.prove("127.0.0.1", port):
        said = await trouble(here.remote, route.tag)
        if said or route.seen_from or time.monotonic() > ends:
            return f"no tunnel through this machine: {said or why}"
        await asyncio.sleep(0.1)
    await route.permit(f"echo {ECHO} $SSH_CONNECTION")
    return await route.prove("127.0.0.1", port)


async def find_route(
    tag: str, source: Side, target: Side, *, here: Remote | None = None, pin: Pin | None = None, believe: bool = False,
) -> tuple[Route, OpenRoute | None]:  # fmt: skip
    """The destination pulls, else the source pushes, else one of these through a tunnel of this machine (`here`), else it goes
    through the cockpit; with the route made where direct. pin: this way or none ("relay" with the reason). believe: a way that
    was gone a moment ago need not be tried, for whatever fails on it is tried again by itself. Lost, WrongHostKey."""
    if source.name == target.name:
        why = source.problem
        return Route("relay" if why else "local", why or "both ends are one server", source.name, target.name), None
    whys: list[str] = []
    async for way, job, other, dug in _ways(source, target, here, pin):
        made = await open_route(tag, way, job, other, dug, believe=believe)
        if isinstance(made, OpenRoute):
            why = f"{job.name} reaches {other.name}" + " through a tunnel of this machine" * bool(dug)
            if made.believed:
                why = f"{job.name} reached {other.name} a moment ago, and it is not tried again"
            why = "; ".join(dict.fromkeys([*whys, why]))
            return Route(way, why, source.name, target.name, dug is not None), made
        whys.append(made)
    return Route("relay", "; ".join(dict.fromkeys(whys)), source.name, target.name), None


async def _ways(
    source: Side, target: Side, here: Remote | None, pin: Pin | None,
) -> AsyncIterator[tuple[Way, Side, Side, Side | None]]:  # fmt: skip
    """(pull or push, the job's side, the other one, this machine where through a tunnel of it), in the order to be tried."""
    sides: tuple[tuple[Way, Side, Side], ...] = (("pull", target, source), ("push", source, target))
    for side in sides:
        if pin in (None, side[0]):
            yield (*side, None)
    if here is not None and pin in (None, "tunnel"):
        mine = await look(here, False)
        for side in sides:
            yield (*side, mine)
