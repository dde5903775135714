"""The places of a `compare`, with their templates filled in, and who reads them there. Knows no way of reading."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from cockpit.plan.model import LOCAL, Check, Place
from cockpit.steps.api import StepContext


@dataclass(frozen=True, slots=True)
class Spot:
    """One place: a server, an absolute path, and whether root reads it."""

    server: str
    path: str
    become: bool

    def __str__(self) -> str:
        return f"{self.server}:{self.path}"


def spots(ctx: StepContext, check: Check) -> list[Spot]:
    """The first is the source. ValueError for a place that says nothing, TemplateProblem."""
    found = [_spot(ctx, place) for place in check.places]
    if len({(spot.server, spot.path) for spot in found}) < len(found):
        raise ValueError(f"{', '.join(map(str, found))}: one place twice proves nothing")
    return found


def _spot(ctx: StepContext, place: Place) -> Spot:
    server = place.server or ctx.server or LOCAL
    path = ctx.render(place.path, path=True)
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"{server}: {path!r} is not an absolute path: write it from / on")
    return Spot(server, "/" + posixpath.normpath(path).lstrip("/"), _become(ctx, server))


def _become(ctx: StepContext, server: str) -> bool:
    """As a copy has it: the step's word for all of its places, else what each server's own says."""
    if server == ctx.server:
        return ctx.become()
    known = ctx.plan.servers.get(server)
    if known is None or known.sftp_only:
        return False
    return ctx.step.become if ctx.step.become is not None else known.become
