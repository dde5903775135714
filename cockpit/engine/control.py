"""The control socket: JSON lines, one request and one reply a line. A handful of commands; the screen reads the journal itself.

Names given as `as` are attribution, journaled with the peer's uid, pid and tty; they are not authentication.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.engine.commands import Command, Commands, Refused
from cockpit.plan.diff import AmendRefused
from cockpit.plan.problems import PlanProblems

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

log = logging.getLogger(__name__)
LIMIT = 1 << 20  # bytes in one request


class Control:
    """Serves one engine's socket (mode 0600) until closed."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine, self.path = engine, path
        self.commands = Commands(engine)
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LIMIT)
        os.chmod(self.path, 0o600)
        self._inode = self.path.stat().st_ino

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            if self.path.exists() and self.path.stat().st_ino == self._inode:  # else it is of the engine that took over
                self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = credentials(writer)
        try:
            while line := await reader.readline():
                reply = await self._reply(line, peer)
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # a console that went away, or one that sent too long a line
        finally:
            writer.close()

    async def _reply(self, line: bytes, peer: dict[str, Any]) -> dict[str, Any]:
        try:
            asked = command(json.loads(line), peer)
        except (ValueError, AttributeError, TypeError) as error:
            return {"ok": False, "text": f"not a request: {error}"}
        if asked.verb == "health":
            return {"ok": True, "text": "", "data": self.engine.health()}
        try:
            answer = await self.commands.obey(asked)
        except (Refused, AmendRefused, PlanProblems, OSError) as refused:
            return {"ok": False, "text": str(refused)}
        except Exception as error:
            log.exception("a command failed: %s %s", asked.verb, asked.target)  # never its value: that may be a secret
            return {"ok": False, "text": f"a fault of cockpit's own, see engine.log: {error!r}"}
        return {"ok": True, "text": answer.text, "data": answer.data}


def command(request: dict[str, Any], peer: dict[str, Any]) -> Command:
    text = {k: None if request.get(k) is None else str(request[k]) for k in ("verb", "target", "why", "as", "value", "tty")}
    return Command(
        text["verb"] or "", text["target"] or "", text["why"], text["as"], text["value"], {**peer, "tty": text["tty"]},
    )


def credentials(writer: asyncio.StreamWriter) -> dict[str, Any]:
    """uid and pid of the process at the other end (SO_PEERCRED, unix(7))."""
    sock: socket.socket = writer.get_extra_info("socket")
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return {"uid": uid, "pid": pid}
