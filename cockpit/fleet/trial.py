"""Every way between two servers, tried for real and measured one after the other: two at a time would each see half of it.

The copy's own is the first that works, as `find_route` has it; the others are looked at beside it, and given up sooner.
Leaves nothing on a server or on this machine, also where it is cancelled in the middle. Refuses to know what is copied.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.fleet.measure import Measured, between, relayed
from cockpit.fleet.openroute import remove
from cockpit.fleet.routes import Pin, Route, find_route, route_tag
from cockpit.fleet.sides import Side, look

WAYS: tuple[Pin, ...] = ("pull", "push", "tunnel")  # in `find_route`'s order
PATIENCE = 20.0  # seconds for a way that the copy does not take, to be tried and measured
ALLOWED = 120.0  # seconds for all of these: there may be hundreds of pairs, and each way takes a login or two


@dataclass(slots=True)
class Allowance:
    """left: seconds for ways that no copy takes. Shared by the trials of one preflight."""

    left: float = ALLOWED


@dataclass(frozen=True, slots=True)
class Tried:
    """way: by its name, as `Route.name` and the plan's `route` have it. route: "relay", with the reason, where this one can't be
    gone. taken: the copy takes it. kept: what a server refused to take away again, in words."""

    way: str
    route: Route
    measured: Measured
    taken: bool = False
    kept: Sequence[str] = ()

    @property
    def works(self) -> bool:
        return self.taken or self.route.way != "relay"


@dataclass(frozen=True, slots=True)
class Trial:
    """route: the copy's ("relay", with the reason, also where the one that the plan pins can't be gone); measured: on it."""

    route: Route
    measured: Measured
    ways: Sequence[Tried]


async def trial(
    source: Remote, target: Remote, from_: str | None, to: str | None, *, become: tuple[bool, bool], sftp: bool = False,
    here: Remote | None = None, pin: Pin | None = None, rsync: bool = True, beside: Allowance,
) -> Trial:  # fmt: skip
    """Every way of a copy of `from_` to `to`, or only the one that the plan pins. SFTP through this machine takes part where
    nothing else works: no copy goes that way beside another. become: of the two sides; sftp: the plan says so; here, pin,
    rsync: as `find_route` and `look` have them; beside: for the others. Lost, WrongHostKey (then nothing would be copied)."""
    names = source.target.name, target.target.name
    if sftp:
        found, why = [], "the plan says sftp"
    else:
        sides = await asyncio.gather(look(source, become[0], rsync=rsync), look(target, become[1], rsync=rsync))
        found = await _Pair(*sides, here, beside).all(pin)
        why = _why(found)
        if own := next((tried for tried in found if tried.taken), None):
            return Trial(replace(own.route, why=why), own.measured, found)
    route = Route("relay", why, *names)
    if pin not in (None, "sftp"):
        return Trial(route, Measured(None, f"nothing was moved: the plan pins {pin}"), found)
    measured = await relayed(source, target, from_, to)
    return Trial(route, measured, [*found, Tried("relay", route, measured, True)])


def _why(found: Sequence[Tried]) -> str:
    """Why the copy goes as it does: what did not work before, and what does."""
    own = next((n for n, tried in enumerate(found, 1) if tried.taken), None)
    return "; ".join(dict.fromkeys(tried.route.why for tried in found[:own]))


@dataclass(frozen=True, slots=True)
class _Pair:
    source: Side
    target: Side
    here: Remote | None
    allowance: Allowance

    async def all(self, pin: Pin | None) -> list[Tried]:
        if self.source.name == self.target.name:
            return [await self._tried("local", None)]
        found: list[Tried] = []
        for way in (pin,) if pin else WAYS:
            found.append(await (self._beside(way) if any(tried.taken for tried in found) else self._tried(way, way)))
        return found

    async def _tried(self, name: str, way: Pin | None) -> Tried:
        """As long as a copy would try it: said to work and be taken where that would."""
        tag = route_tag(f"preflight-{token_hex(6)}")
        try:
            route, opened = await find_route(tag, self.source, self.target, here=self.here, pin=way)
            measured = await between(opened) if opened else Measured(None, _UNMOVED if route.way == "local" else route.why)
        finally:
            kept = await _to_the_end(remove(tag, self.source, self.target, here=self.here))
        return Tried(name, route, measured, taken=route.way != "relay", kept=kept)

    async def _beside(self, way: Pin) -> Tried:
        """What is wrong with it is wrong with this way alone: the copy takes another, which works."""
        began, patience = time.monotonic(), min(PATIENCE, self.allowance.left)
        if patience <= 0:
            return self._not(way, f"not tried: {ALLOWED:.0f} s went into ways that no copy takes")
        try:
            async with asyncio.timeout(patience):
                return replace(await self._tried(way, way), taken=False)
        except TimeoutError:
            return self._not(way, f"given up after {patience:.0f} s")
        except Lost:
            raise
        except FleetError as problem:
            return self._not(way, problem.text)
        finally:
            self.allowance.left -= time.monotonic() - began

    def _not(self, way: Pin, why: str) -> Tried:
        return Tried(way, Route("relay", why, self.source.name, self.target.name), Measured(None, why))


_UNMOVED = "both ends are one server: its disks decide, and nothing was moved"


async def _to_the_end(removal: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Also where one who waits is cancelled meanwhile, and be it twice: half removed, a key would stay."""
    going, told = asyncio.ensure_future(removal), False
    while not going.done():
        try:
            await asyncio.wait([going])
        except asyncio.CancelledError:
            told = True
    kept = going.result()  # what failed is said first: nobody may hear that all was taken away
    if told:
        raise asyncio.CancelledError
    return kept
