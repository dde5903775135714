"""Following a journal's state: live, or at any moment of it. The same for a night under way and one long ended.

Knows no clock: how far to read is told to it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cockpit.journal.events import Fact
from cockpit.journal.reader import Reader
from cockpit.state import snapshot
from cockpit.state.fold import apply
from cockpit.state.model import State

PAGE = 5_000  # facts read at a time


def state_of(journal: Path) -> State:
    """What a journal says now. JournalProblem when it cannot be read."""
    with closing(Reader.open(journal)) as reader:
        tail = Tail(reader)
        tail.seek()
        return tail.state


class Tail:
    """`state` is the fold of all facts up to `state.seq`: changed in place going forward, replaced by a `seek`."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.state = State()

    def poll(self, limit: int | None = None) -> list[Fact]:
        """Applies what came since (at most `limit`), and returns it."""
        facts: list[Fact] = []
        while limit is None or len(facts) < limit:
            page = self._page(None, PAGE if limit is None else min(PAGE, limit - len(facts)))
            if not page:
                break
            facts += page
        return facts

    def advance(self, until: float | None) -> list[Fact]:
        """To what was known at this time (None: to the end), as a clock's `until` says. Returns what was applied on the
        way: [] after a step back or a long jump."""
        if until is None:
            return self.poll()
        seq = self.reader.seq_at(until)
        if 0 <= seq - self.state.seq <= PAGE:
            return self._page(seq, PAGE)
        self.seek(seq=seq)
        return []

    def seek(self, *, seq: int | None = None, time: float | None = None) -> None:
        """To the state after fact `seq`, or after the last fact not later than `time`; with neither, to the end."""
        if seq is None:
            seq = self.reader.last_seq() if time is None else self.reader.seq_at(time)
        start = self._nearest(seq)
        if start is not None:
            self.state = start
        while self._page(seq, PAGE):
            pass

    def _nearest(self, seq: int) -> State | None:
        """The best state to start from: None for the present one."""
        here = self.state.seq if self.state.seq <= seq else -1
        before = seq
        while (found := self.reader.checkpoint_before(before)) and found[0] > here:
            if state := snapshot.unpack(found[1]):
                return state
            before = found[0] - 1
        return State() if here < 0 else None

    def _page(self, until: int | None, limit: int) -> list[Fact]:
        facts = self.reader.facts(self.state.seq, until, limit)
        for fact in facts:
            apply(self.state, fact)
        return facts
