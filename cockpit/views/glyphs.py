"""The one place where a state gets its glyph, its word and its tone. Knows no plan and no screen.

Every glyph is one ASCII cell and always stands before its word or under a legend: colour never carries meaning alone.
What needs a person's eye is written in capitals, so that a monochrome capture still names it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.views.model import Cell, Tone


@dataclass(frozen=True, slots=True)
class Mark:
    glyph: str
    word: str
    short: str  # at most 7 letters, for narrow columns
    tone: Tone

    def cell(self) -> Cell:
        return Cell(self.glyph + self.word, self.tone)

    def narrow(self) -> Cell:
        """At most 8 cells."""
        return Cell(self.glyph + self.short, self.tone)

    def dot(self) -> Cell:
        return Cell(self.glyph, self.tone)


TASK: dict[str, Mark] = {
    "blocked": Mark(".", "blocked", "blocked", "dim"),
    "ready": Mark("*", "ready", "ready", ""),
    "queued": Mark("~", "queued", "queued", ""),
    "waiting": Mark("!", "WAITING", "WAITING", "warn"),
    "running": Mark(">", "running", "running", "run"),
    "unknown": Mark("?", "UNKNOWN", "UNKNOWN", "unknown"),
    "done": Mark("=", "done", "done", "good"),
    "failed": Mark("x", "FAILED", "FAILED", "bad"),
    "cancelled": Mark("/", "CANCELLED", "CANCEL", "warn"),
    "skipped": Mark("-", "skipped", "skipped", "dim"),
    "undone": Mark("<", "UNDONE", "UNDONE", "warn"),
}

# What a server is, where that says more than the task on it.
STALE = Mark("?", "STALE", "STALE", "unknown")
LOST = Mark("x", "LOST", "LOST", "bad")
KEY = Mark("!", "KEY CHANGED", "KEY", "bad")
UNSEEN = Mark("~", "no contact yet", "unseen", "dim")
DROPPED = Mark("-", "DROPPED", "DROPPED", "dim")
HELD = Mark("#", "HELD", "HELD", "warn")
PAUSED = Mark("|", "paused", "paused", "warn")
STALLED = Mark("!", "STALLED", "STALLED", "warn")

PROOF: dict[str, Mark] = {
    "pass": Mark("=", "pass", "pass", "good"),
    "fail": Mark("x", "FAIL", "FAIL", "bad"),
    "not-tested": Mark(".", "not tested", "untried", "dim"),
    "stale": STALE,
}


def task_mark(word: str) -> Mark:
    """A word from a newer program still gets a glyph: it is not known, and says so."""
    return TASK.get(word) or Mark("?", word, word[:7], "unknown")


def legend() -> list[Cell]:
    """What each glyph of a task means, in the order of a task's life."""
    return [Cell(f"{m.glyph} {m.word}", m.tone) for m in TASK.values()]
