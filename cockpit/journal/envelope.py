"""What every event is, and the envelope in which the journal keeps one. The kinds themselves are in `journal.events`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A dataclass that the type checker takes for frozen. Python's own guard, comparison and repr, generated for each of
    forty classes, would be a tenth of what opening a screen takes, and make every fact slower to read."""
    return dataclass(slots=True, repr=False, eq=False)(cls)


@record
class Event:
    """Base of all events."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in fields(self))})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self))

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Fact:
    """One journaled event: `seq` orders them, `at` is UTC epoch seconds, `who` a name where a person decided."""

    seq: int
    at: float
    event: Event
    who: str | None = None
    why: str | None = None
    peer: dict[str, Any] | None = None  # uid, pid, tty of the process that sent the command

    @property
    def kind(self) -> str:
        return type(self.event).__name__


KINDS: dict[str, type[Event]] = {}


E = TypeVar("E", bound=Event)


@dataclass_transform(frozen_default=True)
def kind(cls: type[E]) -> type[E]:
    made = record(cls)
    KINDS[made.__name__] = made
    return made


def encode(event: Event) -> tuple[str, dict[str, Any]]:
    return type(event).__name__, asdict(event)


def decode(name: str, data: dict[str, Any]) -> Event:
    """KeyError for an unknown kind: a journal newer than this program is refused before it gets here."""
    return KINDS[name](**data)
