"""What is written to the terminal of a change: the cells that a widget said are new, and not its whole line up to them.

Textual (8.2, its issue 5625) cuts a line at the end of what changed and never at its beginning. Knows the shape of its updates
alone; one that has another shape is left as it is, and costs what it cost.
"""

from __future__ import annotations

from typing import Any

from textual.strip import Strip

Pieces = list[tuple[int, int, Strip | None]]  # first column, the one after the last, what stands there


def spare(update: Any) -> None:
    """Cut an update's lines also where what changed begins."""
    if not all(hasattr(update, part) for part in ("spans", "chops", "chop_ends")):
        return
    for y, first, end in update.spans:
        pieces = [(x, to, strip) for to, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=True)]
        cut = [part for piece in pieces for part in _cut(*piece, (first, end))]
        update.chops[y] = {x: strip for x, _, strip in cut}
        update.chop_ends[y] = [to for _, to, _ in cut]


def _cut(x: int, end: int, strip: Strip | None, at: tuple[int, int]) -> Pieces:
    edges = [x, *(edge for edge in at if x < edge < end), end]
    parts = strip.divide([edge - x for edge in edges[1:]]) if strip is not None else [None] * (len(edges) - 1)
    return list(zip(edges, edges[1:], parts, strict=False))
