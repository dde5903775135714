"""What a copy between servers is made of: parts, each one detached job on the job's side, one after another.

A part knows what is to be run and how to read what that prints; it refuses to know who starts it, who follows it, and what
becomes of it after a crash: that is `direct`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cockpit.steps.api import Outcome


@dataclass(frozen=True, slots=True)
class Work:
    """What a part's job runs: text for /bin/sh, or a program's bytes with its arguments."""

    command: str = ""
    program: bytes | None = None
    args: tuple[str, ...] = ()


class Part(Protocol):
    """One part. It knows its way (pull, push, local): on a push its job runs on the source."""

    @property
    def name(self) -> str:
        """files | images | settle: part of the job's id."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the survey that this part answers for: its share of the denominator."""
        ...

    @property
    def files(self) -> int:
        """Files of the survey, likewise."""
        ...

    @property
    def bytes_done(self) -> int:
        """Only grows, and never beyond `size`."""
        ...

    @property
    def files_done(self) -> int: ...

    @property
    def phase(self) -> str:
        """scan | copy | sync | verify"""
        ...

    @property
    def moved(self) -> int:
        """Bytes really sent so far; what lay there already is not among them."""
        ...

    @property
    def largest(self) -> int | None:
        """Bytes left of the largest single file that it has under way or to come. None: it does not know."""
        ...

    @property
    def proof(self) -> tuple[int, int] | None:
        """Bytes proven and to be proven, while its phase is "verify" and it counts them."""
        ...

    def forced(self) -> str | None:
        """The exact command for /bin/sh that the route's key may run on the other side while this part runs. None: both ends
        are one server."""
        ...

    def command(self, shell: str | None) -> Work:
        """shell: the route's ssh script, used as `sh SHELL cockpit x`; None where both ends are one server."""
        ...

    def feed(self, data: bytes) -> None:
        """The job's stdout, from its start, in any pieces."""
        ...

    def judge(self, exit: int, errors: str) -> Outcome | None:
        """None: this part is done. Else why it is not. errors: the end of the job's stderr."""
        ...

    def detail(self) -> Mapping[str, Any]:
        """For the report; numbers of the same name are added up over the parts."""
        ...

    def memory(self) -> Mapping[str, Any]:
        """What JSON can hold and the part's kind is made of again (`direct.REVIVED`) when another engine finds its job:
        enough to feed and judge it."""
        ...


def added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Details of several parts as one: numbers are summed (of streams the most count), of anything else the later one stands."""
    both = {**one, **other}
    for name in one.keys() & other.keys():
        if isinstance(one[name], (int, float)) and isinstance(other[name], (int, float)):
            both[name] = max(one[name], other[name]) if name == "streams" else one[name] + other[name]
    return both
