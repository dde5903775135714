"""A tmux of its own with one window, watched over tmux's control mode: looking costs a fraction of a millisecond."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.hosts import require


class Terminal:
    """`start` a program in it, `type` keys, `until` the screen shows something. No configuration file is read."""

    def __init__(self, columns: int = 120, rows: int = 40) -> None:
        require("tmux")
        self._place = Path(tempfile.mkdtemp(prefix="bench-tmux-"))
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(self._place / "socket")]
        size = ["-x", str(columns), "-y", str(rows)]
        subprocess.run([*self._tmux, "new-session", "-d", "-s", "bench", *size, "sleep infinity"], check=True)
        for option in (["-g", "window-size", "manual"], ["-g", "remain-on-exit", "on"], ["-s", "escape-time", "0"]):
            subprocess.run([*self._tmux, "set-option", *option], check=True)
        self._control = subprocess.Popen([*self._tmux, "-C", "attach"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reply()
        self.command("refresh-client -f no-output")

    def command(self, line: str) -> list[str]:
        """One tmux command; the lines of its reply."""
        assert self._control.stdin is not None
        self._control.stdin.write(line.encode() + b"\n")
        self._control.stdin.flush()
        return self._reply()

    def _reply(self) -> list[str]:
        assert self._control.stdout is not None
        lines: list[str] = []
        inside = False
        for raw in self._control.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            if line.startswith("%begin "):
                inside = True
            elif inside and line.startswith(("%end ", "%error ")):
                return lines
            elif inside:
                lines.append(line)
        raise RuntimeError("tmux went away")

    def start(self, command: list[str], environment: dict[str, str] | None = None) -> float:
        """Run it in place of what ran before; returns the moment (perf_counter) at which it was asked for."""
        words = ["env", *(f"{name}={value}" for name, value in (environment or {}).items()), *command]
        began = time.perf_counter()
        self.command(f"respawn-pane -k -t bench {shlex.quote('exec ' + shlex.join(words))}")
        return began

    def screen(self) -> str:
        return "\n".join(self.command("capture-pane -p -t bench"))

    def type(self, *keys: str) -> None:
        """Keys as tmux names them: j, Enter, Tab, C-p."""
        self.command("send-keys -t bench " + " ".join(keys))

    def until(self, true: Callable[[str], bool], seconds: float = 30.0) -> float:
        """The moment at which the screen was first seen to be so; TimeoutError shows the screen."""
        deadline = time.perf_counter() + seconds
        while True:
            text = self.screen()
            now = time.perf_counter()
            if true(text):
                return now
            if now > deadline:
                raise TimeoutError(f"not within {seconds:g} s; the screen shows:\n{text}")
            time.sleep(0.002)

    def pid(self) -> int:
        """Of the program that runs in it."""
        return int(self.command("display-message -p -t bench '#{pane_pid}'")[0])

    def written(self) -> int:
        """Bytes that the program has written to it since this was first asked."""
        raw = self._place / "written"
        if not raw.exists():
            raw.touch()
            self.command(f"pipe-pane -t bench 'exec cat >> {raw}'")
        return raw.stat().st_size

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
        self._control.wait()
        for pipe in (self._control.stdin, self._control.stdout):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(self._place)
