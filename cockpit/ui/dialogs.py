"""The one dialog in which a person decides: what would happen, the keys that do it, a reason and a name where they are due.

It takes no key until it has been on the screen for a moment: what was typed before, or is still in a buffer, must not
decide anything. One that has but a field to type in takes them all, and nothing typed is no answer. Knows choices and words;
refuses to know the commands they stand for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cockpit.units import plural

FRAME, MOST_BELOW = 6, 9  # rows around the body: border, margin and title; what was chosen, its fields and the hint
SCROLLS = {"down": 1, "up": -1, "pagedown": 5, "pageup": -5}  # lines; letters are answers
SETTLE = 0.25  # seconds that a dialog stands before it listens: a key typed at the screen before may still be on its way
ALWAYS = frozenset({"ctrl+c", "ctrl+q"})  # leaving the screen is never in doubt
Reason = Literal["none", "optional", "required"]
_MISSING = {
    "value": "Nothing was typed: Esc leaves it as it is.", "why": "A reason is needed: it goes into the record.",
    "who": "A name is needed.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer. `key` is a single letter; `words` say what then happens."""

    key: str
    value: str
    words: str
    reason: Reason = "none"
    names: bool = False  # asks also who says so
    secret: bool = False
    asks: str = ""  # free text: what to type; the typed text is the value
    wrong: Callable[[str], str] | None = None  # what is wrong with a typed value; "" where it can be taken
    twice: str = ""  # what is said first, for what can't be taken back: a reason typed a field too early has chosen it


@dataclass(frozen=True, slots=True)
class Question:
    """title names the step and the server; body lines say the effect. A single free-text choice opens its field at once."""

    title: str
    body: tuple[str, ...]
    choices: tuple[Choice, ...]
    who: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    value: str
    why: str | None
    who: str


class Dialog(ModalScreen[Answer | None]):
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Dialog { align: center middle; background: transparent; color: $foreground; }
    Dialog > #box {
        width: 76; max-width: 96%; height: auto; max-height: 100%;
        border: solid $warning; padding: 0 1; margin: 2 0 1 0; background: $background;
    }
    Dialog #title { text-style: bold; }
    Dialog #body { height: auto; scrollbar-size: 0 0; }
    Dialog Static { height: auto; }
    Dialog Input { height: 1; margin: 0; background: $panel; color: $foreground; }
    Dialog #hint { margin-top: 1; color: $text-muted; }
    Dialog #complaint { text-style: bold; color: $error; }
    Dialog .-off { display: none; }
    """

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.settle = 0.0 if len(question.choices) == 1 and question.choices[0].asks else SETTLE
        self.chosen: Choice | None = None
        self._warned = False
        self.listens_from: float | None = None if self.settle else 0.0  # monotonic; None: not drawn yet

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self.question.title, id="title", markup=False)
            with VerticalScroll(id="body", can_focus=False):
                yield Static("\n".join(self.question.body), markup=False)
            yield Static("", id="choices", markup=False)
            yield Static("", id="value-label", markup=False, classes="-off")
            yield Input(id="value", classes="-off", select_on_focus=False, compact=True)
            yield Static("why:", id="why-label", markup=False, classes="-off")
            yield Input(id="why", classes="-off", select_on_focus=False, compact=True)
            yield Static("who says so:", id="who-label", markup=False, classes="-off")
            yield Input(self.question.who, id="who", classes="-off", select_on_focus=False, compact=True)
            yield Static("", id="complaint", markup=False, classes="-off")
            yield Static("…", id="hint", markup=False)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        if self.settle:
            self.call_after_refresh(self.set_timer, self.settle, self._listen)
        else:
            self._choose(self.question.choices[0])

    def on_resize(self) -> None:
        """However long the body, what can be answered below it is seen."""
        below = max(len(self.question.choices) + 4, MOST_BELOW)
        self.query_one("#body").styles.max_height = max(3, self.size.height - FRAME - below)
        self.call_after_refresh(self._hint)

    def accepts(self, event: events.Key) -> bool:
        """Whether this key was pressed at the dialog, and not at what stood there before it."""
        return event.key in ALWAYS or (self.listens_from is not None and event.time >= self.listens_from)

    def _listen(self) -> None:
        """The keys appear when they work, not before."""
        self.listens_from = time.monotonic()
        self._hint()

    def _hint(self) -> None:
        if self.listens_from is None:
            return
        if self.chosen is None:
            lines = [f"  {c.key}  {c.words}" for c in self.question.choices]
            self.query_one("#choices", Static).update("\n".join(["", *lines]))
            self.query_one("#hint", Static).update("Esc  leave it as it is" + self._more())
        else:
            self.query_one("#choices", Static).update(f"\n{self.chosen.words}")
            several = len([i for i in self.query(Input) if not i.has_class("-off")]) > 1
            tab = "Tab  next field      " if several else ""
            self.query_one("#hint", Static).update(f"Enter  do it      {tab}Esc  leave it as it is{self._more()}")

    def _more(self) -> str:
        """That there is more to read than is seen."""
        hidden = round(self.query_one("#body").max_scroll_y)
        return f"      Up, Down  {plural(hidden, 'more line')}" if hidden > 0 else ""

    def on_key(self, event: events.Key) -> None:
        if event.key in SCROLLS:
            event.stop()
            self.query_one("#body").scroll_relative(y=SCROLLS[event.key], animate=False)
        elif event.key == "escape":
            event.stop()
            self.dismiss(None)
        elif self.chosen is None:
            event.stop()
            choice = next((c for c in self.question.choices if c.key == event.character), None)
            if choice is not None:
                self._choose(choice)
            else:
                self._complain(f"{_name(event)} does nothing here: {' or '.join(c.key for c in self.question.choices)} answers.")

    def _complain(self, text: str) -> None:
        complaint = self.query_one("#complaint", Static)
        complaint.update(text)
        complaint.remove_class("-off")

    def _choose(self, choice: Choice) -> None:
        if not (choice.asks or choice.names or choice.reason != "none"):
            self.dismiss(Answer(choice.value, None, self.question.who))
            return
        self.chosen = choice
        self.query_one("#complaint").add_class("-off")
        wanted = {"value": bool(choice.asks), "why": choice.reason != "none", "who": choice.names}
        self.query_one("#value-label", Static).update(choice.asks)
        self.query_one("#why-label", Static).update("why:" if choice.reason == "required" else "why (may stay empty):")
        self.query_one("#value", Input).password = choice.secret
        for name, on in wanted.items():
            self.query_one(f"#{name}").set_class(not on, "-off")
            self.query_one(f"#{name}-label").set_class(not on, "-off")
        self.query_one("#" + next(name for name, on in wanted.items() if on), Input).focus()
        self._hint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        choice = self.chosen
        if choice is None:
            return
        typed = {name: self.query_one(f"#{name}", Input).value for name in ("value", "why", "who")}
        for field, words in _lacking(choice, typed):
            self._complain(words)
            self.query_one(f"#{field}", Input).focus()
            return
        if choice.twice and not self._warned:
            self._warned = True
            self._complain(f"{choice.twice} Enter once more does it.")
            return
        value = typed["value"] if choice.asks else choice.value
        self.dismiss(Answer(value, typed["why"].strip() or None, typed["who"].strip() or self.question.who))


def _lacking(choice: Choice, typed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(field, words) of what has to be typed first: closed over it, a dialog would leave the rest to the keys of the screen."""
    needed = {"value": bool(choice.asks), "why": choice.reason == "required", "who": choice.names}
    yield from ((name, _MISSING[name]) for name, on in needed.items() if on and not typed[name].strip())
    if choice.wrong is not None and (words := choice.wrong(typed["value"])):
        yield "value", words


def _name(event: events.Key) -> str:
    """As it stands on the key: "Enter", "x"."""
    return event.character if event.character and event.is_printable and event.key != "space" else event.key.capitalize()
