"""What is typed at the log's `/`: which lines are shown, the words to look for in them, and the title that says so.

Knows the names of the night; refuses to know the pane.
"""

from __future__ import annotations

from cockpit.journal.reader import LogFilter
from cockpit.journal.records import Stream
from cockpit.views.model import Night

STREAMS: dict[str, Stream] = {"out": "out", "err": "err", "note": "note"}


def parse_filter(text: str, night: Night | None, selected: str | None) -> tuple[LogFilter, str]:
    """`fs01 copy-out err` -> that server, that step, stderr alone; the other words are returned as text to look for. Where no
    place is named it is the selected server (None: all)."""
    server = step = task = None
    streams: frozenset[Stream] | None = None
    rest: list[str] = []
    steps = {s.id for s in (*night.plan.steps, *night.plan.backout)} if night else set()
    for word in text.split():
        if night and word in night.state.tasks and "@" in word:
            task = word
        elif night and (word in night.plan.servers or word == "local"):
            server = word
        elif word in steps:
            step = word
        elif word in STREAMS:
            streams = frozenset({STREAMS[word]})
        else:
            rest.append(word)
    if server is step is task is None:
        server = selected
    return LogFilter(server, step, task, streams=streams), " ".join(rest).lower()


def title(lines: LogFilter) -> str:
    """ "log fs01", "log backup on all servers err"."""
    whole = f"{lines.step} on {lines.server or 'all servers'}" if lines.step else lines.server or "of all servers"
    return " ".join(["log", lines.task or whole, *sorted(lines.streams or ())])
