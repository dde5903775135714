"""Servers by steps, a glyph for each task: up and down choose the server, left and right the step."""

from __future__ import annotations

from typing import Any

from cockpit.plan.model import task_id
from cockpit.ui.actions import bindings
from cockpit.ui.painting import Drawn
from cockpit.ui.proposals import Target
from cockpit.ui.tablepane import TablePane
from cockpit.views import matrix
from cockpit.views.model import Cell, Night, Row, Table
from cockpit.views.now import steps_of_phase


class MatrixPane(TablePane):
    TITLE = "matrix"
    LEADS = True
    OPENS = "detail"
    BINDINGS = bindings("left", "right")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self._column = 0  # the step, counted from 0

    def table(self, night: Night, width: int) -> Table:
        return matrix.table(night, width)

    def natural_height(self, width: int) -> int:
        legend = matrix.legend(self.night, width) if self.night else []
        return super().natural_height(width) + len(legend)

    def lines(self, width: int, height: int) -> list[Drawn]:
        out = super().lines(width, height)
        if self.night is not None and len(out) < height:
            out += [Drawn(()), *(Drawn((Cell(" "), *line)) for line in matrix.legend(self.night, width - 1))]
        return out

    def draw_row(self, row: Row, sizes: list[int]) -> Drawn:
        """The chosen task stands out from the chosen server's row."""
        line = super().draw_row(row, sizes)
        if row.key != self.selected or not self.has_focus:
            return line
        at = self._column + 2  # the mark and the server's name come first
        if at >= len(line.cells):
            return line
        chosen = Cell(line.cells[at].text.rstrip() + "<", "strong")
        return Drawn((*line.cells[:at], chosen, *line.cells[at + 1 :]), line.under, line.key)

    def speak_of(self, server: str | None) -> None:
        self.keep(server or matrix.NO_SERVER)
        self.refill()

    def aside(self) -> str:
        return self.chosen_task() or ""

    def chosen_task(self) -> str | None:
        if self.night is None or self.selected is None:
            return None
        steps = steps_of_phase(self.night.plan, self.night.state)
        if not steps:
            return None
        step = steps[min(self._column, len(steps) - 1)]
        task = task_id(step.id, self.selected if self.selected in step.servers else None)
        return task if task in self.night.state.tasks else None

    def target(self, server: str | None) -> Target:
        known = self.night is not None and self.selected in self.night.plan.servers
        return Target(task=self.chosen_task(), server=self.selected if known else None)

    def _sideways(self, by: int) -> None:
        steps = len(self.night.plan.steps) if self.night else 1
        self._column = max(0, min(self._column + by, steps - 1))
        self.paint()
        self.post_message(self.Selected(self, self.selected))

    def action_left(self) -> None:
        self._sideways(-1)

    def action_right(self) -> None:
        self._sideways(1)

    def place(self) -> dict[str, Any]:
        return {**super().place(), "column": self._column}

    def restore(self, place: dict[str, Any]) -> None:
        super().restore(place)
        self._column = int(place.get("column") or 0)
