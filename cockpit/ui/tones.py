"""The colours: one palette per theme, and what each tone of a cell looks like in it. Refuses to know what a cell means.

Only themes that are tested here are offered. Where the terminal has 16 colours (or none at all) the terminal's own are used:
a colour converted down to 16 can land on its own background and vanish.
"""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style
from textual.theme import Theme

DARK, LIGHT, TERMINAL = "cockpit-dark", "cockpit-light", "cockpit-terminal"

# Those of the 256-colour palette, so that they look the same where a terminal has no more (tmux without RGB).
_COLOURS: dict[str, dict[str, str]] = {
    DARK: {
        "": "#d0d0d0", "dim": "#8a8a8a", "good": "#5fd787", "run": "#5fafff", "warn": "#ffd75f", "bad": "#ff5f5f",
        "unknown": "#d7afff", "strong": "#ffffff", "title": "#87afd7", "back": "#121212", "cursor": "#3a3a3a",
        "resting": "#262626", "alarm": "#ffd75f", "alarm-text": "#121212",
    },
    LIGHT: {
        "": "#262626", "dim": "#626262", "good": "#005f00", "run": "#005faf", "warn": "#875f00", "bad": "#af0000",
        "unknown": "#5f00af", "strong": "#000000", "title": "#005f87", "back": "#eeeeee", "cursor": "#bcbcbc",
        "resting": "#dadada", "alarm": "#875f00", "alarm-text": "#ffffff",
    },
    TERMINAL: {
        "": "default", "dim": "default", "good": "green", "run": "cyan", "warn": "yellow", "bad": "red",
        "unknown": "magenta", "strong": "default", "title": "default", "back": "default",
    },
}  # fmt: skip
_BOLD = frozenset({"bad", "strong", "warn"})


def themes() -> list[Theme]:
    return [_rgb_theme(DARK, dark=True), _rgb_theme(LIGHT, dark=False), _terminal_theme()]


def _rgb_theme(name: str, *, dark: bool) -> Theme:
    c = _COLOURS[name]
    return Theme(
        name=name, primary=c["run"], secondary=c["title"], warning=c["warn"], error=c["bad"], success=c["good"],
        accent=c["warn"], foreground=c[""], background=c["back"], surface=c["back"], panel=c["resting"], dark=dark,
        variables={
            "block-cursor-background": c["cursor"], "block-cursor-foreground": c["strong"],
            "block-cursor-text-style": "bold", "text-muted": c["dim"], "border-blurred": c["dim"],
            "input-cursor-background": c["strong"], "input-cursor-foreground": c["back"],
        },
    )  # fmt: skip


def _terminal_theme() -> Theme:
    plain = "ansi_default"
    return Theme(
        name=TERMINAL, ansi=True, primary="ansi_cyan", secondary="ansi_cyan", warning="ansi_yellow", error="ansi_red",
        success="ansi_green", accent="ansi_yellow", foreground=plain, background=plain, surface=plain, panel=plain,
        boost=plain,
        variables={
            "block-cursor-background": plain, "block-cursor-foreground": plain, "block-cursor-text-style": "reverse",
            "block-cursor-blurred-background": plain, "block-cursor-blurred-foreground": plain,
            "block-hover-background": plain, "text-muted": plain, "border": "ansi_cyan", "border-blurred": plain,
            "input-cursor-background": plain, "input-cursor-foreground": plain,
            "input-cursor-text-style": "reverse", "ansi-background": plain, "ansi-foreground": plain,
        },
    )  # fmt: skip


def theme_for(color_system: str | None, no_color: bool) -> str:
    """The theme a terminal starts with: its own colours where it has 16 or fewer, or wants none."""
    return DARK if color_system in ("256", "truecolor") and not no_color else TERMINAL


@lru_cache(512)
def style(theme: str, tone: str, under: str = "") -> Style:
    """How a cell of this tone is drawn. under: "" | "cursor" (the keys act on it) | "resting" (selected elsewhere) | "alarm"."""
    colours = _COLOURS.get(theme, _COLOURS[TERMINAL])
    if tone == "match":
        tone, under = "", "alarm"
    bold, dim = tone in _BOLD or under in ("cursor", "alarm"), tone == "dim" and not under
    if "cursor" not in colours:  # the terminal's own: two colours of its 16 may look alike, reverse never does
        reverse = under in ("cursor", "alarm")
        colour = None if reverse else colours[tone]
        return Style(color=colour, bold=bold or under == "resting", dim=dim, reverse=reverse)
    colour = colours["alarm-text"] if under == "alarm" else colours[tone]
    return Style(color=colour, bgcolor=colours[under or "back"], bold=bold)
