"""What the screen is drawn from and what a pane is drawn as. Never imports Textual; knows no colour, only tones.

A `Night` is one moment of one session, live or replayed: the same for both. A pane is a `Table` of keyed rows whose
cells carry a tone; the screen chooses the colour, and glyph and word already carry the meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cockpit.forecast.model import Forecast
from cockpit.journal.events import Fact
from cockpit.plan.model import Plan
from cockpit.state.model import State
from cockpit.state.standing import Standing

Tone = Literal["", "dim", "good", "run", "warn", "bad", "unknown", "strong", "title", "match"]


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine as the screen sees it, over the socket and the process table: a dead one is not a quiet one."""

    alive: bool | None  # None: in replay there is nothing to ask
    problem: str | None = None  # "no answer for 12 s", "disk full: …"
    lag_s: float | None = None
    recorded: bool = False  # of a moment that is replayed: whoever looks can't resume it


@dataclass(frozen=True, slots=True)
class Night:
    plan: Plan
    state: State
    standings: Mapping[str, Standing]
    forecast: Forecast
    now: float
    engine: Engine
    replay: str | None = None  # words for row 1 where this is not live ("REPLAY 60x", "paused")
    who: str = ""  # who is at the keys
    heard: Mapping[str, float] = field(default_factory=dict)  # server -> when any evidence of it last arrived
    stale: Mapping[str, float] = field(default_factory=dict)  # "task/check" -> when its data changed after it was read
    proven: Mapping[str, int] = field(default_factory=dict)  # verify task -> how many of its checks pass and are fresh
    actions: tuple[Fact, ...] = ()  # the last facts that carry a person's name, oldest first


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: Tone = ""


Line = tuple[Cell, ...]  # one line of prose or of a header: its cells stand side by side


@dataclass(frozen=True, slots=True)
class Row:
    key: str  # stable identity: a server, a task, a prompt, a check
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    width: int  # cells; 0: takes what is left
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
