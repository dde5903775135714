"""The commands that count or list a source on its own server, as text for /bin/sh. Knows no copy; reads no answer.

Three ways, the best that is there: python3 (3.6 on), GNU find with awk, find and stat as busybox has them. Excludes are
rsync's: by regular expressions where the patterns are plain, by asking rsync for its list where they are not.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from importlib.resources import files
from shlex import join, quote

from cockpit.fleet.counting import survey_command
from cockpit.fleet.survey.rules import plain, prefix_of, rules

HERE = files("cockpit.fleet.survey")
NO_WAY = 69  # EX_UNAVAILABLE of sysexits.h: neither python3 nor GNU find is there, or only rsync can read the patterns

HAS_PYTHON = "python3 -I -S -c 'import sys; sys.exit(sys.version_info < (3, 6))'"
_BEGIN = f"""import sys
if sys.version_info < (3, 6): sys.exit({NO_WAY})
exec(compile(sys.argv.pop(1), "cockpit", "exec"))"""  # asked and answered by one start of it: that takes most of the time
_HAS_FIND = "find . -maxdepth 0 -printf '' >/dev/null 2>&1"
_NOWHERE = "/nonexistent-cockpit/survey/"


def listing_command(path: str, exclude: Sequence[str] = ()) -> str:
    """Every regular file that a copy of `path` would move, on stdout, in no order: one record each,
    "SIZE NLINK DEV:INODE BLOCKS PATH" and a NUL. Sizes in bytes, BLOCKS of 512 bytes, DEV and INODE decimal; PATH is the bytes
    below the directory `path` (for a single file its name), the same whether `path` ends in a slash or not, so that it can be
    given to `rsync --from0 --files-from` with the source `path/`. Excludes have been obeyed, by rsync's rules.

    Exit 0: whole. 1: something could not be read (named on stderr), or is not there. NO_WAY (69): no way to list is there.
    """
    gnu = f"{_enter(path)} && LC_ALL=C find {join(_find(path, exclude))} -type f -printf '%s %n %D:%i %b %P\\0'"
    python = _python("list", path, exclude)
    return python_or(python, f"if {_gnu_can(exclude)}; then {gnu}\nelse exit {NO_WAY}; fi")


def count_command(path: str, exclude: Sequence[str] = ()) -> str:
    """Counts what a copy of `path` would move, for `model.parse`. Something unread is counted, and named on stderr."""
    awk = quote("\n".join(line for line in (HERE / "count.awk").read_text().splitlines() if not line.startswith("#")))
    lines = "tr '\\n\\0' '\\001\\n'"
    gnu = f"find {join(_find(path, exclude))} -printf '%y %s %n %D:%i %b %U:%G %P\\0' | {lines} | awk -v map=letters {awk}"
    start = quote(_find(path, ())[0])
    bare = f"find {start} -exec stat -c '%f %s %h %d:%i %b %u:%g' {{}} +; find {start} -print0 | {lines} | sed 's/^/= /'"
    unfiltered = "echo unfiltered; " * bool(exclude)
    asked = f"elif command -v rsync >/dev/null 2>&1; then {survey_command(path, exclude)}\n" * bool(exclude)
    return python_or(
        _python("count", path, exclude),
        f"if {_gnu_can(exclude)}; then echo find; LC_ALL=C; export LC_ALL; {_enter(path)} && {gnu}\n{asked}"
        f"else echo stat; LC_ALL=C; export LC_ALL; {unfiltered}{_enter(path)} && {{ {bare}; }} | awk -v map=hex {awk}; fi"
    )


def _python(what: str, path: str, exclude: Sequence[str]) -> str:
    known = plain(exclude)
    told = {
        "path": path, "prefix": prefix_of(path), "rules": rules(exclude) if known else [],
        "ask": "" if known else naming_command(path, exclude),
    }  # fmt: skip
    return program("scan.py", what, json.dumps(told))


def program(name: str, *words: str) -> str:
    """A program of this package, as `python_or` takes it."""
    return join(["python3", "-I", "-S", "-c", _BEGIN, (HERE / name).read_text(), *words])


def python_or(python: str, otherwise: str) -> str:
    """otherwise: where there is no python3, one that does not begin, or one before 3.6."""
    return f"""ck_x=1; if command -v python3 >/dev/null 2>&1; then {python}
ck_x=$?; fi
if [ "$ck_x" = 0 ] || {HAS_PYTHON} >/dev/null 2>&1; then (exit "$ck_x"); else {otherwise}
fi"""


def naming_command(path: str, exclude: Sequence[str]) -> str:
    """rsync says what it would move, a line each, other bytes than printable ASCII as \\#ooo: a dry run to nowhere."""
    options = [f"--exclude={pattern}" for pattern in exclude]
    return "LC_ALL=C " + join(["rsync", "-naH", "--no-human-readable", "--out-format=%n", *options, "--", path, _NOWHERE])


def _gnu_can(exclude: Sequence[str]) -> str:
    return _HAS_FIND if plain(exclude) else "false"


def _enter(path: str) -> str:
    """GNU find's own names then begin as the patterns see them: ./name for the contents of a directory, ./root/name else."""
    return f"cd -- {quote(path if path.endswith('/') else posixpath.dirname(path) or '/')}"


def _find(path: str, exclude: Sequence[str]) -> list[str]:
    start = "." if path.endswith("/") else f"./{posixpath.basename(path)}"
    words = [start, "-regextype", "posix-extended"]
    for text, dirs_only in rules(exclude):
        words += [*["-type", "d"] * dirs_only, "-regex", _extended(text), "-prune", "-o"]
    return words


def _extended(rule: str) -> str:
    """A rule for find's -regex, which sees ./name/name and always all of it."""
    body = rule.encode("latin-1").decode(errors="surrogateescape").removesuffix(r"\Z").replace("(?:/", "(/")
    for lead, instead in (("^/", r"\./"), ("(?:^|/)", r"\.(.*/)?"), ("/", r"\.(.*)?/")):
        if body.startswith(lead):
            return instead + body[len(lead) :]
    raise AssertionError(rule)
