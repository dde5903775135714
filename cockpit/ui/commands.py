"""What the palette offers: the registry's actions that work on this screen, and a name for every place to go to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from cockpit.ui.actions import ACTIONS, BY_ID
from cockpit.ui.palette import Command

if TYPE_CHECKING:
    from cockpit.ui.app import CockpitApp

# Those that mean nothing without the key they are on.
_KEYS_ONLY = {"down", "up", "top", "bottom", "page_down", "page_up", "left", "right", "item", "palette", "open"}


def commands(app: CockpitApp) -> list[Command]:
    return [*_actions(app), *_places(app)]


def _actions(app: CockpitApp) -> Iterator[Command]:
    for action in sorted(ACTIONS, key=lambda a: not a.acts):
        if action.id not in _KEYS_ONLY and app.board.has(action):
            key = f" ({action.shown})" if action.shown else ""
            yield Command(action.id.replace("_", " ") + key, action.words, partial(_run, app, action.id))


def _places(app: CockpitApp) -> Iterator[Command]:
    board = app.board
    for pane in board.panes:
        yield Command(f"pane {pane.id}", "give it the keys", partial(board.go_to, pane.id or ""))
    for server in board.night.plan.servers if board.night else ():
        yield Command(f"server {server}", "the screen speaks of it", partial(board.go_to_server, server))
    for layout in app.all_layouts:
        yield Command(f"layout {layout.name}", f"from {layout.columns}x{layout.rows}", partial(board.want_layout, layout.name))
    for theme in app.available_themes:
        yield Command(f"theme {theme}", "colours", partial(setattr, app, "theme", theme))


def _run(app: CockpitApp, name: str) -> None:
    """As if its key had been pressed on the board."""
    if BY_ID[name].acts:
        app.board.action_act(name)
    elif BY_ID[name].group == "Replay":
        app.action_replay(name)
    else:
        places = (app.board.here, app.board, app)
        where = next((n for n in places if hasattr(n, f"action_{name}")), None)
        if where is None:
            app.board.say(f"{name} means nothing in this pane.")
        else:
            app.call_later(app.run_action, name, where)
