"""A copy over SFTP through this machine. It runs while the engine does; begun again, it goes on with what has arrived."""

from __future__ import annotations

import asyncio
import posixpath
from shlex import quote

from cockpit.fleet.api import CopyProgress, FleetError, Lost
from cockpit.fleet.relay import Relayed, relay
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy.beforehand import CANCELLED
from cockpit.steps.copy.clock import over, too_long
from cockpit.steps.copy.leftovers import RELAYED
from cockpit.steps.copy.ondisk import not_all, synced
from cockpit.steps.copy.places import End
from cockpit.steps.copy.told import scan, tell
from cockpit.units import plural

SHOWN = 5  # names in a message


async def run(ctx: StepContext, source: End, target: End, without: frozenset[str] = frozenset()) -> Outcome:
    """Ends early when a person cancels or the step's time is over; what has arrived stays. without: what a person agreed to
    leave behind, words of `fits.Problem`."""
    await ctx.note(**{RELAYED: True})
    work = asyncio.create_task(_kept(ctx, source, target, without))
    cancel, late = asyncio.create_task(ctx.cancel_event()), asyncio.create_task(over(ctx))
    try:
        await asyncio.wait({work, cancel, late}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if cancel.done():
            return Outcome("cancelled", error=CANCELLED)
        return too_long(ctx)
    except OSError as problem:
        return Outcome("failed", error=str(problem))
    finally:
        work.cancel()
        cancel.cancel()
        late.cancel()
        await asyncio.gather(work, cancel, late, return_exceptions=True)


async def _kept(ctx: StepContext, source: End, target: End, without: frozenset[str]) -> Outcome:
    """The copy, and whether the disk took it. One that failed is asked too: a file's fsync tells of a loss once, and the next
    try would be told nothing of it. OSError, FleetError, Lost."""
    try:
        outcome = _outcome(ctx, await _copy(ctx, source, target, without))
    except Lost:
        raise
    except (OSError, FleetError):
        if lost := await _lost(ctx, source, target):
            return lost
        raise
    return await _lost(ctx, source, target) or outcome


async def _lost(ctx: StepContext, source: End, target: End) -> Outcome | None:
    said = await synced(ctx, target, await _landing(source, target))
    return Outcome("failed", error=not_all(target, said), detail={"way": "relay"}) if said else None


async def _landing(source: End, target: End) -> str:
    """By rsync's rules of trailing slashes, of what is there by now."""
    if source.path.endswith("/") or target.remote.target.sftp_only:
        return target.path
    into = await target.remote.errand(f"[ -d {quote(target.path)} ]", become=target.become)
    return target.path if into.exit else posixpath.join(target.path, posixpath.basename(source.path))


async def _copy(ctx: StepContext, source: End, target: End, without: frozenset[str]) -> Relayed:
    action = ctx.step.action
    assert isinstance(action, Copy)

    def heard(now: CopyProgress) -> None:
        if now.phase == "scan":
            scan(ctx)
        else:
            tell(
                ctx, now.phase, now.bytes_done, now.bytes_total, now.files_done, now.files_total, largest=now.largest,
                proof=now.proof,
            )  # fmt: skip

    return await relay(
        source.remote, target.remote, source.path, target.path, exclude=action.exclude, delete=action.delete,
        final=action.pass_ == "final", rate=lambda: _slower(action.limit, ctx.pace().rate), tell=heard, say=ctx.say,
        without=without,
    )  # fmt: skip


def _slower(one: float | None, other: float | None) -> float | None:
    return min((rate for rate in (one, other) if rate is not None), default=None)


def _outcome(ctx: StepContext, done: Relayed) -> Outcome:
    action = ctx.step.action
    assert isinstance(action, Copy)
    ctx.say("over SFTP hard links become files of their own; ACLs and extended attributes stay behind")
    if done.not_owned:
        ctx.say(f"{done.not_owned} entries keep the owner who logged in: the target does not let it give them away")
    if done.special:
        ctx.say(f"{len(done.special)} special files can't go over SFTP: {_names(done.special)}")
    detail = {"way": "relay", "bytes": done.size, "files": done.files, "special": len(done.special)}
    if done.missing:
        text = f"{len(done.missing)} entries are not at the target as in the source: {_names(done.missing)}"
        return Outcome("failed", error=text, transient=True, detail=detail)
    if done.changed and action.pass_ != "initial":
        text = f"{plural(len(done.changed), 'file')} changed while they were read: {_names(done.changed)}"
        return Outcome("failed", error=text, transient=True, detail=detail)
    if done.restless:
        text = f"the final pass still found {plural(done.restless, 'change')}: the source is not at rest"
        return Outcome("failed", error=text, detail=detail)
    return Outcome("done", detail=detail)


def _names(paths: tuple[bytes, ...]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(path.decode(errors="replace") or "." for path in paths[:SHOWN]) + more
