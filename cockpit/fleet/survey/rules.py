"""rsync's exclude patterns as regular expressions for a scanner on the server; and which patterns only rsync itself can read.

What is `plain` was tried against rsync with random trees (tests/copy/test_survey_rules.py); everything else is asked of rsync.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from cockpit.fleet.tree import rule

Rules = list[tuple[str, bool]]

# Letters, digits, the usual marks, * and ?, and classes without ranges of anything but letters and digits. No backslash, no
# "+ ", "- " or "!" at the start (they are rsync's own words there), no empty part between two slashes.
_PLAIN = re.compile(r"/?(?:[^\\\[\]!+\-/\s;:.][^\\\[\]/\n]*|\.[^\\\[\]/\n]*|-[^\\\[\]/\n ][^\\\[\]/\n]*)"
                    r"(?:/[^\\\[\]/\n]+)*/?")
_CLASS = re.compile(r"\[!?(?:[A-Za-z0-9_.]|[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9])+\]")


def plain(patterns: Sequence[str]) -> bool:
    """Whether `rules` hides exactly what rsync would, for every one of them."""
    return all(_PLAIN.fullmatch(_CLASS.sub("x", pattern)) for pattern in patterns)


def rules(patterns: Sequence[str]) -> Rules:
    """(regex over the bytes of "/name/name", one character a byte; whether it hides directories only)."""
    found = (rule(pattern) for pattern in patterns)
    return [(regex.pattern.decode("latin-1"), dirs_only) for regex, dirs_only in found]


def prefix_of(path: str) -> str:
    """The root's own name, which rsync's patterns see where the source is written without a trailing slash."""
    return "" if path.endswith("/") else posixpath.basename(path)
