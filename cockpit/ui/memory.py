"""Where a person stood when the screen was left or killed: a small file per session and person. Losing it loses nothing.

Knows JSON and a path; refuses to know what the places mean (each pane reads its own).
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any


class Memory:
    def __init__(self, session: Path, who: str) -> None:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", who) or "somebody"
        self.path = session / f"ui-{name}.json"
        self._written = ""

    def read(self) -> dict[str, Any]:
        """{} when there is none, or it can't be read: then the screen starts afresh."""
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, places: dict[str, Any]) -> None:
        """Only when something changed; a directory that can't be written to (a wall display's) is no reason to stop."""
        text = json.dumps(places, sort_keys=True)
        if text == self._written:
            return
        self._written = text
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            fresh.write_text(text)
            os.replace(fresh, self.path)
        except OSError:
            pass
