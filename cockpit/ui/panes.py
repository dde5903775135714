"""The panes that are tables or prose: each names its function of `views` and what its keys speak of. No meaning of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cockpit.journal.reader import Reader
from cockpit.plan.model import split_task
from cockpit.ui.logpane import LogPane
from cockpit.ui.matrixpane import MatrixPane
from cockpit.ui.painting import Drawn
from cockpit.ui.pane import Pane
from cockpit.ui.proposals import Target
from cockpit.ui.prosepane import ProsePane
from cockpit.ui.source import Source
from cockpit.ui.tablepane import TablePane
from cockpit.views import detail, handover, needs, proofs, servers, steps, throughput, timeline, transfers
from cockpit.views.model import Cell, Line, Night, Table
from cockpit.views.now import by_server, current


class ServersPane(TablePane):
    TITLE = "servers"
    LEADS = True
    OPENS = "steps"

    def heading(self) -> str:
        return ", ".join(filter(None, [self.TITLE, self._table.title]))

    def table(self, night: Night, width: int) -> Table:
        return servers.table(night, width)

    def speak_of(self, server: str | None) -> None:
        self.keep(server or servers.ALL)
        self.refill()

    def target(self, server: str | None) -> Target:
        key = self.selected
        return Target(server=key if self.night and key in self.night.plan.servers else None)


class StepsPane(TablePane):
    """The checklist of the selected server, or of all."""

    TITLE = "steps"
    OPENS = "detail"
    SPARE = ("PLANNED",)  # the detail has it too
    LEAST = 32  # a note of which less is seen says nothing

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self._server: str | None = None
        self._aims = False  # the cursor goes with the present step, until a person moves it

    def table(self, night: Night, width: int) -> Table:
        return steps.checklist(night, self._server, width)

    def speak_of(self, server: str | None) -> None:
        """The cursor goes to what that server is at."""
        self._server, self._aims = server, True
        if self.night is not None:
            self.show(self.night)

    def show(self, night: Night) -> None:
        if self._aims and self._server is not None:
            at = current(night, by_server(night.state).get(self._server, []))
            self.keep(at.id if at else None)
        super().show(night)

    def select(self, key: str | None) -> None:
        self._aims = False
        super().select(key)

    def place(self) -> dict[str, Any]:
        return {**super().place(), "aims": self._aims}

    def restore(self, place: dict[str, Any]) -> None:
        super().restore(place)
        self._aims = bool(place.get("aims", True))

    def on_focus(self) -> None:
        """Nothing moves under the keys."""
        self._aims = False
        super().on_focus()

    def target(self, server: str | None) -> Target:
        if self.night and self.selected in self.night.state.tasks:
            return Target(task=self.selected, server=split_task(self.selected)[1])
        return Target(server=server)


class TaskTablePane(TablePane):
    """Rows about one task each; the key is the task, or `task/check`."""

    OPENS = "detail"

    def target(self, server: str | None) -> Target:
        task = (self.selected or "").partition("/")[0]
        if self.night and task in self.night.state.tasks:
            return Target(task=task, server=split_task(task)[1])
        return Target(server=server)


class TransfersPane(TaskTablePane):
    TITLE = "transfers"
    EMPTY = "nothing is being copied"
    RESTS = True
    SPARE = ("10MIN", "TREND", "TOTAL", "RATE")

    def table(self, night: Night, width: int) -> Table:
        return transfers.table(night, width)


class ProofsPane(TaskTablePane):
    TITLE = "proofs"
    EMPTY = "nothing proven yet"

    def table(self, night: Night, width: int) -> Table:
        return proofs.table(night, width)


def target_of(need: needs.Need, night: Night) -> Target:
    """What the keys act on when this needs a person."""
    prompt = need.key if need.key in night.state.prompts else None
    return Target(need.task, need.server, prompt, alarm=need.key)


class NeedsPane(TablePane):
    TITLE = "needs you"
    EMPTY = ""

    def table(self, night: Night, width: int) -> Table:
        return needs.table(night, width)

    def target(self, server: str | None) -> Target:
        need = next((n for n in needs.items(self.night) if n.key == self.selected), None) if self.night else None
        return target_of(need, self.night) if need and self.night else Target(server=server)


class DetailPane(ProsePane):
    """One task in full: the last one that was selected."""

    can_filter = False

    def __init__(self, id: str) -> None:
        super().__init__(id, title="detail")
        self._about: str | None = None

    def written(self, night: Night, width: int) -> list[Line]:
        return detail.lines(night, self._about, width) if self._about in night.state.tasks else []

    def speak_of_task(self, task: str | None) -> None:
        if task is not None and task != self._about:
            self._about = task
            self.action_top()
            if self.night is not None:
                self.show(self.night)

    def heading(self) -> str:
        return f"detail {self._about}" if self._about else "detail: select a step"

    def aside(self) -> str:
        """It may stand where the log was."""
        return ", ".join(filter(None, [super().aside(), self.brief()]))

    def brief(self) -> str:
        return "f shows the log"

    def target(self, server: str | None) -> Target:
        if self._about is None:
            return Target(server=server)
        return Target(task=self._about, server=split_task(self._about)[1])


class ThroughputPane(Pane):
    """Bars as high as there is room."""

    TITLE = "an hour of throughput"
    can_filter = False

    def __init__(self, id: str, reader: Reader) -> None:
        super().__init__(id)
        self._hour = throughput.Hour(reader)
        self._rates: list[float] = []

    def show(self, night: Night) -> None:
        self._rates = self._hour.rates(night)
        super().show(night)

    def lines(self, width: int, height: int) -> list[Drawn]:
        drawn = throughput.lines(self._rates, self.night, width - 2, height - 1) if self.night else []
        return [self.title_line(width), *(Drawn((Cell(" "), *line)) for line in drawn)]


def compose_panes(source: Source) -> Iterator[Pane]:
    """In the order in which a layout places them."""
    yield ServersPane("servers")
    yield TransfersPane("transfers")
    yield StepsPane("steps")
    yield LogPane("log", source.reader, source.clock)
    yield ThroughputPane("throughput", source.reader)
    yield NeedsPane("needs")
    yield ProofsPane("proofs")
    yield MatrixPane("matrix")
    yield ProsePane("handover", handover.lines, "hand-over")
    yield DetailPane("detail")
    yield ProsePane("timeline", timeline.lines, "timeline")
