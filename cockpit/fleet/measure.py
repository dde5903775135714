"""How fast data would move between two servers tonight, found by moving a little over a way that a copy could go.

What was moved is said with the number, since zeros from memory measure the network and the cipher and never the disks. A
trial file is removed where a server has only SFTP. Knows no other way than the one that it is given.
"""

from __future__ import annotations

import asyncio
import posixpath
import time
from dataclasses import dataclass
from secrets import token_hex
from shlex import quote
from typing import Any

import asyncssh

from cockpit.fleet.api import FleetError, Remote
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.rsync import REMOTE
from cockpit.units import format_size

SIZES = (8 << 20, 64 << 20)  # bytes; the larger where the smaller takes too short to measure
ENOUGH = 0.5  # seconds of moving that make a rate
LIMIT = 60.0  # seconds for one trial
NOISE = 0.2  # seconds by which one login takes longer than another: one is taken off what the moving took
LOOKED_AT = 200  # directory entries, in search of a file to read on a server with only SFTP


@dataclass(frozen=True, slots=True)
class Measured:
    """rate: bytes per second, None where it was not measured; words: what was moved, or why nothing was. least, most: between
    which the rate is, since a few dozen megabytes pass a fast way in less time than a login may vary by."""

    rate: float | None
    words: str
    least: float = 0.0
    most: float = 0.0


# --- between the servers


async def between(route: OpenRoute) -> Measured:
    """Zeros from one server's memory through ssh to the other. The time of a login is measured alone and taken off."""
    call = f"sh {quote(route.shell)} {REMOTE} x"
    try:
        await route.permit("wc -c")
        login, _ = await _timed(route, f"{call} </dev/null")
        for size in SIZES:
            seconds = max(await _moved(route, call, size) - login, 0.001)
            if seconds >= ENOUGH:
                break
    except (TimeoutError, FleetError) as problem:
        return Measured(None, f"not measured: {problem}" if str(problem) else f"not measured: nothing came within {LIMIT:.0f} s")
    giver, taker = (route.other, route.job) if route.way == "pull" else (route.job, route.other)
    words = f"{format_size(size)} of zeros from {giver.name} to {taker.name} over ssh, without their disks"
    return Measured(size / seconds, words, size / (seconds + NOISE), size / max(seconds - NOISE, 0.001))


async def _moved(route: OpenRoute, call: str, size: int) -> float:
    """Seconds, with the login's. The other side counts what is pushed, as it is permitted already."""
    if route.way == "pull":
        await route.permit(f"head -c {size} /dev/zero")
        took, counted = await _timed(route, f"{call} </dev/null | wc -c")
    else:
        took, counted = await _timed(route, f"head -c {size} /dev/zero | {call}")
    if counted.split()[-1:] != [str(size)]:
        raise FleetError(route.job.name, "other", f"of {size} bytes {counted or 'none'} arrived")
    return took


async def _timed(route: OpenRoute, command: str) -> tuple[float, str]:
    began = time.monotonic()
    done = await route.job.remote.run(command, become=route.job.become, timeout=LIMIT)
    return time.monotonic() - began, done.stdout.decode(errors="replace").strip()


# --- through this machine


async def relayed(source: Remote, target: Remote, from_: str | None, to: str | None) -> Measured:
    """First read, then written: a relay does both at once, and is as fast as the slower half."""
    try:
        async with asyncio.timeout(LIMIT):
            size, down = await _read(source, from_)
            up, where = await _written(target, to, SIZES[0])
    except TimeoutError:
        return Measured(None, f"not measured: it took longer than {LIMIT:.0f} s")
    except (asyncssh.Error, OSError, FleetError, _Nothing) as problem:
        return Measured(None, f"not measured: {getattr(problem, 'text', None) or problem}")
    read = f"{format_size(size)} read from {source.target.name}"
    return Measured(min(down, up), f"{read}, {format_size(SIZES[0])} written to {target.target.name} ({where}), over SFTP")


class _Nothing(Exception):
    """There is nothing with which this half could be measured."""


async def _read(source: Remote, from_: str | None) -> tuple[int, float]:
    """(bytes, bytes per second)."""
    async with source.sftp() as client:
        path, size = ("/dev/zero", SIZES[0]) if not source.target.sftp_only else await _some_file(client, from_)
        async with await client.open(path, "rb") as file:
            began = time.monotonic()
            data = await file.read(size)
    return len(data), len(data) / max(time.monotonic() - began, 0.001)


async def _some_file(client: Any, top: str | None) -> tuple[str, int]:
    """A file below `top` that is large enough to measure with. _Nothing."""
    todo, seen = [top] if top else [], 0
    while todo and seen < LOOKED_AT:
        place = todo.pop(0)
        attrs = await client.stat(place)
        if attrs.type == asyncssh.FILEXFER_TYPE_REGULAR and attrs.size >= 1 << 20:
            return place, min(attrs.size, SIZES[0])
        if attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
            async for entry in client.scandir(place):
                seen += 1
                if entry.filename not in (".", ".."):
                    todo.append(posixpath.join(place, entry.filename))
    raise _Nothing("no file of a megabyte was found to read there")


async def _written(target: Remote, to: str | None, size: int) -> tuple[float, str]:
    """(bytes per second, where): into nothing, or into a file that is removed again where there is only SFTP."""
    async with target.sftp() as client:
        if not target.target.sftp_only:
            return await _write(client, "/dev/null", size), "into nothing, without its disks"
        place = posixpath.join(await _nearest(client, to), f".cockpit-preflight-{token_hex(6)}")
        try:
            return await _write(client, place, size), "into a file, removed again"
        finally:
            try:
                await client.remove(place)
            except asyncssh.SFTPError:
                pass  # it was never made


async def _write(client: Any, place: str, size: int) -> float:
    async with await client.open(place, "wb") as file:
        began = time.monotonic()
        await file.write(bytes(size))
    return size / max(time.monotonic() - began, 0.001)


async def _nearest(client: Any, path: str | None) -> str:
    """The directory that is there, at or above `path`. _Nothing."""
    place = path
    while place and place != "/":
        if await client.isdir(place):
            return place
        place = posixpath.dirname(place.rstrip("/"))
    raise _Nothing("no directory to write into is there yet")
