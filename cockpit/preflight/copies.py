"""Every copy of the plan before the night: its way, the rate measured on it, how long that means, and whether it fits.

Each pair of servers is measured once and alone: two measurements at a time would each see half the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from cockpit.fleet.api import FleetError, Remote
from cockpit.fleet.fleet import Fleet
from cockpit.fleet.measure import Measured
from cockpit.fleet.openroute import WrongHostKey
from cockpit.fleet.room import Room, room
from cockpit.fleet.routes import Route
from cockpit.fleet.survey.able import Able, able, over_sftp
from cockpit.fleet.survey.fits import Problem, fits
from cockpit.fleet.survey.fits import needed as more_bytes
from cockpit.fleet.survey.fits import needed_inodes as more_inodes
from cockpit.fleet.survey.look import survey
from cockpit.fleet.survey.model import Surveyed
from cockpit.fleet.trial import Allowance, Trial, Tried, trial
from cockpit.plan.model import LOCAL, Copy, Place, Plan, Step, task_id
from cockpit.plan.templates import TemplateProblem, render, scope
from cockpit.plan.times import hours
from cockpit.preflight.finding import Finding, bad, good, warn
from cockpit.preflight.ways import document, faster
from cockpit.units import format_duration, format_rate, format_size

LATE = 1.25  # times the plan's estimate, from which on the measured rate is a warning
SHARED = ("room", "inodes")
PATIENCE = 20.0  # seconds; a count that takes longer is left to the copy
AT_ONCE = 8  # servers asked at a time what lies where


@dataclass(frozen=True, slots=True)
class End:
    server: str
    path: str | None  # None: known only once the session has begun (an input)
    become: bool

    def __str__(self) -> str:
        return f"{self.server}:{self.path or '…'}"


@dataclass(slots=True)
class Trip:
    """One copy task. size: bytes, from the plan's estimate or `counted`; None: not known."""

    task: str
    step: Step
    action: Copy
    source: End
    target: End
    size: int | None = None
    counted: bool = False
    seen: Surveyed | None = None
    able: Able | None = None
    lying: Surveyed | None = None
    problems: list[Problem] = field(default_factory=list)
    route: Route | None = None
    measured: Measured | None = None
    ways: Sequence[Tried] = ()
    findings: list[Finding] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        rate = self.measured.rate if self.measured else None
        return {
            "task": self.task, "from": str(self.source), "to": str(self.target), "bytes": self.size,
            "bytes_from": None if self.size is None else "counted" if self.counted else "estimate",
            "way": self.route.name if self.route else None, "why": self.route.why if self.route else None,
            "rate": round(rate) if rate else None, "measured": self.measured.words if self.measured else None,
            "ways": [document(way) for way in self.ways],
            "survey": self.seen.json() if self.seen else None, "target": self.able.json() if self.able else None,
            "problems": [p.json() for p in self.problems], "findings": [f.json() for f in self.findings],
        }  # fmt: skip


def trips(plan: Plan, now: float) -> list[Trip]:
    """Every copy of the night and of the backout, as a session that began at `now` would see it."""
    return [
        Trip(task_id(step.id, server), step, step.action, *_ends(plan, step, step.action, server, now), size=_estimated(step))
        for step in (*plan.steps, *plan.backout) if isinstance(step.action, Copy)
        for server in step.servers or (LOCAL,)
    ]


def _estimated(step: Step) -> int | None:
    return step.estimate.bytes if step.estimate else None


def _ends(plan: Plan, step: Step, action: Copy, server: str, now: float) -> tuple[End, End]:
    def end(place: Place) -> End:
        name = place.server or server
        known = plan.servers.get(name)
        become = step.become if step.become is not None else bool(known and known.become)
        path = _path(plan, place, server, now) if action.pipe is None else None
        return End(name, path, become and name != LOCAL)

    return end(action.source), end(action.target)


def _path(plan: Plan, place: Place, server: str, now: float) -> str | None:
    try:
        return render(place.path, scope(plan, server, {}, {}, hours(plan.window, now)), path=True)
    except TemplateProblem:
        return None


async def look_at_copies(
    plan: Plan, found: Sequence[Trip], fleet: Fleet, up: set[str], say: Callable[[str], None],
) -> list[Finding]:
    """Fills in every trip; the findings are about room, which several copies share. `up`: servers in contact."""
    near = [t for t in found if {t.source.server, t.target.server} <= up]
    for trip in found:
        if trip not in near:
            away = ", ".join(sorted({trip.source.server, trip.target.server} - up))
            trip.findings.append(bad("way", f"not tried: no contact to {away}", "see above"))
    gate = asyncio.Semaphore(AT_ONCE)

    async def weighed(trip: Trip) -> None:
        async with gate:
            await _weigh(trip, fleet.remote(trip.source.server))
            await _try(trip, fleet.remote(trip.target.server))

    await asyncio.gather(*(weighed(trip) for trip in near))
    await _measure(near, fleet, say)
    for trip in near:
        trip.findings += _judged(plan, trip)
        trip.findings += _kept(trip)
        if trip.action.convert is not None:
            trip.findings.append(await _converter(trip, fleet.remote(trip.target.server)))
    return await _rooms(near, fleet)


async def _weigh(trip: Trip, source: Remote) -> None:
    if trip.source.path is None:
        return
    try:
        trip.seen = await survey(
            source, trip.source.path, become=trip.source.become, exclude=trip.action.exclude, timeout=PATIENCE,
        )  # fmt: skip
    except FleetError as problem:
        trip.findings.append(warn("size", f"it could not be counted: {problem.text}"))
    except TimeoutError:
        trip.findings.append(warn("size", f"it was not counted in {PATIENCE:.0f} s", "the copy counts it when it starts"))
    if trip.seen is not None and trip.size is None:
        trip.size, trip.counted = trip.seen.size, True


async def _try(trip: Trip, target: Remote) -> None:
    if trip.target.path is None:
        return
    try:
        trip.able = await able(target, trip.target.path, trip.target.become)
    except FleetError as problem:
        trip.findings.append(warn("target", f"it could not be tried: {problem.text}"))
    except TimeoutError:
        trip.findings.append(warn("target", "it could not be tried: no answer in time"))


def _kept(trip: Trip) -> Iterator[Finding]:
    """What will not survive; what shares its room with other copies is `_rooms`'s."""
    if trip.able is None:
        return
    there = over_sftp(trip.able) if trip.route and trip.route.way == "relay" else trip.able
    trip.problems = fits(trip.seen, there) if trip.seen else []
    for problem in trip.problems:
        if problem.grave == "refuse" and problem.what not in SHARED:
            yield bad(problem.what, problem.text, problem.instead)
        elif problem.grave == "ask":
            yield warn(problem.what, problem.text, "the copy will ask whether to go on without")
        elif problem.grave == "say":
            yield good(problem.what, problem.text)


async def _converter(trip: Trip, target: Remote) -> Finding:
    try:
        done = await target.run("qemu-img --version | head -n 1", become=trip.target.become, timeout=60)
    except (FleetError, TimeoutError) as problem:
        return warn("convert", f"qemu-img was not looked for: {getattr(problem, 'text', None) or 'no answer in time'}")
    said = done.stdout.decode(errors="replace").strip()
    if not said:
        return bad("convert", f"{trip.target.server} has no qemu-img", "install it there (qemu-utils)")
    return good("convert", said)


# --- the way


async def _measure(found: Sequence[Trip], fleet: Fleet, say: Callable[[str], None]) -> None:
    """One trial for all copies between the same two servers in the same way."""
    tried: dict[tuple[Any, ...], Trial | FleetError] = {}
    beside = Allowance()
    for trip in found:
        how = (trip.action.method == "sftp", trip.action.route, trip.action.pipe is None)
        pair = (trip.source.server, trip.target.server, trip.source.become, trip.target.become, *how)
        if pair not in tried:
            say(f"measuring {trip.source.server} to {trip.target.server}")
            tried[pair] = await _tried(trip, fleet, beside)
            trip.findings += _left(tried[pair])
        came = tried[pair]
        if isinstance(came, FleetError):
            instead = "find out who answers there" if isinstance(came, WrongHostKey) else "see what is said of the server above"
            trip.findings.append(bad("way", came.text, instead))
        else:
            trip.route, trip.measured, trip.ways = came.route, came.measured, came.ways


def _left(came: Trial | FleetError) -> Iterator[Finding]:
    for words in dict.fromkeys(kept for way in came.ways for kept in way.kept) if isinstance(came, Trial) else ():
        yield warn("key", f"what was made for a trial stays there: {words}", "its key is good for two days at most")


async def _tried(trip: Trip, fleet: Fleet, beside: Allowance) -> Trial | FleetError:
    source, target = trip.source, trip.target
    try:
        return await trial(
            fleet.remote(source.server), fleet.remote(target.server), source.path, target.path,
            become=(source.become, target.become), sftp="sftp" in (trip.action.method, trip.action.route),
            here=fleet.remote(LOCAL), pin=trip.action.route, rsync=trip.action.pipe is None, beside=beside,
        )  # fmt: skip
    except FleetError as problem:
        return problem
    except TimeoutError:
        return FleetError(target.server, "other", "one of the two servers did not answer in time")


def _judged(plan: Plan, trip: Trip) -> Iterator[Finding]:
    if trip.route is None or trip.measured is None:
        return
    if trip.route.way == "relay" and trip.action.route not in (None, "sftp"):
        yield bad("way", f"the plan pins the route {trip.action.route}: {trip.route.why}", "mend that, or take route away")
    elif trip.route.way == "relay" and trip.action.pipe is not None:
        yield bad("way", f"no way for a pipe between the servers: {trip.route.why}", "mend that")
    elif trip.route.way == "relay" and trip.action.method == "rsync":
        yield bad("way", f"no rsync between the servers: {trip.route.why}", 'mend that, or write method = "auto"')
    elif trip.route.way == "relay" and trip.action.method == "auto":
        yield warn("way", f"through this machine over SFTP: {trip.route.why}", "slower than directly; it works")
    else:
        own = next(way for way in trip.ways if way.taken)
        yield good("way", f"{own.way}: {own.route.why}")
    yield _rated(plan, trip, trip.measured)
    yield from faster(trip.ways, min((r for r in (trip.action.limit, plan.limits.bandwidth) if r), default=inf))


def _rated(plan: Plan, trip: Trip, measured: Measured) -> Finding:
    if measured.rate is None:
        return good("rate", measured.words) if trip.route and trip.route.way == "local" else warn("rate", measured.words)
    limits = [r for r in (measured.rate, trip.action.limit, plan.limits.bandwidth) if r]
    rate = min(limits)
    text = f"{format_rate(measured.rate)} ({measured.words})"
    text += f", limited to {format_rate(rate)} by the plan" if rate < measured.rate else ""
    if trip.size is None:
        return warn("rate", f"{text}; how much it moves is not known", 'give estimate = { bytes = "…", rate = "…" }')
    seconds, source = trip.size / rate, "counted" if trip.counted else "by the estimate"
    text += f"; {format_size(trip.size)} {source}: {format_duration(seconds)} if the disks keep up"
    planned = trip.step.estimate.seconds if trip.step.estimate else None
    if planned is not None and seconds > planned * LATE and seconds - planned > 60:
        return warn("rate", text, f"the plan says {format_duration(planned)}: correct its estimate, or start earlier")
    return good("rate", text)


# --- room


async def _rooms(found: Sequence[Trip], fleet: Fleet) -> list[Finding]:
    """What all copies onto one file system need, against what is free there; what lies at a target is not needed again."""
    needed: dict[tuple[str, str], list[tuple[Trip, Room, int]]] = {}
    findings: list[Finding] = []
    for trip in found:
        if trip.action.pipe is not None:  # its consumer knows alone where it writes
            continue
        try:
            seen = await _seen(trip, fleet.remote(trip.target.server))
        except (FleetError, TimeoutError) as problem:
            findings.append(warn("room", f"{trip.target}: {getattr(problem, 'text', None) or 'no answer in time'}"))
            continue
        if seen is None:
            what = "its path" if trip.target.path is None else "how much it moves"
            findings.append(warn("room", f"{trip.task}: {what} is not known before the night", "look at the target yourself"))
        else:
            needed.setdefault((trip.target.server, seen[0].on), []).append((trip, *seen))
    for (server, _), all_ in needed.items():
        findings += [_fits(server, tuple(all_)), *_inodes(server, tuple(trip for trip, _, _ in all_))]
    return findings


async def _seen(trip: Trip, target: Remote) -> tuple[Room, int] | None:
    """(room at the target, bytes that this copy will still add)."""
    if trip.target.path is None or trip.size is None:
        return None
    there = await room(target, trip.target.path, become=trip.target.become)
    trip.lying = await _lying(trip, target)
    if trip.seen and trip.able and trip.counted:
        return there, more_bytes(trip.seen, trip.able, trip.lying)
    return there, max(0, trip.size - (trip.lying.allocated or trip.lying.size if trip.lying else 0))


async def _lying(trip: Trip, target: Remote) -> Surveyed | None:
    """What is at the target already, where it can be told cheaply."""
    if target.target.sftp_only or trip.target.path is None:
        return None
    try:
        return await survey(target, trip.target.path, become=trip.target.become, timeout=PATIENCE)
    except (FleetError, TimeoutError):
        return None


def _inodes(server: str, copies: Sequence[Trip]) -> Iterator[Finding]:
    """Only where they will not suffice: most file systems have more than anybody needs."""
    known = [(trip.seen, trip.able, trip.lying) for trip in copies if trip.seen and trip.able]
    free = min((there.inodes for _, there, _ in known if there.inodes is not None), default=None)
    more = sum(more_inodes(*each) for each in known)
    if free is not None and more > free:
        text = f"{server}:{known[0][1].place}: {more} files and directories to come, {free} inodes free"
        yield bad("inodes", text, "make room, or copy elsewhere")


def _fits(server: str, copies: Sequence[tuple[Trip, Room, int]]) -> Finding:
    free = min(place.free for _, place, _ in copies)
    more = sum(need for _, _, need in copies)
    tasks = ", ".join(dict.fromkeys(trip.step.id for trip, _, _ in copies))
    at = copies[0][1].place
    text = f"{server}:{at}: {format_size(more)} to come ({tasks}), {format_size(free)} free"
    if more > free:
        return bad("room", text, "make room, or copy elsewhere; what an earlier step of the night frees is not seen here")
    return good("room", text)
