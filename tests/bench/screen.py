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

from tests.bench.measure import Row, at_most, interleaved, percentile, ratio, spread
from tests.bench.night import HEAD, Night, servers
from tests.bench.terminal import Terminal
from tests.hosts import Host, Hosts

COCKPIT = str(Path(sys.executable).with_name("cockpit"))
STEPS, KEYS, IDLE = 17, 200, 20.0
FLOOD = """python3 -uc 'import time
for n in range(10**7):
  print(f\"line {n} of a flood of words\"); time.sleep({pause})'"""


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
        Row("Textual hello world to first paint in tmux", spread(took["hello"])),
        Row("cockpit attach to first full paint in tmux", spread(took["attach"])),
        at_most(ratio(took["attach"], took["hello"]), 2, "attach / hello world", "x"),
    ]


def flood(lines_a_second: int) -> str:
    """A step that prints that many lines a second on each of the two servers between which the keys go."""
    command = FLOOD.replace("{pause}", f"{1 / lines_a_second:.6f}")
    return f"[[steps]]\nid = \"flood\"\ntitle = \"Flood\"\non = [\"srv01\", \"srv02\"]\nneeds = []\nrun = '''{command}'''\n"


def keys(rounds: int) -> list[Row]:
    """Up and down in the list of servers; the effect is seen when the cursor stands on another row."""
    terminal = Terminal()
    try:
        with night(flood(700)) as (running, made):
            open_ui(terminal, running)
            before, began = lines_so_far(made), time.monotonic()
            took = [press(terminal, "k" if number % 2 else "j") for number in range(KEYS)]
            rate = (lines_so_far(made) - before) / (time.monotonic() - began)
            ui = psutil.Process(terminal.pid())
            memory = ui.memory_info().rss / 2**20
    finally:
        terminal.close()
    return [
        Row("log lines arriving", f"{rate:.0f}/s"),
        Row("key to effect, median", f"{percentile(took, 0.5) * 1000:.0f} ms"),
        at_most(percentile(took, 0.95) * 1000, 100, f"key to effect, p95 of {KEYS} keys", " ms"),
        Row("memory of the UI", f"{memory:.0f} MiB"),
    ]


def lines_so_far(made: list[Host]) -> int:
    """Lines in the jobs' records on their servers."""
    records = [path for host in made for path in (host.root / "home").rglob("*.out")]
    return sum(path.read_bytes().count(b"\n") for path in records)


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
    """Share of one core that UI and engine use while nothing happens."""
    terminal = Terminal()
    try:
        with night() as (running, _):
            open_ui(terminal, running)
            ui, engine = psutil.Process(terminal.pid()), running.engine
            time.sleep(3)  # starting is not idling
            before = used(ui), used(engine)
            time.sleep(IDLE)
            after = used(ui), used(engine)
            shares = [(late - early) / IDLE * 100 for late, early in zip(after, before, strict=True)]
    finally:
        terminal.close()
    return [
        at_most(shares[0], 3, f"UI, idle for {IDLE:.0f} s, share of one core", " %"),
        at_most(shares[1], 1, f"engine, idle for {IDLE:.0f} s, share of one core", " %"),
    ]


def used(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)
