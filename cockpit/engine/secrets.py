"""Secrets: the engine's memory of them, and their removal from whatever is printed. Nothing here is ever written.

A value is replaced by `*` of the same length, so that offsets into a job's output stay exact.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping

log = logging.getLogger(__name__)
SHORTEST = 4  # characters: a shorter "secret" would star out ordinary output, and what is captured from it


def too_short(value: str) -> str | None:
    """Why a value can't be a secret (it could not be kept out of the journal) and what to do instead; None where it can."""
    if max(map(len, _lines(value)), default=0) >= SHORTEST:
        return None
    what = "an empty secret is none" if not value.strip() else f"it is shorter than {SHORTEST} characters"
    return f"{what}: it could not be told from ordinary output and kept out of the journal; give a longer one"


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines()]


def _bytes(text: str) -> bytes:
    """Paths, and errors about them, hold bytes that are no UTF-8 as surrogates."""
    return text.encode("utf-8", "surrogateescape")


class Vault:
    """Names and values of secret inputs, in memory only. Asked again after an engine restart, and in place of a value that
    is too short."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = {name: value for name, value in (values or {}).items() if not too_short(value)}
        for name in (values or {}).keys() - self._values.keys():
            log.warning("the secret %s is not used, and asked for: it is empty or too short", name)
        self._news = asyncio.Condition()

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    async def put(self, name: str, value: str) -> None:
        async with self._news:
            self._values[name] = value
            self._news.notify_all()

    async def wait(self, name: str) -> None:
        """Returns once it is known."""
        async with self._news:
            await self._news.wait_for(lambda: name in self._values)

    def names(self) -> list[str]:
        return list(self._values)

    def forget(self, name: str) -> None:
        self._values.pop(name, None)

    def literals(self) -> list[bytes]:
        """What must not be stored: every value, and every line of one that has several (but for a bracket on its own)."""
        found: set[bytes] = set()
        for value in self._values.values():
            found.update(_bytes(line) for line in [value, *_lines(value)] if len(line) >= SHORTEST)
        return sorted(found, key=len, reverse=True)

    def masked(self, text: str) -> str:
        """The text with every secret in it starred out, for what is journaled whole: evidence, errors, notes."""
        masker = Masker(self.literals(), 0)
        return b"".join((masker.feed(_bytes(text))[1], masker.finish()[1])).decode("utf-8", "surrogateescape")


class Masker:
    """One stream of one attempt. Bytes that may be the start of a secret are held back until the next read decides."""

    def __init__(self, literals: list[bytes], offset: int) -> None:
        self.literals = literals
        self.pattern = re.compile(b"|".join(re.escape(s) for s in literals)) if literals else None
        self.held = b""
        self.offset = offset  # of the first held byte

    def feed(self, data: bytes) -> tuple[int, bytes]:
        """(offset, masked bytes) that are safe to store now."""
        data = self.held + data
        cut = len(data)
        if self.pattern is not None:
            data = self.pattern.sub(lambda m: b"*" * len(m.group()), data)
            cut -= self._possible_start(data)
        start, self.held = self.offset, data[cut:]
        self.offset += cut
        return start, data[:cut]

    def finish(self) -> tuple[int, bytes]:
        """The end of the stream: what was held back was no secret."""
        start, rest = self.offset, self.held
        self.offset, self.held = self.offset + len(rest), b""
        return start, rest

    def _possible_start(self, data: bytes) -> int:
        """How many bytes at the end could be the beginning of a secret."""
        longest = max((len(s) for s in self.literals), default=1) - 1
        for size in range(min(longest, len(data)), 0, -1):
            tail = data[-size:]
            if any(s.startswith(tail) for s in self.literals):
                return size
        return 0
