"""Through a real terminal: keys as tmux sends them, the bell, the colours, leaving and being killed.

tests/long/test_screens.py has other colours and other ways to leave.
"""

from __future__ import annotations

import os
import pty
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from rich.color import Color
from rich.console import Console as RichConsole
from rich.text import Text
from textual.keys import key_to_character

from cockpit.journal.events import EngineStarted, EngineStopped, NoteAdded, ServerContacted, ServerLost
from cockpit.ui.actions import ACTIONS
from tests.ui.journals import Recorded, begin, to_the_middle
from tests.ui.terminal import ROOT, Terminal, terminal, ui


@pytest_asyncio.fixture
async def night(tmp_path: Path) -> AsyncIterator[Recorded]:
    """A night whose middle is now."""
    recorded, clock = await begin(tmp_path, opens=time.time() - 6345)
    await to_the_middle(recorded, clock)
    clock.at = time.time()
    yield recorded
    await recorded.writer.close()


@pytest.mark.parametrize("key", ["q", "C-c"])
async def test_leaving_says_that_the_work_goes_on(night: Recorded, key: str) -> None:
    await night.writer.append(EngineStarted(2, os.getpid(), socket.gethostname(), "0.1"))
    with terminal() as t:
        t.start(ui(night.path), (120, 40))
        t.sees("servers, critical")
        t.keys(key)
        t.sees("the work goes on", f"cockpit attach {night.session.id}", "ENDED 0")


async def test_leaving_a_night_without_an_engine_says_that_nothing_new_starts(night: Recorded) -> None:
    await night.writer.append(EngineStopped("asked"))
    with terminal() as t:
        t.start(ui(night.path), (120, 40))
        t.sees("servers, critical", "ENGINE")
        t.keys("q")
        t.sees("NO ENGINE RUNS", f"cockpit resume {night.session.id}", "ENDED 0")


@pytest.mark.parametrize("key", ["C-q"])
async def test_leaving_works_from_a_dialog_and_from_a_filter(night: Recorded, key: str) -> None:
    for keys, seen in ((("m",), "Note on fs01"), (("/",), "servers /")):
        with terminal() as t:
            t.start(ui(night.path), (100, 30))
            t.sees("servers, critical")
            t.keys(*keys)
            t.sees(seen)
            t.keys(key)
            t.sees("ENDED 0")


async def test_keys_arrive_through_tmux_with_its_default_settings(night: Recorded) -> None:
    with terminal() as t:
        t.start(ui(night.path), (120, 40))
        t.sees("servers, critical")
        t.keys("j", "j")
        t.sees(">dc01")
        t.keys("Tab", "BTab", "Down")
        t.sees(">sql01")
        for key, seen in (("?", "MOVING"), (":", "ack (a)"), ("C-p", "ack (a)")):
            t.keys(key)
            t.sees(seen)
            t.keys("Escape")
            t.misses(seen)
        t.keys(":")
        t.sees("ack (a)")
        t.keys("-l", "theme cockpit-light")
        t.sees("theme cockpit-light")
        t.keys("Enter")
        t.misses("theme cockpit-light")
        t.sees("timeline")
        t.keys("z")
        t.misses("timeline")
        t.keys("@")
        t.sees("Who is at the keys?")


NAMES = {
    "down": "Down", "up": "Up", "left": "Left", "right": "Right", "home": "Home", "end": "End", "pagedown": "NPage",
    "pageup": "PPage", "tab": "Tab", "shift+tab": "BTab", "enter": "Enter", "escape": "Escape", "space": "Space", "at": "@",
    "slash": "/",
}  # fmt: skip


def _sent(key: str) -> str:
    """A key of the registry as tmux's send-keys names it."""
    return NAMES.get(key) or (f"C-{key[-1]}" if key.startswith("ctrl+") else key_to_character(key) or key)


async def test_every_key_of_the_registry_arrives_through_tmux_with_its_default_settings(night: Recorded, tmp_path: Path) -> None:
    notes = tmp_path / "arrived"
    notes.touch()
    keys = sorted({key for action in ACTIONS for key in action.keys.split(",") if key})
    with terminal() as t:
        command = shlex.join([sys.executable, "-m", "tests.ui.arrivals", str(night.session.journal_path), str(notes)])
        t.start(f"cd {shlex.quote(str(ROOT))} && {command}", (120, 40))
        t.sees("servers, critical")
        for key in keys:
            before = notes.read_text()
            t.keys(_sent(key))
            t.until(lambda before=before: notes.read_text() != before, f"{key} never arrived")
            assert notes.read_text().removeprefix(before).split() == [key]
    assert len(keys) > 60


async def test_resizing_through_every_size_keeps_the_selection(night: Recorded) -> None:
    with terminal() as t:
        t.start(ui(night.path), (80, 23))
        t.sees("servers, critical")
        t.keys("j", "j", "j")
        t.sees(">sql01")
        for size, seen in (((200, 60), "hand-over"), ((60, 15), "need 80x20"), ((80, 23), ">sql01")):
            t.resize(*size)
            t.sees(seen, "OPEN", "NEED YOU")


async def test_a_new_alarm_rings_once(night: Recorded) -> None:
    with terminal() as t:
        t.start(ui(night.path), (120, 40))
        t.tmux("set", "-g", "monitor-bell", "on")
        t.sees("servers, critical", "NEED YOU")
        t.tmux("new-window", "-d", "-t", "night", "cat")
        t.tmux("select-window", "-t", "night:1")
        assert t.tmux("display-message", "-p", "-t", "night:0", "#{window_bell_flag}").strip() == "0"
        await night.writer.append(ServerLost("bkp01", "auth", "no such user"))
        t.until(lambda: _rang(t), "no bell rang")
        t.tmux("select-window", "-t", "night:0")
        t.sees("!3 NEED YOU")
        t.tmux("select-window", "-t", "night:1")
        assert not _rang(t), "looking at it takes the flag away"
        await night.writer.append(ServerContacted("bkp01", "boot-bkp01"), NoteAdded("bkp01 was away", ""))
        before = t.tmux("capture-pane", "-p", "-J", "-t", "night:0")
        t.until(lambda: "lost" in before and t.tmux("capture-pane", "-p", "-J", "-t", "night:0") != before, "nothing was drawn")
        t.tmux("select-window", "-t", "night:0")
        t.keys("n", "N", "N")
        t.sees("bkp01", "was away", "!3 NEED YOU")
        t.tmux("select-window", "-t", "night:1")
        assert not _rang(t), "it rang again for what it had rung for"


def _rang(t: Terminal) -> bool:
    return t.tmux("display-message", "-p", "-t", "night:0", "#{window_bell_flag}").strip() == "1"


async def test_killed_and_started_again_it_stands_where_it_stood(night: Recorded) -> None:
    with terminal() as t:
        t.start(ui(night.path), (120, 40))
        t.sees("servers, critical")
        t.keys("j", "j", "Tab", "/")
        t.keys("-l", "proof")
        t.keys("Enter")
        t.sees("/proof")
        memory = night.path / "ui-lead.json"
        t.until(lambda: memory.exists() and '"proof"' in memory.read_text(), "nothing was remembered")
        os.kill(t.pid(), signal.SIGKILL)
        t.sees("ENDED")
    with terminal() as t:
        before = time.monotonic()
        t.start(ui(night.path), (120, 40))
        t.sees("━━ dc01", "/proof")
        assert sum(psutil.Process(t.pid()).cpu_times()[:2]) < 2, "a processor's time: alone on it, no more than that passes"
        assert time.monotonic() - before < 5, "on a machine that others use as well"


def _hidden(line: Text, console: RichConsole) -> list[str]:
    """Characters of this line whose colour is that of their background."""
    found = []
    for i, char in enumerate(line.plain):
        style = line.get_style_at_offset(console, i)
        front, back = style.color or Color.default(), style.bgcolor or Color.default()
        if char.strip() and front == back and not front.is_default:
            found.append(char)
    return found


TERMINALS = {
    "plain": {"TERM": "tmux-256color", "NO_COLOR": "1"},
    "16": {"TERM": "screen", "COLORTERM": ""},
    "256": {"TERM": "tmux-256color", "COLORTERM": ""},
    "true": {"TERM": "tmux-256color", "COLORTERM": "truecolor"},
}


@pytest.mark.parametrize("kind", ["plain", "true"])
async def test_every_cell_can_be_read_and_every_alarm_has_its_word(night: Recorded, kind: str) -> None:
    console = RichConsole(color_system="truecolor", force_terminal=True, width=500)
    with terminal() as t:
        t.start(ui(night.path), (120, 40), TERMINALS[kind])
        text = t.sees("FAILED", "KEY", "NEED YOU", "servers, critical")
        for key, seen in (("", "OPEN"), ("?", "MOVING"), (":", "ack (a)"), ("m", "Enter  do it")):
            if key:
                t.keys(key)
            t.sees(seen)
            for line in t.text(styled=True).split("\n"):
                assert not _hidden(Text.from_ansi(line), console), (kind, key, line)
            if key:
                t.keys("Escape")
                t.misses(seen)
        assert "STALLED" in text or "STALE" in text or "running" in text
        if kind == "plain":
            assert "\x1b[3" not in t.text(styled=True).replace("\x1b[39m", "")


BARE_CLOCK = """
from time import strftime
from textual.app import App
from textual.widgets import Static

class Clock(App):
    def compose(self):
        yield Static()
    def on_mount(self):
        self.set_interval(0.5, lambda: self.query_one(Static).update(strftime("It is %H:%M:%S")))

Clock().run()
"""


async def test_at_rest_it_uses_next_to_no_processor_and_writes_next_to_nothing(night: Recorded, tmp_path: Path) -> None:
    """Beside a bare clock of the same toolkit: where a host takes back memory between two looks, both pay for that."""
    await night.writer.append(EngineStopped("for the test"))
    with terminal() as t, terminal() as bare:
        bare.start(f"{shlex.quote(sys.executable)} -c {shlex.quote(BARE_CLOCK)}", (120, 40))
        t.start(ui(night.path), (120, 40))
        bare.sees("It is ")
        t.sees("servers, critical")
        process, peer, written = psutil.Process(t.pid()), psutil.Process(bare.pid()), tmp_path / "written"
        t.tmux("pipe-pane", "-t", "night", f"exec cat > {shlex.quote(str(written))}")
        process.cpu_percent()
        peer.cpu_percent()
        share, least = process.cpu_percent(interval=5), peer.cpu_percent()
        assert share < max(6, 3 * least), f"{share} % of a core, a bare clock {least} %"
        rate = written.stat().st_size / 5
        assert 50 < rate < 1000, f"{rate:.0f} bytes a second: the clock, seven ages, and nothing that stands still"


async def test_a_replay_starts_at_the_time_asked_for(night: Recorded) -> None:
    at = time.strftime("%H:%M", time.gmtime(night.opens + 1800))
    with terminal() as t:
        t.start(ui(night.path, f"run_replay(path, at={at!r}, speed=1.0)"), (120, 40))
        t.sees("REPLAY 1x", f"{at}:0")
        t.keys("Space")
        t.sees("PAUSED")
        t.keys("q")
        t.sees("Left the replay", "ENDED 0")


async def test_what_cannot_be_opened_is_said_in_words(tmp_path: Path) -> None:
    with terminal() as t:
        t.start(ui(tmp_path / "nothing"), (120, 40))
        text = t.sees("ENDED 2")
        assert "does not exist" in text and "Traceback" not in text



@pytest.mark.parametrize("call", ["run_ui(path, who='lead')", "run_replay(path, at=None, speed=1.0)"])
@pytest.mark.parametrize("torn", ["garbage"])
async def test_a_journal_torn_in_its_later_pages_is_said_in_words(night: Recorded, call: str, torn: str) -> None:
    await night.writer.close()
    journal = night.session.journal_path
    data = journal.read_bytes()
    assert len(data) > 8 * 4096
    journal.write_bytes(data[: 4 * 4096] if torn == "cut" else data[: 2 * 4096] + os.urandom(len(data) - 2 * 4096))
    with terminal() as t:
        t.start(ui(night.path, call), (120, 40))
        text = t.sees("ENDED 2")
        assert "not readable as a journal" in text and "copy" in text and "Traceback" not in text


async def test_a_terminal_that_goes_without_a_signal_ends_its_screen(night: Recorded) -> None:
    """Not a session leader's terminal: nobody hangs up when it goes."""
    ours, theirs = pty.openpty()
    screen = subprocess.Popen(  # noqa: ASYNC220
        shlex.split(ui(night.path)), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
    )  # fmt: skip
    os.close(theirs)
    try:
        seen = b""
        while b"critical" not in seen:
            seen += os.read(ours, 65536)
        os.close(ours)
        assert screen.wait(timeout=30) == 1
    finally:
        screen.kill()
