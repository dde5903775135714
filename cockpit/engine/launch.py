"""Starting an engine that outlives every terminal. Knows processes; nothing of plans, servers or the journal's content."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cockpit.journal.lease import SessionDir
from cockpit.logout import scope

SECRET = "COCKPIT_SECRET_"  # variables that the engine gets on its standard input instead: jobs on this machine inherit its own
START_LIMIT = 60.0  # seconds until a started engine must answer on its socket: a loaded machine may need many


class EngineFailed(Exception):
    """The engine did not come up; the text ends with what it logged."""


def start_engine(session: SessionDir, secrets: Mapping[str, str], *, take_over: bool = False) -> None:
    """Start a detached engine on this session and return once it answers, or the night is over. Secrets go through its standard
    input alone.
    EngineFailed: there is none, nor will there be one later."""
    log = session.log_path
    begun = log.stat().st_size if log.exists() else 0
    engine = [sys.executable, "-m", "cockpit.engine", str(session.path), *(["--take-over"] if take_over else [])]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*scope(os.environ), *engine],
            stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True, cwd="/",
            env={name: value for name, value in os.environ.items() if not name.startswith(SECRET)},
        )
    assert process.stdin is not None
    process.stdin.write(json.dumps(dict(secrets)).encode())
    process.stdin.close()
    try:
        _wait_up(process, session, lambda: _said(log, begun))
    except BaseException:  # also Ctrl+C: whoever is told that it did not start must not find it running a minute later
        process.kill()
        process.wait()
        raise


def _wait_up(process: subprocess.Popen[bytes], session: SessionDir, said: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not asyncio.run(answers(session.socket_path)):
        if process.poll() == 0:
            return  # what little was left of the night was over before anybody asked
        if process.poll() is not None:
            raise EngineFailed(said() or "the engine did not start and said nothing")
        if time.monotonic() > deadline:
            last = f" (its last word: {said()})" if said() else ""
            raise EngineFailed(
                f"it gave no answer within {START_LIMIT:.0f} s and was ended{last}. Nothing is lost: see what keeps this machine "
                f"busy, then cockpit resume {session.id}"
            )
        time.sleep(0.03)


async def answers(path: Path) -> bool:
    """Whether an engine answers on this socket now."""
    return await health(path) is not None


async def health(path: Path) -> dict[str, Any] | None:
    """How the engine on this socket says that it is; None when none answers within 2 s."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_unix_connection(path), 2)
        writer.write(b'{"verb": "health"}\n')
        line = await asyncio.wait_for(reader.readline(), 2)
        writer.close()
        return dict(json.loads(line)["data"])
    except (OSError, TimeoutError, ValueError, KeyError):
        return None


def _said(log: Path, begun: int) -> str:
    with log.open("rb") as lines:
        lines.seek(begun)
        tail = lines.read()[-2000:].decode(errors="replace").strip()
    return tail.splitlines()[-1] if tail else ""
