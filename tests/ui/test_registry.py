"""One registry: what the footer shows works, what is bound is in `?`, and colours never hide a cell.

tests/long/test_screens.py presses the keys of another pane.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from rich.color import Color, ColorSystem
from textual.binding import Binding

from cockpit.ui import tones
from cockpit.ui.actions import ACTIONS, BY_ID, bindings
from cockpit.ui.app import CockpitApp
from cockpit.ui.board import Board
from cockpit.ui.footer import Footer
from cockpit.ui.pane import Pane
from cockpit.views import signs
from cockpit.views.model import Tone
from tests.ui.console import console

SPEC = {  # spec/commands.md, "Keys"
    "down": "j,down", "up": "k,up", "top": "g", "bottom": "G", "next_pane": "tab", "previous_pane": "shift+tab", "open": "enter",
    "back": "escape", "filter": "slash", "next_match": "n", "previous_match": "N", "help": "question_mark",
    "palette": "colon,ctrl+p", "zoom": "z", "next_layout": "L", "item": "1,2,3,4,5,6,7,8,9", "start": "space", "retry": "r",
    "skip": "s", "cancel": "c", "hold": "x", "gate": "o", "ack": "a", "note": "m", "follow": "f", "copy": "y", "who": "at",
    "leave": "q", "pause": "space", "event_back": "comma", "event_on": "full_stop", "mark_back": "left_square_bracket",
    "mark_on": "right_square_bracket", "seconds_back": "left_parenthesis", "seconds_on": "right_parenthesis",
    "minutes_back": "left_curly_bracket", "minutes_on": "right_curly_bracket", "slower": "less_than_sign",
    "faster": "greater_than_sign", "go_to_time": "t",
}  # fmt: skip


@pytest.mark.parametrize("name", SPEC)
def test_keys_are_those_of_the_specification(name: str) -> None:
    assert set(SPEC[name].split(",")) <= set(BY_ID[name].keys.split(","))


def _declared() -> set[str]:
    """Ids of every binding that any of our classes declares."""
    todo, found = [Pane, Board, CockpitApp], set()
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        found |= {b.id for b in cls.__dict__.get("BINDINGS", []) if isinstance(b, Binding)}
    return found - {None}


async def test_every_binding_stands_in_the_help_and_every_footer_key_is_bound(tmp_path: Path) -> None:
    assert _declared() <= set(BY_ID)
    assert {a.id for a in ACTIONS if a.keys and a.group != "Replay"} <= _declared()
    async with console(tmp_path, (200, 60)) as c:
        board = c.app.screen
        assert isinstance(board, Board)
        for name in board.places.order():
            board.go_to(name)
            await c.pilot.pause()
            shown = c.app.query_one(Footer)._keys()
            bound = {b.binding.id for b in board.active_bindings.values() if b.enabled}
            assert {a.id for a in ACTIONS if (a.shown, a.short) in shown} <= bound
            assert ("q", "leave") in shown and ("?", "help") in shown


async def test_the_help_explains_signs_and_headings_and_is_read_to_its_end_at_80x23(tmp_path: Path) -> None:
    async with console(tmp_path, (80, 23)) as c:
        await c.press("question_mark")
        read, meanings = await c.sees("Signs and headings: below the keys."), [m for _, some in signs.sections() for m in some]
        for _ in range(20):
            await c.press("pagedown")
            read += c.text()
        for sign, means in meanings:
            assert f"  {sign:<13}{means} " in read  # on one line, whole


@pytest.mark.parametrize("pane", ["transfers"])
async def test_every_key_of_the_footer_does_something_or_says_why_not(tmp_path: Path, pane: str) -> None:
    async with console(tmp_path, (200, 60)) as c:
        board = c.app.board
        await c.press("j", "j", "tab", "j")  # something is selected in each
        board.go_to(pane)
        await c.until(lambda: board.here.id == pane and board.here.has_focus)
        offered = [a for a in ACTIONS if a.rank and (a.shown, a.short) in board.query_one(Footer)._keys() and a.id != "leave"]
        assert len(offered) > 12
        for action in offered:
            before = c.rows()
            await c.press(action.keys.split(",")[0])
            await c.until(lambda before=before: c.rows() != before, lambda action=action: f"{action.id} did nothing")
            while not isinstance(c.app.screen, Board):
                await c.press("escape")
            await c.press("escape")
            board.places.zoom(None)
            board.want_layout("wall")
            board.go_to(pane)
            await c.until(lambda: board.here.id == pane and board.here.has_focus)
            board.hush()
            await c.pilot.pause()


def test_no_essential_key_is_one_that_tmux_swallows() -> None:
    for action in ACTIONS:
        for key in filter(None, action.keys.split(",")):
            assert key not in ("ctrl+i", "ctrl+m", "ctrl+h", "ctrl+enter", "shift+enter", "ctrl+b"), action.id


@pytest.mark.parametrize("theme", [tones.DARK, tones.LIGHT, tones.TERMINAL])
@pytest.mark.parametrize("system", [ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR])
def test_no_tone_vanishes_into_its_background(theme: str, system: ColorSystem) -> None:
    if theme != tones.TERMINAL and system is ColorSystem.STANDARD:
        assert tones.theme_for("standard", False) == tones.TERMINAL
        return
    for tone in get_args(Tone):
        for under in ("", "cursor", "resting", "alarm"):
            drawn = tones.style(theme, tone, under)
            front, back = (c.downgrade(system) if c else Color.default() for c in (drawn.color, drawn.bgcolor))
            assert front != back or front.is_default, (theme, tone, under)


def test_a_terminal_without_colours_gets_its_own() -> None:
    assert tones.theme_for("truecolor", no_color=True) == tones.TERMINAL
    assert tones.theme_for(None, no_color=False) == tones.TERMINAL
    assert tones.theme_for("256", no_color=False) == tones.DARK


def test_the_several_keys_of_an_item_carry_their_digit() -> None:
    made = [b for b in bindings("item") if isinstance(b, Binding)]
    assert [b.action for b in made] == [f"item({n})" for n in range(1, 10)]
