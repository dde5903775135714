"""The screen in a real tmux with its default settings, on a server of the test's own. Words are waited for, never time."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0


class Terminal:
    def __init__(self, socket: str) -> None:
        self._tmux = ["tmux", "-L", socket, "-f", "/dev/null"]

    def tmux(self, *args: str) -> str:
        return subprocess.run([*self._tmux, *args], check=True, capture_output=True, text=True, timeout=30).stdout

    def start(self, command: str, size: tuple[int, int], env: dict[str, str] | None = None) -> None:
        """A window of exactly this size; what the command leaves in the terminal stays to be read."""
        given = " ".join(f"{k}={shlex.quote(v)}" for k, v in (env or {}).items())
        line = f"exec env {given} sh -c {shlex.quote(command + '; echo ENDED $?; exec cat')}"
        self.tmux("new-session", "-d", "-s", "night", "-x", str(size[0]), "-y", str(size[1]), line)
        self.tmux("set", "-g", "status", "off")
        self.resize(*size)

    def resize(self, width: int, height: int) -> None:
        self.tmux("resize-window", "-t", "night", "-x", str(width), "-y", str(height))

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "night", *keys)

    def text(self, *, styled: bool = False) -> str:
        """What stands there; unstyled, a line that the terminal wrapped is one line."""
        return self.tmux("capture-pane", "-p", "-t", "night", *(["-e", "-N"] if styled else ["-J"]))

    def until(self, true: Callable[[], bool], words: str) -> None:
        """Looks again and again; AssertionError with what stands there when it does not come true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"{words}\n{self.text()}"
            time.sleep(0.08)  # each look is a process of tmux's

    def sees(self, *words: str) -> str:
        self.until(lambda: all(w in self.text() for w in words), f"{words} not in")
        return self.text()

    def misses(self, word: str) -> None:
        self.until(lambda: word not in self.text(), f"{word} still in")

    def flag(self, name: str) -> str:
        return self.tmux("display-message", "-p", "-t", "night", f"#{{{name}}}").strip()

    def pid(self) -> int:
        """Of the Python process in the window."""
        shell = self.flag("pane_pid")
        return int(subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True, check=True).stdout.split()[0])

    def kill(self) -> None:
        """It hangs up on what runs in it, as a window does that is closed."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@contextmanager
def terminal() -> Iterator[Terminal]:
    window = Terminal(f"cockpit-test-{os.getpid()}-{time.monotonic_ns()}")
    try:
        yield window
    finally:
        window.kill()


def ui(session: Path, call: str = "run_ui(path, who='lead')") -> str:
    """The command line of a screen on this session."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; path = Path({str(session)!r}); "
    code += f"from cockpit.ui.app import run_replay, run_ui; sys.exit({call})"
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
