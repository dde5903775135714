"""What rsync counts: a survey before a copy (the denominator), and its counter while it runs. Pure text in, numbers out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import join

from cockpit.fleet.rsync import AGAIN_MARK, PASS_MARK


@dataclass(frozen=True, slots=True)
class Survey:
    """What is under a path. `size`: bytes that a copy to an empty place moves (a hard-link group once), which is what
    rsync's counter ends at; `files`: the same in files. `kinds`: entries by rsync's kind (reg, dir, link, special, dev)."""

    files: int
    size: int
    apparent: int
    kinds: Mapping[str, int] = field(default_factory=dict)

    def covers(self, other: Survey, *, exactly: bool) -> bool:
        """Whether everything that `other` counted can be here: the same numbers, or at least as many."""
        if exactly:
            return self.kinds == other.kinds and self.apparent == other.apparent
        enough = all(self.kinds.get(kind, 0) >= n for kind, n in other.kinds.items())
        return enough and self.apparent >= other.apparent


def survey_command(path: str, exclude: Sequence[str] = ()) -> str:
    """Counts what a copy of `path` would move, by the same rules (excludes, hard links): a dry run to nowhere."""
    nowhere = "/nonexistent-cockpit/survey/"
    options = [f"--exclude={pattern}" for pattern in exclude]
    return "LC_ALL=C " + join(["rsync", "-naH", "--no-human-readable", "--stats", *options, "--", path, nowhere])


def parse_survey(text: str) -> Survey | None:
    """From `survey_command`'s output; None when the numbers are not there."""
    numbers = {key.strip(): rest.strip() for key, colon, rest in (line.partition(":") for line in text.splitlines()) if colon}
    try:
        moved = _number(numbers["Total transferred file size"])
        apparent = _number(numbers["Total file size"])
        files = _number(numbers.get("Number of regular files transferred") or numbers["Number of files transferred"])
    except (KeyError, ValueError):
        return None
    kinds = {kind: _number(n) for kind, n in re.findall(r"(\w+): ([\d,]+)", numbers.get("Number of files", ""))}
    return Survey(files, moved, apparent, kinds)


def _number(text: str) -> int:
    return int(text.split()[0].replace(",", ""))


PROGRESS = re.compile(rb"\s*(\d+)\s+\d+%\s+\S+\s+\S+(?:\s+\(xfr#(\d+), \w+-chk=(\d+)/(\d+)\))?\s*")
_MATCHED = re.compile(rb"Matched data: (\d+) bytes")
_ITEM = re.compile(rb"([<>ch.*])([fdLDS])(.{9}) (\d+)")


@dataclass(slots=True)
class Largest:
    """What is left of the largest file, which takes its time however quick the rest is. size: of it, 0 once it is there or where
    it is not known; since: the counter when it began, None before that."""

    size: int = 0
    since: int | None = None

    def left(self, counter: int) -> int | None:
        return max(0, self.size - (counter - self.since if self.since is not None else 0)) or None

    def found(self, size: int) -> None:
        """A file of this size is there already."""
        if size >= self.size:
            self.size, self.since = 0, None

    def begins(self, size: int, counter: int) -> None:
        """The next file moves: the one before it is there."""
        if self.since is not None:
            self.size, self.since = 0, None
        elif size >= self.size > 0:
            self.since = counter


class Counter:
    """Follows rsync's stdout. Bytes are its counter plus what it found to be there already; both only grow.

    With --out-format="%i %l" -ii, each unchanged file is a line of its own: the only way to know how much of a resumed
    copy was there, since rsync's percentage counts all bytes and its counter only moved ones. The line of a file that moves
    comes before its bytes. largest: bytes of the largest file, 0 where that is not known.
    """

    def __init__(self, largest: int = 0) -> None:
        self._largest = Largest(largest)
        self.fed = 0  # bytes of output
        self.passes = 1
        self.changed = 0  # in the newest pass: entries that it had to touch
        self._moved = self._matched = self._there = self._there_files = self._run_files = 0
        self._moved_before = self._sent_before = 0
        self._best = self._best_files = 0
        self._rest = b""

    @property
    def bytes_done(self) -> int:
        return self._best

    @property
    def moved(self) -> int:
        """Bytes sent, of all runs in the first pass. How much of a file was there already a run says at its end."""
        return self._sent_before + self._moved - self._matched

    @property
    def moved_files(self) -> int:
        return self._moved_before + self._run_files

    @property
    def largest(self) -> int | None:
        """Bytes left of the largest file. None: it is there, or not known."""
        return self._largest.left(self._moved)

    @property
    def files_done(self) -> int:
        self._best_files = max(self._best_files, self._run_files + self._there_files)
        return self._best_files

    def feed(self, data: bytes) -> None:
        self.fed += len(data)
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + data)
        self._rest = self._rest[-4096:]
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if line == PASS_MARK.encode():
            self.passes, self.changed = self.passes + 1, 0
        elif line == AGAIN_MARK.encode():
            self._begin_again()
        elif (there := _MATCHED.fullmatch(line)) and self.passes == 1:
            self._matched = int(there[1])
        elif item := _ITEM.fullmatch(line):
            self._item(item)
        elif line.startswith(b"*deleting"):
            self.changed += 1
        elif (counted := PROGRESS.fullmatch(line)) and self.passes == 1:
            self._moved = int(counted[1])
            self._run_files = int(counted[2] or self._run_files)
        self._best = max(self._best, self._moved + self._there)

    def _begin_again(self) -> None:
        """The same pass from its start, at another pace: what it had moved will be found to be there."""
        self._moved_before += self._run_files
        self._sent_before += self._moved - self._matched
        self._moved = self._matched = self._run_files = self._there = self._there_files = 0
        self._largest.since = None

    def _item(self, item: re.Match[bytes]) -> None:
        if item[1] in b"<>c" or item[3].strip(b" ."):
            self.changed += 1
        if item[2] != b"f" or self.passes > 1:
            return
        size = int(item[4])
        if item[1] == b".":
            self._there += size
            self._there_files += 1
            self._largest.found(size)
        elif item[1] in b"<>":
            self._largest.begins(size, self._moved)
