"""Interleaved runs, medians, and the table. Knows nothing of what is measured."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Run = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One line of the table. `bound` is what was promised, in words; `good` None where nothing was promised."""

    what: str
    figure: str = ""
    bound: str = ""
    good: bool | None = None


def interleaved(sides: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Run every side once per round, in order, so that what else the machine does hits all alike."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, run in sides.items():
            figures[name].append(run())
            print(f"  round {number + 1}/{rounds} {name}: {figures[name][-1]:.3f}", file=sys.stderr, flush=True)
    return figures


def median(figures: list[float]) -> float:
    return statistics.median(figures)


def percentile(figures: list[float], share: float) -> float:
    """The figure that `share` (0 to 1) of all figures do not exceed."""
    return sorted(figures)[min(len(figures) - 1, int(share * len(figures)))]


def spread(figures: list[float], unit: str = "s") -> str:
    return f"{median(figures):.2f} {unit} ({min(figures):.2f} to {max(figures):.2f})"


def ratio(one: list[float], other: list[float]) -> float:
    """The median of the rounds' own ratios: each compares two runs that stood beside each other."""
    return median([a / b for a, b in zip(one, other, strict=True)])


def at_most(value: float, bound: float, what: str, unit: str) -> Row:
    return Row(what, f"{value:.2f}{unit}", bound=f"at most {bound:g}{unit}", good=value <= bound)


def at_least(value: float, bound: float, what: str, unit: str) -> Row:
    return Row(what, f"{value:.2f}{unit}", bound=f"at least {bound:g}{unit}", good=value >= bound)


def table(rows: list[Row]) -> str:
    """What has no bound may be as long as it likes: versions and command lines push no column aside."""
    lines = [("what", "figure", "bound", "")]
    lines += [(row.what, row.figure, row.bound, {True: "ok", False: "MISSED", None: ""}[row.good]) for row in rows]
    widths = [max(len(line[column]) for line in lines if line[column + 1]) for column in range(3)]
    return "\n".join("  ".join([*map(str.ljust, line[:3], widths), line[3]]).rstrip() for line in lines)
