"""How seldom Python looks for unreachable cycles of objects in a process of ours. Knows no object and no process."""

from __future__ import annotations

import gc

SELDOM = 20_000  # new objects between two looks: Python's 700 make a sixth of opening a screen out of looking
OLDER = (50, 10)  # looks at what is new between two at what is older, and of those between two at all there is


def seldom(new: int = SELDOM) -> None:
    gc.set_threshold(new, *OLDER)
