"""What every pane shares: a title line that shows whether the keys go here, and the shape of what it tells the board.

A pane owns its bindings and its picture; refuses to know the other panes and the commands of the night.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual.geometry import Size
from textual.message import Message

from cockpit.ui.painting import Drawn, Painted
from cockpit.ui.proposals import Target
from cockpit.views.model import Cell, Night
from cockpit.views.words import pad
from cockpit.views.words import width as cells


class Pane(Painted):
    """A focusable picture with a title. `show(night)` is called at most twice a second with the newest moment."""

    can_focus = True
    TITLE: ClassVar[str] = ""
    LEADS: ClassVar[bool] = False  # what is selected here decides of which server the other panes speak
    OPENS: ClassVar[str | None] = None  # the pane that Enter goes to
    can_filter: ClassVar[bool] = True

    class Selected(Message):
        """A person moved the cursor: to a task, a server or a prompt id (None: to nothing)."""

        def __init__(self, pane: Pane, key: str | None) -> None:
            super().__init__()
            self.pane, self.key = pane, key

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, pane: Pane, key: str) -> None:
            super().__init__()
            self.pane, self.key = pane, key

    class Said(Message):
        """A sentence for the last row."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.night: Night | None = None
        self.filter_text = ""

    def show(self, night: Night) -> None:
        self.night = night
        self.paint()

    @property
    def selected(self) -> str | None:
        """The key of the row under the cursor: a server, a task, a prompt …"""
        return None

    def select(self, key: str | None) -> None:
        """Put the cursor on this row, where the pane has one."""

    def target(self, server: str | None) -> Target:
        """What an acting key is about, while the screen speaks of `server` (None: of all)."""
        return Target(server=server)

    def speak_of(self, server: str | None) -> None:
        """The screen speaks of another server now (None: of all)."""

    def natural_height(self, width: int) -> int:
        """Rows that this pane would like to have, where a layout lets it choose."""
        return 1

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self.natural_height(width)

    def place(self) -> dict[str, Any]:
        """Where the reader stands, as JSON, for `restore` after the terminal was closed."""
        return {"filter": self.filter_text}

    def restore(self, place: dict[str, Any]) -> None:
        self.set_filter(str(place.get("filter") or ""))

    def set_filter(self, text: str) -> None:
        self.filter_text = text
        self.paint()

    def filter_kept(self) -> None:
        """Enter was pressed at the filter."""

    def step_row(self, direction: int) -> None:
        """The next or previous row, going round."""

    def end_row(self, direction: int) -> None:
        """The first row (1), or the last (-1)."""

    def step_match(self, direction: int) -> bool:
        """Go to the next (1) or previous (-1) match of the filter. False: there is none, the key means something else."""
        return False

    def copied(self) -> str:
        """The text that `y` copies."""
        return ""

    def heading(self) -> str:
        return self.TITLE

    def sought(self) -> str:
        """What it is filtered by, as it stands in the title."""
        return self.filter_text and "/" + self.filter_text

    def aside(self) -> str:
        """What stands at the right end of the title: counts, places."""
        return ""

    def brief(self) -> str:
        """The same where there is less room."""
        return self.aside()

    def title_line(self, width: int) -> Drawn:
        """`── servers ─────── /web ── 3 of 7 ──`; with the keys here, `━━ servers ━━` and bright. Its name gives way last."""
        here = self.has_focus
        rule = "━" if here else "─"
        name = f"{rule}{rule} {self.heading()} "
        asides = (self.aside(), self.brief(), "")
        ends = ["".join(f" {part} {rule}" for part in (self.sought(), aside) if part) for aside in asides]
        end = next((e for e in ends if cells(name) + cells(e) < width), ends[-1])
        end = end and end + rule
        space = rule * (width - cells(name) - cells(end))
        return Drawn((Cell(pad(name + space + end, width), "strong" if here else "title"),))

    def on_focus(self) -> None:
        self.call_next(self.paint)  # not at once: the widget learns only after this that it has the keys

    def on_blur(self) -> None:
        self.call_next(self.paint)
