"""A server's authorized_keys, read at every login as sshd reads it: which key may come in, from where, until when, for what.

asyncssh knows `from`; `restrict`, `expiry-time` and `command` are enforced here and by the door (sshd(8), AUTHORIZED_KEYS).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncssh


@dataclass(frozen=True, slots=True)
class Permit:
    """What one key may do. command: this and nothing else, whatever was asked for. restricted: no forwarding."""

    command: str | None = None
    restricted: bool = False


def permit(path: Path, key: asyncssh.SSHKey, address: str, now: datetime) -> Permit | None:
    """The first line that lets this key in from this address now; None when there is none. now: with a time zone."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        found = _of_line(line, key, address, now)
        if found is not None:
            return found
    return None


def _of_line(line: str, key: asyncssh.SSHKey, address: str, now: datetime) -> Permit | None:
    try:
        options = asyncssh.import_authorized_keys(line).validate(key, address, address)
    except ValueError:  # a comment, or a line that sshd would skip
        return None
    if options is None:
        return None
    limits = options.get("expiry-time", [])
    if isinstance(limits, list) and any(_past(str(limit), now) for limit in limits):
        return None
    command = options.get("command")
    restricted = any(options.get(name) for name in ("restrict", "no-port-forwarding"))
    return Permit(None if command is None else str(command), restricted)


def _past(limit: str, now: datetime) -> bool:
    """YYYYMMDD[HHMM[SS]], with a Z in UTC, else in local time. What can't be read is past: sshd lets nobody in on it either."""
    text, zone = (limit[:-1], UTC) if limit.endswith("Z") else (limit, None)
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(text))
    try:
        moment = datetime.strptime(text, form or "")
    except ValueError:
        return True
    return now > (moment.replace(tzinfo=zone) if zone else moment.astimezone())
