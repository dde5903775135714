"""When unreachable cycles of objects are looked for: by the clock, a little at a time.

A closed dialog is thousands of objects in cycles, a jump in a long night makes ten thousands anew. By Python's own measure
they are looked for in the middle of a jump, and for half a second once fifty dialogs have come together. Knows no object.
"""

from __future__ import annotations

import gc
import time

from cockpit.garbage import seldom

EVERY = 0.5  # s between two looks at what is new: what a dozen jumps left would keep the screen from the next for 150 ms
ALL_EVERY = 600.0  # s between two looks at all there is
MOST = 200_000  # new objects at which Python looks all the same: nobody may be there to be quiet


class Tidy:
    """`start` when the screen is about to open, `look` every `EVERY` seconds."""

    def __init__(self) -> None:
        self._all = time.monotonic()

    def start(self) -> None:
        """What the program itself consists of stays."""
        gc.freeze()
        seldom(MOST)

    def look(self) -> None:
        if time.monotonic() - self._all < ALL_EVERY:
            gc.collect(1)
            return
        self._all = time.monotonic()
        gc.collect()
