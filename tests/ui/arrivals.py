"""A screen that notes each key as it arrives and does nothing with it: what a terminal really sends."""

from __future__ import annotations

import sys
from pathlib import Path

from textual import events

from cockpit.journal.clock import LiveClock
from cockpit.journal.reader import Reader
from cockpit.ui.app import CockpitApp
from cockpit.ui.source import Source


class Noting(CockpitApp):
    notes: Path

    def takes(self, event: events.Key) -> bool:
        with self.notes.open("a") as notes:
            notes.write(event.key + "\n")
        return False


if __name__ == "__main__":
    app = Noting(Source(Reader.open(Path(sys.argv[1])), LiveClock()))
    app.notes = Path(sys.argv[2])
    app.run()
