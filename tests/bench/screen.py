"""The screen in tmux: attach to first full paint, key to visible effect under a flood of lines, the cost of idling."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cockpit.journal.log import LogView
from cockpit.journal.reader import Reader
from tests.bench.measure import Row, at_least, at_most, interleaved, median, percentile, ratio, spread
from tests.bench.night import HEAD, Night, servers, used
from tests.bench.peers import packages, versions
from tests.bench.terminal import Terminal
from tests.hosts import Host, Hosts

COCKPIT = str(Path(sys.executable).with_name("cockpit"))
STEPS, KEYS, IDLE = 17, 200, 20.0
LINES = 1000  # a second that arrive while keys are pressed, at least
GROWTH = 1.0  # MiB a round: as many as the lines that come in one have, so nobody keeps them; nor what was drawn of them
TERMINAL = 1000  # bytes a second that a terminal gets while nothing happens: a line of 9,600 bit/s carries 960
FLOOD = """python3 -uc 'import time
began = time.monotonic()
for n in range(10**7):
  print(f\"line {n} of a flood of words\"); time.sleep(max(0.0, began + n / RATE - time.monotonic()))'"""


def plan(made: list[Host], first: str) -> str:
    """17 steps on seven servers, held by a step that only a person can call done; `first` goes before it."""
    steps = f'{first}[[steps]]\nid = "go"\ntitle = "Go"\nmanual = "Say go"\nneeds = []\n'
    for number in range(1, STEPS):
        steps += f'[[steps]]\nid = "s{number:02d}"\ntitle = "Step {number}"\non = "all"\nrun = "true"\n'
    return HEAD + servers(made) + steps


@contextmanager
def night(first: str = "") -> Iterator[tuple[Night, list[Host]]]:
    """A night of seven plain servers that waits for a person."""
    hosts, place = Hosts(), Path(tempfile.mkdtemp(prefix="bench-"))
    made = hosts.many(7)
    try:
        running = Night(place, plan(made, first)).start()
        try:
            running.contacted(7)
            yield running, made
        finally:
            running.stop()
    finally:
        hosts.close()
        shutil.rmtree(place, ignore_errors=True)


def open_ui(terminal: Terminal, running: Night) -> float:
    """Start `cockpit attach` in the terminal; seconds to the first full paint."""
    command = [COCKPIT, "attach", running.session.id]
    return -terminal.start(command, {"XDG_STATE_HOME": str(running.state)}) + terminal.until(painted)


def painted(text: str) -> bool:
    """Every server, the first and a late step, and the footer: all panes have drawn what they hold."""
    return all(word in text for word in ("OPEN", "srv01 ", "srv07 ", "Say go", "Step 9", "TRANSFER", "log srv01", "? help"))


def hello(terminal: Terminal) -> float:
    command = [sys.executable, "-m", "tests.bench.hello"]
    return -terminal.start(command) + terminal.until(lambda text: "Hello, world" in text)


def attach(rounds: int) -> list[Row]:
    terminal = Terminal()
    try:
        with night() as (running, _):
            sides = {"hello": lambda: hello(terminal), "attach": lambda: open_ui(terminal, running)}
            for warm in sides.values():  # so that both are compiled, as what is installed is
                warm()
            took = interleaved(sides, rounds)
    finally:
        terminal.close()
    return [
        *versions("tmux", "python3"), *packages("textual"),
        Row("from the start to the first full paint in tmux"),
        Row("  peer: Textual hello world", "python -m tests.bench.hello"),
        Row("  cockpit attach", spread(took["attach"])),
        Row("  Textual hello world", spread(took["hello"])),
        at_most(ratio(took["attach"], took["hello"]), 2, "  attach / hello world", "x"),
    ]


def flood(lines_a_second: float) -> str:
    """A step that prints that many lines a second on each of the two servers between which the keys go."""
    command = FLOOD.replace("RATE", f"{lines_a_second:g}")
    return f"[[steps]]\nid = \"flood\"\ntitle = \"Flood\"\non = [\"srv01\", \"srv02\"]\nneeds = []\nrun = '''{command}'''\n"


def keys(rounds: int) -> list[Row]:
    """Up and down in the list of servers; the effect is seen when the cursor stands on another row."""
    terminal = Terminal()
    try:
        with night(flood(0.6 * LINES)) as (running, _):
            open_ui(terminal, running)
            log = Reader.open(running.session.journal_path).log()
            _round(terminal, log)  # what is loaded once is loaded: from here on memory can only be kept
            before = memory(terminal)
            found = [_round(terminal, log) for _ in range(rounds)]
            after = memory(terminal)
    finally:
        terminal.close()
    rates, middles, late = (list(each) for each in zip(*found, strict=True))
    return [
        at_least(median(rates), LINES, "lines that arrive in the journal while keys are pressed", "/s"),
        Row(f"  key to effect, median of {KEYS} keys", spread(middles, "ms")),
        Row("  memory of the UI before and after", f"{before:.1f} MiB, {after:.1f} MiB"),
        at_most((after - before) / rounds, GROWTH, "  memory of the UI, growth a round", " MiB"),
        at_most(median(late), 100, f"  key to effect, p95 of {KEYS} keys", " ms"),
    ]


def memory(terminal: Terminal) -> float:
    """MiB that the program in it has in use."""
    return psutil.Process(terminal.pid()).memory_info().rss / 2**20


def _round(terminal: Terminal, log: LogView) -> tuple[float, float, float]:
    """Lines a second that came meanwhile; ms of the median and of the 95th in a hundred keys."""
    before, began = log.count(), time.monotonic()
    took = [press(terminal, "k" if number % 2 else "j") for number in range(KEYS)]
    rate = (log.count() - before) / (time.monotonic() - began)
    return rate, percentile(took, 0.5) * 1000, percentile(took, 0.95) * 1000


def press(terminal: Terminal, key: str) -> float:
    """Seconds from a key to the first screen on which the cursor has moved."""
    before = cursor(terminal.screen())
    began = time.perf_counter()
    terminal.type(key)
    took = terminal.until(lambda text: cursor(text) != before, 5) - began
    time.sleep(0.03)  # a person's pause: not part of what is measured
    return took


def cursor(text: str) -> list[str]:
    """The server whose row has the cursor."""
    return re.findall(r"^>(srv\d+)", text, re.MULTILINE)


def idle(rounds: int) -> list[Row]:
    """Share of one core that UI and engine use while nothing happens, and what the terminal has to draw."""
    terminal = Terminal()
    try:
        with night() as (running, _):
            open_ui(terminal, running)
            time.sleep(3)  # starting is not idling
            both = psutil.Process(terminal.pid()), running.engine
            began, early = time.monotonic(), terminal.written()
            shares = [_shares(*both) for _ in range(rounds)]
            rate = (terminal.written() - early) / (time.monotonic() - began)
    finally:
        terminal.close()
    ui, engine = (list(each) for each in zip(*shares, strict=True))
    return [
        Row(f"nothing happens for {IDLE:.0f} s, {rounds} times"),
        at_most(median(ui), 3, "  UI, share of one core", " %"),
        at_most(median(engine), 1, "  engine, share of one core", " %"),
        at_most(rate, TERMINAL, "  UI, written to the terminal", " bytes/s"),
    ]


def _shares(*processes: psutil.Process) -> list[float]:
    before = [used(process) for process in processes]
    time.sleep(IDLE)
    return [(used(process) - early) / IDLE * 100 for process, early in zip(processes, before, strict=True)]
