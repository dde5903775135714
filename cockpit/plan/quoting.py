"""Where in a shell text a value can stand as a word of its own. Knows no templates.

A value is handed to the shell in a variable, set before the text and named where it is meant: no shell parses it as it
parses the text. What is asked here is whether `"$variable"` gives the value, whole, at that place, and whether anything in
the text has sh or bash evaluate what a variable holds; where that would take a shell's own parser to say (POSIX sh, 2.2 to
2.6), the answer is no.
"""

from __future__ import annotations

import re
from shlex import quote

VARIABLE = "cockpit_captured_"

_AGAIN = re.compile(r"""
    (?<![\w/.=:@-]) (?: eval | let | declare | typeset | local ) (?![\w/.=:@-])
  | \(\( | \$\[ | \[\[\s                                              # numbers; [ and test know none but plain ones
  | \$\{!?\w+\[ (?! \d+\] | [@*]\] ) | (?<![\w.])\w+\[.*\]\+?= | =\(     # subscripts are numbers, and so run too
  | \$\{!\w | \$\{\w+@ | \$\{[\w@*]+:(?![-+=?])                      # another variable, a prompt, an offset
  | >&(?! \s* (?:\d+|-) (?:[\s;|&)]|\Z) )                            # bash expands the file's name twice
  | (?<!\w)(?: BASH_ENV | HISTCMD | OPTIND | PS4 | RANDOM )\+?=
  | (?<!\S)(?:\[|test)\s[^\];|&\n]*(?<!\S)-v\s | printf\s+-v\s        # names of variables: with subscripts
""", re.VERBOSE)
_LOST = "lost"  # beyond what is understood here: it stays so to the end of the text
_OPENS = re.compile(r"(?P<known>['\"]|(?<=[\s;&|()])(?<!\\\n)#)|<<|`|\$'|\$\{(?![^{}'\"\s]*\})|(?:^|(?<=\\\n))#")
_IN_DOUBLE = re.compile(r"(?P<known>\")|`|\$\(|\$\{(?!\w+\})")


def setting(name: str, value: str) -> str:
    """What stands before a text in which `word(name)` gives the value."""
    return f"{VARIABLE}{name}={quote(value)}; "


def word(name: str) -> str:
    return f'"${VARIABLE}{name}"'


def runs_again(text: str) -> bool:
    """Whether the text itself has the shell evaluate values: eval, and what bash takes for a number or for a variable's name,
    where it runs a[$(command)]. POSIX sh has few of these, but /bin/sh may be bash. (What other commands make of a word is
    theirs: `sh -c`, `trap`, `read`.)"""
    return _AGAIN.search(text.replace("\\\n", "")) is not None


def open_after(text: str, state: str = "") -> str:
    """What is open at the end of `text`: ' " # (a comment), "lost", or "" where a word can stand. `state`: before it.
    A text begins as after a line's end: a # at the very front of `text` may or may not begin a comment."""
    at = 0
    while at < len(text) and state != _LOST:
        if state == "":
            at, state = _step(_OPENS, text, at)
        elif state == '"':
            at, state = _step(_IN_DOUBLE, text, at, state)
        else:
            end = text.find("\n" if state == "#" else state, at)
            at, state = (len(text), state) if end < 0 else (end + 1, "")
    return state


def _step(marks: re.Pattern[str], text: str, at: int, state: str = "") -> tuple[int, str]:
    """(where to go on, what is open then) after the next mark that no backslash takes away."""
    while at < len(text):
        if text[at:] in ("\\", "$"):  # it would take the next word's own quote for something else
            return at, _LOST
        if text[at] == "\\":
            at += 2
        elif (found := marks.match(text, at)) is not None:
            return found.end(), _LOST if found["known"] is None else "" if found[0] == state else found[0]
        else:
            at += 1
    return at, state
