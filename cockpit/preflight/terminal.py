"""This terminal: its size, colours, characters, and the tmux around it. Asks tmux for its options and sets none.

What tmux's options do is in tmux(1); the advice follows `reference/traps.md`: OSC 52 needs set-clipboard, a shared window
bounces between clients of different sizes, BEL is the alarm that always arrives.
"""

from __future__ import annotations

import curses
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from cockpit.preflight.finding import Finding, bad, good, warn
from cockpit.units import plural

LIMIT = 5.0  # seconds for tmux to answer
SLOW_ESCAPE = 100  # ms; tmux's own default was 500 for years: Esc then seems to hang


def terminal(env: Mapping[str, str], needs: tuple[int, int]) -> Iterator[Finding]:
    """`needs`: columns and rows of the smallest layout."""
    yield from _size(needs)
    yield _kind(env)
    yield _characters(env)
    yield from _tmux(env)


def _size(needs: tuple[int, int]) -> Iterator[Finding]:
    if not sys.stdout.isatty():
        yield warn("size", "this output is no terminal, so its size was not seen", "run cockpit doctor where the screen will be")
        return
    size = os.get_terminal_size(sys.stdout.fileno())
    text = f"{size.columns}x{size.lines}"
    if size.columns >= needs[0] and size.lines >= needs[1]:
        yield good("size", f"{text}, the smallest layout needs {needs[0]}x{needs[1]}")
    else:
        yield bad("size", f"{text}, but the smallest layout needs {needs[0]}x{needs[1]}", "make it larger, or the font smaller")


def _kind(env: Mapping[str, str]) -> Finding:
    name = env.get("TERM", "")
    if name in ("", "dumb", "unknown"):
        return bad("TERM", f"TERM is {name!r}: no full screen can be drawn", "log in with a terminal (ssh -t), or start tmux")
    try:
        curses.setupterm(name, sys.__stdout__.fileno() if sys.__stdout__ else 1)
        colours = curses.tigetnum("colors")
    except curses.error:
        return warn("TERM", f"{name} is not in this machine's terminfo", "use TERM=xterm-256color, or install ncurses-term")
    if "NO_COLOR" in env:
        return good("TERM", f"{name}; NO_COLOR is set, so words and glyphs carry everything")
    if env.get("COLORTERM") in ("truecolor", "24bit"):
        return good("TERM", f"{name}, true colour")
    if colours >= 256:
        return good("TERM", f"{name}, {colours} colours")
    better = "tmux-256color" if env.get("TMUX") else "xterm-256color"
    return warn("TERM", f"{name}, {max(colours, 0)} colours: it works, plainer", f"use TERM={better}")


def _characters(env: Mapping[str, str]) -> Finding:
    name = next((env[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(key)), "")
    if "utf-8" in name.lower() or "utf8" in name.lower():
        return good("locale", name)
    said = f"the locale is {name!r}" if name else "no locale is set"
    return warn("locale", f"{said}, not UTF-8: names and bars may show as ?", "export LANG=C.UTF-8 before tmux is started")


# --- tmux


def _tmux(env: Mapping[str, str]) -> Iterator[Finding]:
    if not env.get("TMUX"):
        yield good("tmux", "not in tmux: fine for one person, since leaving never stops the work; to share it, start tmux first")
        return
    options = _options()
    if options is None:
        yield warn("tmux", "TMUX is set, but tmux does not answer", "leave this shell and attach again")
        return
    yield good("tmux", f"in tmux, {_clients()} attached")
    yield _clipboard(options)
    yield _window(options)
    yield _escape(options)
    yield _bell(options)
    if options.get("status", "on") != "off":
        yield good("tmux status", "its status line takes one row, which the size above already counts")


def _options() -> dict[str, str] | None:
    """The server's, the session's and the window's options, as they hold here."""
    found: dict[str, str] = {}
    for scope in ("-s", "-gA", "-gwA", "-A", "-wA"):
        said = _run("show-options", scope)
        if said is None and scope == "-s":
            return None
        for line in (said or "").splitlines():
            name, _, value = line.partition(" ")
            found[name.rstrip("*")] = value.strip('"')
    return found


def _run(*args: str) -> str | None:
    try:
        done = subprocess.run(["tmux", *args], capture_output=True, text=True, timeout=LIMIT, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _clients() -> str:
    count = len((_run("list-clients", "-F", "#{client_name}") or "").splitlines())
    return plural(count, "client")


def _clipboard(options: Mapping[str, str]) -> Finding:
    value = options.get("set-clipboard", "?")
    if value == "on":
        return good("tmux copy", "set-clipboard on: y copies to the clipboard")
    return warn("tmux copy", f"set-clipboard {value}: y cannot reach the clipboard", "tmux set -s set-clipboard on")


def _window(options: Mapping[str, str]) -> Finding:
    value = options.get("window-size", "?")
    if value in ("smallest", "manual"):
        return good("tmux size", f"window-size {value}")
    text = f"window-size {value}: with two clients of different sizes the screen jumps between them"
    return warn("tmux size", text, "tmux set -g window-size smallest")


def _escape(options: Mapping[str, str]) -> Finding:
    value = options.get("escape-time", "0")
    if not value.isdigit() or int(value) <= SLOW_ESCAPE:
        return good("tmux Esc", f"escape-time {value} ms")
    return warn("tmux Esc", f"escape-time {value} ms: Esc is that slow", "tmux set -s escape-time 20")


def _bell(options: Mapping[str, str]) -> Finding:
    monitor, action = options.get("monitor-bell", "on"), options.get("bell-action", "any")
    if monitor != "off" and action in ("any", "other", "current"):
        return good("tmux bell", f"bell-action {action}: alarms ring")
    said = f"monitor-bell {monitor}, bell-action {action}: alarms will not ring"
    return warn("tmux bell", said, "tmux set -g monitor-bell on; tmux set -g bell-action any")
