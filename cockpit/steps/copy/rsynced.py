"""What the parts by rsync share: two sides and a way, and what their job prints, counted. Knows neither the job nor its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from cockpit.fleet.rsync import Options, causes


class Count(Protocol):
    """Of a job's stdout: `fleet.counting.Counter`, `fleet.shards.Tally`."""

    @property
    def bytes_done(self) -> int: ...

    @property
    def files_done(self) -> int: ...

    @property
    def moved(self) -> int: ...

    @property
    def moved_files(self) -> int: ...

    @property
    def largest(self) -> int | None: ...

    def feed(self, data: bytes) -> None: ...


C = TypeVar("C", bound=Count)


@dataclass(kw_only=True)
class Rsynced(Generic[C]):
    """size, files: what it answers for. half: the other side's line (None: one server). REMEMBERED: what another engine needs of
    it to feed and judge its job."""

    size: int
    files: int
    options: Options = field(default_factory=Options)
    source: str = ""
    target: str = ""
    way: str = "local"
    half: str | None = None
    phase: str = "copy"

    REMEMBERED: ClassVar[tuple[str, ...]] = ("size", "files")

    def __post_init__(self) -> None:
        self.count = self.counting()

    def counting(self) -> C:
        raise NotImplementedError

    @classmethod
    def revived(cls, memory: Mapping[str, Any]) -> Self:
        return cls(**memory)

    def memory(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.REMEMBERED}

    @property
    def bytes_done(self) -> int:
        return min(self.count.bytes_done, self.size)

    @property
    def files_done(self) -> int:
        return min(self.count.files_done, self.files)

    @property
    def moved(self) -> int:
        return self.count.moved

    @property
    def largest(self) -> int | None:
        return self.count.largest

    @property
    def proof(self) -> None:
        return None

    def forced(self) -> str | None:
        return self.half

    def feed(self, data: bytes) -> None:
        self.count.feed(data)

    def detail(self) -> Mapping[str, Any]:
        return {"moved": self.count.moved, "moved_files": self.count.moved_files}


def said(text: str, errors: str) -> str:
    """What an exit code means, and rsync's own last words but those that only repeat it."""
    words = causes(errors)
    return f"{text}: {words[-1]}" if words else text
