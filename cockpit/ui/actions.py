"""The one registry of what keys do: the footer, `?`, the palette and every pane's bindings are read from it.

Knows names, keys and words; refuses to know how an action is carried out (the pane that declares it does).
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """keys: Textual's names, comma-separated. acts: it changes the night, so it is off where there is no commander.

    rank: place in the footer, the smaller the earlier; 0: not shown there.
    """

    id: str
    keys: str
    shown: str  # the key as a person reads it
    words: str
    group: str
    acts: bool = False
    rank: int = 0
    short: str = ""  # the footer's word
    pane: str = ""  # the footer shows it where this pane has the keys; it works everywhere


REPLAYING = "Replay"
_MOVE, _LOOK, _ACT, _NIGHT, _REPLAY = "Moving", "Looking", "Acting on the selected step or server", "The night", REPLAYING

ACTIONS: tuple[Action, ...] = (
    Action("down", "j,down", "j, Down", "next row", _MOVE),
    Action("up", "k,up", "k, Up", "previous row", _MOVE),
    Action("top", "g,home", "g, Home", "first row", _MOVE),
    Action("bottom", "G,end", "G, End", "last row (the log: follow again)", _MOVE),
    Action("page_down", "pagedown,ctrl+d", "PgDn, ^D", "a page down", _MOVE),
    Action("page_up", "pageup,ctrl+u", "PgUp, ^U", "a page up", _MOVE),
    Action("left", "h,left", "h, Left", "left", _MOVE),
    Action("right", "l,right", "l, Right", "right", _MOVE),
    Action("next_pane", "tab", "Tab", "next pane", _MOVE, rank=5, short="pane"),
    Action("previous_pane", "shift+tab", "Shift+Tab", "previous pane", _MOVE),
    Action("open", "enter", "Enter", "open what is selected", _MOVE, rank=6, short="open"),
    Action("back", "escape", "Esc", "back", _MOVE),
    Action("item", "1,2,3,4,5,6,7,8,9", "1-9", "open the numbered item that needs you", _LOOK, rank=3, short="item"),
    Action("next_match", "n", "n", "next match, or next alarm", _LOOK, rank=15, short="next"),
    Action("previous_match", "N", "N", "previous match, or previous alarm", _LOOK),
    Action("filter", "slash", "/", "filter this pane; in the log, find words", _LOOK, rank=14, short="find"),
    Action("follow", "f", "f", "to the log and its end, from any pane; in it: follow, or no longer", _LOOK, rank=16,
           short="follow"),
    Action("copy", "y", "y", "copy the selected row", _LOOK),
    Action("zoom", "z", "z", "zoom this pane", _LOOK, rank=17, short="zoom"),
    Action("next_layout", "L", "L", "next layout", _LOOK, rank=19, short="layout"),
    Action("help", "question_mark", "?", "all keys, signs and headings", _LOOK, rank=1, short="help"),
    Action("palette", "colon,ctrl+p", ":", "commands by name (also Ctrl+P)", _LOOK, rank=18, short="cmd"),
    Action("start", "space", "Space", "start it, or say that it is done", _ACT, True, 7, "start"),
    Action("retry", "r", "r", "try it again", _ACT, True, 8, "retry"),
    Action("skip", "s", "s", "skip it, with a reason", _ACT, True, 9, "skip"),
    Action("cancel", "c", "c", "cancel what runs", _ACT, True, 10, "cancel"),
    Action("hold", "x", "x", "hold it, or release it", _ACT, True, 11, "hold"),
    Action("gate", "o", "o", "go or no-go", _ACT, True, 12, "go/no-go"),
    Action("ack", "a", "a", "acknowledge the alarm", _ACT, True, 4, "ack"),
    Action("note", "m", "m", "write a note", _ACT, True, 13, "note"),
    Action("pause_transfer", "p", "p", "pause the selected transfer, or let it go on", _ACT, True, 5, "pause", "transfers"),
    Action("front", "F", "F", "put the selected transfer first in the queue or the limit", _ACT, True, 5, "front", "transfers"),
    Action("limit", "b", "b", "change what all transfers together may use (bandwidth)", _NIGHT, True, 5, "limit", "transfers"),
    Action("undo", "", "", "undo: run the step's own rollback", _ACT, True),
    Action("drop", "", "", "drop the server from the night, with a reason", _ACT, True),
    Action("hold_all", "", "", "hold everything, or release it", _NIGHT, True),
    Action("backout", "", "", "back the whole night out, with a reason", _NIGHT, True),
    Action("who", "at", "@", "say who is at the keys", _NIGHT, rank=20, short="who"),
    Action("leave", "q,ctrl+c,ctrl+q", "q", "leave the screen: the work goes on (also Ctrl+C, Ctrl+Q)", _NIGHT, rank=2,
           short="leave"),
    Action("pause", "space", "Space", "pause or play", _REPLAY),
    Action("event_back", "comma", ",", "one event back", _REPLAY),
    Action("event_on", "full_stop", ".", "one event on", _REPLAY),
    Action("mark_back", "left_square_bracket", "[", "previous mark", _REPLAY),
    Action("mark_on", "right_square_bracket", "]", "next mark", _REPLAY),
    Action("seconds_back", "left_parenthesis", "(", "10 s back", _REPLAY),
    Action("seconds_on", "right_parenthesis", ")", "10 s on", _REPLAY),
    Action("minutes_back", "left_curly_bracket", "{", "5 min back", _REPLAY),
    Action("minutes_on", "right_curly_bracket", "}", "5 min on", _REPLAY),
    Action("slower", "less_than_sign", "<", "slower", _REPLAY),
    Action("faster", "greater_than_sign", ">", "faster", _REPLAY),
    Action("go_to_time", "t", "t", "go to a time", _REPLAY),
)  # fmt: skip
BY_ID = {a.id: a for a in ACTIONS}
ACTING = tuple(a for a in ACTIONS if a.acts)
REPLAY = tuple(a for a in ACTIONS if a.group == _REPLAY)


def bindings(*ids: str) -> list[BindingType]:
    """Textual bindings of these actions. The several keys of `item` carry their digit."""
    return [b for name in ids for b in _bindings(BY_ID[name])]


def _bindings(action: Action) -> list[Binding]:
    if action.id == "item":
        return [Binding(k, f"item({k})", action.words, show=False, id=action.id) for k in action.keys.split(",")]
    if not action.keys:
        return []
    call = f"act('{action.id}')" if action.acts else action.id
    return [Binding(action.keys, call, action.words, show=False, id=action.id)]
