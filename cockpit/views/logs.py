"""What servers printed, made fit to be shown: the one sanitiser through which all remote output passes.

Plain text comes out: colours, and what changes an emoji's look, are dropped; every other control, bidirectional or invisible
character is written out (`^G`, `<202e>`), so that nothing printed can move the cursor, hide text or break columns. Bytes in the
journal stay as they were; `cockpit log --output` has them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Protocol

from cockpit.units import clock_seconds
from cockpit.views.model import Cell, Line, Tone
from cockpit.views.words import width, width_of

LONGEST = 4000  # characters of one line that are shown
TAB = 8

_LOOKS = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
"""What only says how the character before it is to look (in colour, as a key, of which skin). Terminals disagree on how wide
both are together, and a pane beside them would be torn: without these a warning sign is a warning sign, and one cell wide."""
_SGR = re.compile(r"\x1b\[[0-9;:]*m|\x9b[0-9;:]*m")


class Logged(Protocol):
    """A line as the journal's log view gives it: raw bytes, without its newline."""

    @property
    def at(self) -> float: ...
    @property
    def task(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def text(self) -> bytes: ...
    @property
    def partial(self) -> bool: ...


def clean(data: bytes) -> str:
    """One line of output as harmless text of at most `LONGEST` characters and a count of what was cut.

    Of a line that was overwritten with carriage returns (a progress bar) the last state is shown, with their
    number."""
    beyond = max(0, len(data) - 4 * LONGEST)
    text = _LOOKS.sub("", data[: 4 * LONGEST].decode("utf-8", errors="replace").rstrip("\r\n"))
    if not text.isprintable():
        text = _harmless(_SGR.sub("", text))
    if len(text) <= LONGEST and not beyond:
        return text
    hidden = len(text) - LONGEST + beyond if len(text) > LONGEST else beyond
    return f"{text[:LONGEST]} (+{hidden:,} more)"


def clean_lines(data: bytes) -> list[str]:
    """Several lines: for a captured output or an error's tail."""
    return [clean(line) for line in data.split(b"\n")]


def harmless(text: str) -> list[str]:
    """All lines of what came from a server or a plan, for a person who has to read the last one too."""
    return clean_lines(text.strip().encode("utf-8", errors="replace"))


def one_line(text: str) -> str:
    """What came from a server inside a sentence of ours (an error, an evidence, a prompt): its first line,
    harmless."""
    return clean(text.strip().split("\n", 1)[0].encode("utf-8", errors="replace"))


def _harmless(text: str) -> str:
    *earlier, last = text.split("\r")
    if earlier:
        return f"({len(earlier)} overwritten) {_harmless(last)}" if last else _harmless("\r".join(earlier))
    shown: list[str] = []
    column = 0
    for char in text:
        piece = " " * (TAB - column % TAB) if char == "\t" else char if char.isprintable() else _written_out(char)
        shown.append(piece)
        column += width(piece)
    return "".join(shown)


def _written_out(char: str) -> str:
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return "^" + chr(code ^ 0x40)
    if unicodedata.category(char) == "Zs":
        return " "
    return f"<{code:x}>"


def line(logged: Logged, utc_offset: float, *, task: bool, sought: str = "") -> Line:
    """Time, stream, and (where several tasks are shown) the task, before the text. `E` is stderr, `#` cockpit's own
    word. What is sought is marked."""
    mark, tone = _STREAMS.get(logged.stream, ("?", "unknown"))
    where = (Cell(f"{logged.task} ", "strong"),) if task else ()
    tail = (Cell(" (goes on)", "dim"),) if logged.partial else ()
    head = (Cell(f"{clock_seconds(logged.at, utc_offset)} ", "dim"), Cell(f"{mark} ", tone))
    return (*head, *where, *_marked(clean(logged.text), sought, tone), *tail)


def holds(logged: Logged, sought: str) -> bool:
    """Whether these words (in lower case) stand in the text as it is shown: what is found can be seen."""
    return sought in clean(logged.text).lower()


def _marked(text: str, sought: str, tone: Tone) -> Line:
    if not sought:
        return (Cell(text, tone),)
    parts = re.split(f"({re.escape(sought)})", text, flags=re.IGNORECASE)  # at odd places: what was sought
    return tuple(Cell(part, "match" if i % 2 else tone) for i, part in enumerate(parts) if part)


def marked_at(line: Line) -> tuple[int, int]:
    """From which cell to which the first mark of a line goes; (0, 0) where it has none."""
    at = next((i for i, cell in enumerate(line) if cell.tone == "match"), None)
    return (0, 0) if at is None else (width_of(line[:at]), width_of(line[: at + 1]))


_STREAMS: dict[str, tuple[str, Tone]] = {"out": (" ", ""), "err": ("E", "warn"), "note": ("#", "dim")}
MEANS = {"E": "printed as an error (stderr), which may be none", "#": "cockpit's own word"}
