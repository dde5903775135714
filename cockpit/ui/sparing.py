"""What is written to the terminal of a change: the cells that a widget said are new, and not its whole line up to them.

Textual (8.2, its issue 5625) cuts a line at the end of what changed and never at its beginning. Knows the shape of its updates
alone; one that has another shape is left as it is, and costs what it cost.
"""

from __future__ import annotations

from typing import Any

from textual.strip import Strip

Pieces = list[tuple[int, int, Strip | None]]  # first column, the one after the last, what stands there


def spare(update: Any) -> None:
    """Cut an update's lines also where what changed begins. An exception here would end the screen, so every part is looked at
    before it is touched."""
    match update:
        case object(spans=list(spans), chops=list(chops), chop_ends=list(ends)):
            for span in spans:
                match span:
                    case (int(y), int(first), int(end)) if first < end and 0 <= y < min(len(chops), len(ends)):
                        chops[y], ends[y] = _line(chops[y], ends[y], (first, end))


def _line(line: Any, ends: Any, at: tuple[int, int]) -> tuple[Any, Any]:
    """The line's pieces and where they end, cut at these columns too; what has another shape as it was."""
    match line, ends:
        case dict(), list() if len(line) == len(ends):
            pieces = [(x, to, strip) for to, (x, strip) in zip(ends, line.items(), strict=True)]
            if all(_fits(*piece) for piece in pieces):
                cut = [part for piece in pieces for part in _cut(*piece, at)]
                return {x: strip for x, _, strip in cut}, [to for _, to, _ in cut]
    return line, ends


def _fits(x: Any, end: Any, strip: Any) -> bool:
    match x, end, strip:
        case int(), int(), None:
            return True
        case int(), int(), Strip(cell_length=size):
            return bool(size == end - x)
    return False


def _cut(x: int, end: int, strip: Strip | None, at: tuple[int, int]) -> Pieces:
    edges = [x, *(edge for edge in at if x < edge < end), end]
    parts = strip.divide([edge - x for edge in edges[1:]]) if strip is not None else [None] * (len(edges) - 1)
    return list(zip(edges, edges[1:], parts, strict=False))
