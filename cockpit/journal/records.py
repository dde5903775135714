"""What goes into the journal beside facts: samples and output. Shapes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stream = Literal["out", "err", "note"]
Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at a moment: `at` UTC epoch seconds, series such as "transfer/copy@fs01", "latency/fs01"."""

    at: float
    series: str
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Output:
    """Raw bytes that an attempt printed. offset: of data's first byte in the whole stream (ignored for `note`)."""

    at: float
    task: str
    n: int
    stream: Stream
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line without its newline, as raw bytes. partial: not ended yet, or longer than what is shown of it."""

    at: float
    task: str
    n: int
    stream: Stream
    text: bytes
    partial: bool
