"""The client of an engine's control socket: one request, one reply, each a line of JSON.

Knows the socket's protocol and nothing of the night. Every failure is a Reply in words for the operator, never an exception.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANSWER_WITHIN = 10.0  # seconds that an engine may take before it counts as not answering
_LINE_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """ok False: refused or not delivered; `text` says why and what to do instead."""

    ok: bool
    text: str
    data: dict[str, Any] = field(default_factory=dict)


class Commander:
    """Sends the commands of one person at one terminal. `who` may change in the middle of the night."""

    def __init__(self, socket: Path, who: str) -> None:
        self.socket, self.who = socket, who
        self._tty = _tty()

    async def send(
        self,
        verb: str,
        target: str | None = None,
        *,
        why: str | None = None,
        value: str | None = None,
        who: str | None = None,
        within: float = ANSWER_WITHIN,
    ) -> Reply:
        """One command. `within`: seconds to wait for its answer."""
        request = {"verb": verb, "target": target, "why": why, "value": value, "as": who or self.who, "tty": self._tty}
        line = json.dumps({k: v for k, v in request.items() if v is not None}).encode() + b"\n"
        try:
            async with asyncio.timeout(within):
                return _reply(await self._exchange(line))
        except TimeoutError:
            return Reply(False, f"The engine took longer than {within:.0f} s to answer; whether it did this is not known yet.")
        except (FileNotFoundError, ConnectionRefusedError):
            return Reply(False, "No engine listens. Start one with `cockpit resume`.")
        except OSError as problem:
            return Reply(False, f"The engine can't be reached: {problem.strerror or problem}.")

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.socket), limit=_LINE_LIMIT)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()


def _reply(line: bytes) -> Reply:
    if not line:
        return Reply(False, "The engine hung up without an answer; look at the log before asking again.")
    try:
        data = json.loads(line)
        return Reply(bool(data["ok"]), str(data.get("text") or ""), dict(data.get("data") or {}))
    except (ValueError, KeyError, TypeError):
        return Reply(False, "The engine's answer makes no sense: is it of another version?")


def _tty() -> str | None:
    try:
        return os.ttyname(0)
    except OSError:
        return None
