"""The Textual app: wires a source to the board, starts the clockwork, and leaves the screen without touching the work.

Knows no pane and no meaning; live, attached, watched and replayed screens are this same app with another source.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.screen import Screen

from cockpit.journal.clock import LiveClock, ReplayClock
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import JournalProblem, Reader
from cockpit.ui import layouts, tones
from cockpit.ui.actions import BY_ID, REPLAY, bindings
from cockpit.ui.board import Board
from cockpit.ui.commander import Commander
from cockpit.ui.commands import commands
from cockpit.ui.dialogs import Answer, Choice, Dialog, Question
from cockpit.ui.help import Help
from cockpit.ui.inturn import InTurn
from cockpit.ui.memory import Memory
from cockpit.ui.palette import Command, Palette
from cockpit.ui.pulse import Pulse
from cockpit.ui.replaykeys import ReplayKeys
from cockpit.ui.source import Source
from cockpit.ui.sparing import spare
from cockpit.ui.tidy import EVERY, Tidy

SAVE_EVERY = 2.0
HUNG_UP_EVERY = 5.0  # seconds between two looks at whether the terminal is still there

CSS = """
Pane { display: none; }
#foot { height: auto; }
#desk { height: 1fr; }
#too-small { display: none; height: 1fr; }
Board { background: $background; color: $foreground; scrollbar-size: 0 0; }
Input:ansi { text-style: underline; }
Board.-small #desk, Board.-small #foot { display: none; }
Board.-small #too-small { display: block; }
Board.-zoom #desk { layout: vertical !important; }
Board.-zoom #desk Pane { display: none !important; }
Board.-zoom #desk Pane.-zoomed { display: block !important; height: 1fr !important; max-height: 100% !important; }
"""


class CockpitApp(InTurn):
    """Ends with the words that are to stand in the terminal afterwards."""

    CSS = CSS
    TITLE = "cockpit"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False  # dragging selects nothing here: Shift lets the terminal do it
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("help", "palette", "who"),
        Binding("q", "leave", BY_ID["leave"].words, show=False, id="leave"),
        # Priority: an input has a ctrl+c of its own, and Textual quits on ctrl+q by default.
        Binding("ctrl+c,ctrl+q", "leave", BY_ID["leave"].words, show=False, priority=True, id="leave"),
    ]

    def __init__(self, source: Source, memory: Memory | None = None) -> None:
        self.all_layouts = layouts.load()
        plain = "NO_COLOR" in os.environ
        super().__init__(css_path=[str(layout.path) for layout in self.all_layouts], ansi_color=True if plain else None)
        for name in list(self.available_themes):
            self.unregister_theme(name)
        for theme in tones.themes():
            self.register_theme(theme)
        self.theme = tones.theme_for(self.console.color_system, plain)
        self.source, self.memory, self.tidy = source, memory, Tidy()
        if source.controls is not None:
            self.replay_keys = ReplayKeys(self, source)
            for action in REPLAY:
                self.bind(action.keys, f"replay('{action.id}')", description=action.words, show=False)

    @property
    def board(self) -> Board:
        return next(s for s in self.screen_stack if isinstance(s, Board))

    def get_default_screen(self) -> Board:
        return Board(self.source, self.all_layouts, self.memory.read() if self.memory else {})

    async def on_mount(self) -> None:
        self.animation_level = "none"
        if self.memory is not None:
            self.set_interval(SAVE_EVERY, self.save)
        self.set_interval(EVERY, self.tidy.look)
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            self.set_interval(HUNG_UP_EVERY, self._end_without_a_terminal)
        self.run_worker(self.source.beat(), exit_on_error=False)

    def _end_without_a_terminal(self) -> None:
        """A terminal that went without a hang-up signal (no session of its own) leaves a screen that reads nothing for ever, and
        as fast as it can."""
        poll = select.poll()
        poll.register(0, 0)
        if any(seen & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, seen in poll.poll(0)):
            self.save()
            os._exit(1)  # nothing can be written to what is gone, so there is nothing to put back in order

    def redraw(self) -> None:
        self.board.look()

    def save(self) -> None:
        if self.memory is not None:
            self.memory.write(self.board.place())

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Textual's own; where it is called otherwise one day, lines are written whole again."""
        spare(renderable)
        super()._display(screen, renderable)

    def takes(self, event: events.Key) -> bool:
        """A key typed before a dialog was drawn decides nothing; any other takes the last answer off the last row."""
        if isinstance(self.screen, Dialog):
            return self.screen.accepts(event)
        if isinstance(self.screen, Board):
            self.screen.hush()
        return True

    # --- actions of the app

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "who" and not self.board.deck.works(BY_ID["who"]) else True

    def action_leave(self) -> None:
        self.save()
        if self.source.controls is not None:
            self.exit("Left the replay.")
        else:
            self.exit(self._farewell())

    def _farewell(self) -> str:
        """What goes on without this screen, and how to see it again."""
        night, session = self.board.night, self.source.session
        if night is not None and night.state.outcome is not None:
            return (f"Left the screen; the night has ended: {night.state.outcome}. "
                    f"See it again with: cockpit replay {session}, or cockpit report {session}")
        if night is not None and night.engine.alive is False:
            return f"Left the screen; NO ENGINE RUNS, so nothing new starts. Go on with: cockpit resume {session}"
        return f"Left the screen; the work goes on. Come back with: cockpit attach {session}"

    async def action_quit(self) -> None:
        self.action_leave()

    def action_help(self) -> None:
        if isinstance(self.screen, Board):
            self.push_screen(Help(self.board.deck))

    def action_palette(self) -> None:
        def chosen(command: Command | None) -> None:
            if command is not None:
                command.run()

        if isinstance(self.screen, Board):
            self.push_screen(Palette(commands(self)), chosen)

    def action_who(self) -> None:
        choice = Choice("e", "", "", asks="name, for the record of who decided what:")
        question = Question("Who is at the keys?", (f"Now: {self.source.who}.",), (choice,), self.source.who)

        def named(answer: Answer | None) -> None:
            if answer is not None:
                self.source.rename(answer.value.strip())
                self.board.say(f"{self.source.who} is at the keys.")
                self.redraw()

        self.push_screen(Dialog(question), named)

    def action_replay(self, name: str) -> None:
        self.replay_keys.act(name)


def run_ui(session_dir: Path, *, who: str, read_only: bool = False) -> int:
    """The live screen of a session, until a person leaves it. 0; 2 with words on stderr where it can't be opened."""
    session = SessionDir(Path(session_dir))

    def source() -> Source:
        commander = Commander(session.socket_path, who)
        reader = Reader.open(session.journal_path)
        acting = None if read_only else commander
        clock = LiveClock(since=reader.newest())
        return Source(reader, clock, acting, Pulse(commander), who="" if read_only else who, session=session.id)

    return _run(source, Memory(session.path, who))


def run_replay(session_dir: Path, *, at: str | None = None, speed: float = 1.0) -> int:
    """The recorded night, from `at` ("03:12", or "03:12:47"; None: its start), playing at `speed` (above 0)."""
    session = SessionDir(Path(session_dir))

    def source() -> Source:
        reader = Reader.open(session.journal_path)
        first, last = reader.time_of(1), reader.time_of(reader.last_seq())
        if first is None or last is None:
            raise JournalProblem(f"{session.journal_path} is empty: there is nothing to replay")
        clock = ReplayClock(first, last, speed=speed)
        made = Source(reader, clock, controls=clock, session=session.id)
        if at is not None:
            made.go_to(at)
        clock.play()
        return made

    return _run(source, None)


def _run(make: Callable[[], Source], memory: Memory | None) -> int:
    for name in ("COLUMNS", "LINES"):  # exported by some shells, believed by Python, and wrong after the first resize
        os.environ.pop(name, None)
    try:
        app = CockpitApp(make(), memory)
    except (JournalProblem, FileNotFoundError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    app.tidy.start()
    words = app.run()
    if words:
        print(words, file=sys.stderr if app.return_code else sys.stdout)
    return app.return_code or 0
