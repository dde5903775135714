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
    means: str  # in a sentence without its subject, for `?`

    def cell(self) -> Cell:
        return Cell(self.glyph + self.word, self.tone)

    def narrow(self) -> Cell:
        """At most 8 cells."""
        return Cell(self.glyph + self.short, self.tone)

    def dot(self) -> Cell:
        return Cell(self.glyph, self.tone)


TASK: dict[str, Mark] = {
    "blocked": Mark(".", "blocked", "blocked", "dim", "a step that it needs is not done yet"),
    "ready": Mark("*", "ready", "ready", "", "nothing is in its way: its turn is now"),
    "queued": Mark("~", "queued", "queued", "", "waits for its turn: as many run as the plan allows"),
    "waiting": Mark("!", "WAITING", "WAITING", "warn", "waits for a person: a go, an answer, work by hand"),
    "running": Mark(">", "running", "running", "run", "is at work"),
    "unknown": Mark("?", "UNKNOWN", "UNKNOWN", "unknown", "was started; how it ended is not known yet"),
    "done": Mark("=", "done", "done", "good", "ended well"),
    "failed": Mark("x", "FAILED", "FAILED", "bad", "ended badly: r runs it again, s skips it"),
    "cancelled": Mark("/", "CANCELLED", "CANCEL", "warn", "was ended by a person: r runs it again, s skips it"),
    "skipped": Mark("-", "skipped", "skipped", "dim", "is left out, by the plan or by a person"),
    "undone": Mark("<", "UNDONE", "UNDONE", "warn", "was done, and its undo has run since"),
}

# What a server or a transfer is, where that says more than the task on it.
STALE = Mark("?", "STALE", "STALE", "unknown", "server: not heard of for too long; proof: data changed since")
LOST = Mark("x", "LOST", "LOST", "bad", "no contact: it is tried again by itself, r tries now")
KEY = Mark("!", "KEY CHANGED", "KEY", "bad", "shows another host key than before: nothing goes there")
UNSEEN = Mark("~", "no contact yet", "unseen", "dim", "no contact yet")
DROPPED = Mark("-", "DROPPED", "DROPPED", "dim", "was taken out of the night by a person")
HELD = Mark("#", "HELD", "HELD", "warn", "nothing new starts until a person releases it (x)")
HOLDING = Mark("#", "running, HELD", "RUNNING", "warn", "what runs goes on, nothing new starts there (x)")
NO_STEP = Mark("-", "no step", "no step", "dim", "the plan does nothing there but what others do with it")
PAUSED = Mark("|", "paused", "paused", "warn", "the transfer stands until a person lets it go on (p)")
STALLED = Mark("!", "STALLED", "STALLED", "warn", "the transfer should move, and no byte of it does")
PLACE = (STALE, LOST, KEY, UNSEEN, DROPPED, HELD, HOLDING, NO_STEP, PAUSED, STALLED)

PROOF: dict[str, Mark] = {
    "pass": Mark("=", "pass", "pass", "good", "is proven, and its data has not changed since"),
    "fail": Mark("x", "FAIL", "FAIL", "bad", "is not as it has to be"),
    "not-tested": Mark(".", "not tested", "untried", "dim", "not tested yet"),
    "stale": STALE,
}


def task_mark(word: str) -> Mark:
    """A word from a newer program still gets a glyph: it is not known, and says so."""
    return TASK.get(word) or Mark("?", word, word[:7], "unknown", "")


def legend() -> list[Cell]:
    """What each glyph of a task means, in the order of a task's life."""
    return [Cell(f"{m.glyph} {m.word}", m.tone) for m in TASK.values()]
