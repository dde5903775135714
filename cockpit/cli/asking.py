"""Asking the person at this terminal: hidden answers for the fleet, and a yes or no. Knows no server and no plan.

Questions go to the terminal itself, never to stdout or stdin, which may be a pipe; without a terminal nobody answers.
"""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

TERMINAL = "/dev/tty"


class TerminalAsk:
    """`fleet.api.Ask` at a terminal: one question at a time, remembered ones first (`known`: secrets by their names)."""

    def __init__(self, known: Mapping[str, str] | None = None, *, nobody: bool = False) -> None:
        """nobody: every question stays without an answer."""
        self._known = dict(known or {})
        self._nobody = nobody
        self._turn = asyncio.Lock()

    def busy(self) -> bool:
        """A question is open."""
        return self._turn.locked()

    async def __call__(
        self, kind: str, text: str, *, name: str = "", secret: bool = True, again: bool = False, **_: object,
    ) -> str | None:
        async with self._turn:
            if not again and name in self._known:
                return self._known[name]
            return None if self._nobody else await ask(f"{text}: ", hidden=secret)


async def ask(text: str, *, hidden: bool) -> str | None:
    """One line from the terminal; None when there is none, or at its end (Ctrl+D). Cancelled, it gives the terminal back."""
    try:
        fd = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        with _quiet(fd, hidden):
            os.write(fd, text.encode())
            line = await _line(fd)
            if hidden:
                os.write(fd, b"\n")
            return line
    finally:
        os.close(fd)


async def _line(fd: int) -> str | None:
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, came.set)
    data = b""
    try:
        while not data.endswith(b"\n"):
            came.clear()
            await came.wait()
            piece = os.read(fd, 4096)
            if not piece:
                return None
            data += piece
    finally:
        loop.remove_reader(fd)
    return data.decode(errors="replace").rstrip("\r\n")


@contextmanager
def _quiet(fd: int, hidden: bool) -> Iterator[None]:
    """What was typed before the question is dropped; echo is off while it is open, and comes back whatever happens."""
    before = termios.tcgetattr(fd)
    now = termios.tcgetattr(fd)
    if hidden:
        now[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSAFLUSH, now)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
