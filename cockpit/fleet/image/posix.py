"""The command lines of the same move where a side has no python3: `job.sh` asks, `half.sh` answers, both POSIX sh.

Pure: text in, text out. Slower by a connection for each question, hashes by a tool, and holes only as large as a chunk where
dd knows no conv=sparse; receipts, resume, second pass and proof are the same. `sums.sh` is a part of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from shlex import quote

from cockpit.fleet.image.bundle import PACKAGE, Role
from cockpit.fleet.image.receipts import name_of


@cache
def _text(name: str) -> str:
    lines = (files(PACKAGE) / name).read_text().splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.startswith("#")) + "\n"


def _names(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        yield name_of(path.encode("utf-8", "surrogateescape"))
        yield quote(path)


def _half() -> str:
    return quote(_text("sums.sh") + _text("half.sh"))


def half(role: Role, paths: Sequence[str], *, become: bool) -> str:
    """The forced command of the other side: answers the one question in SSH_ORIGINAL_COMMAND, if it is one of its role's,
    about these paths."""
    sudo = "sudo -n " if become else ""
    return f'{sudo}sh -c {_half()} cockpit {role} "$SSH_ORIGINAL_COMMAND" {" ".join(_names(paths))}'


def job(
    way: str, sources: Sequence[str], targets: Sequence[str], sizes: Sequence[int], *, shell: str | None, streams: int,
    live: bool,
) -> str:  # fmt: skip
    """The job's own command, for /bin/sh. `bundle.job` says what the words are."""
    here = {"src": ("source", " ".join(_names(sources))), "dst": ("target", " ".join(_names(targets)))}
    far = {"pull": "src", "push": "dst"}.get(way, "")
    lines = [f"half={_half()}", f"streams={streams} live={int(live)} files={len(sources)} total={sum(sizes)}"]
    for end, (role, names) in here.items():
        asked = f'sh {quote(shell)} cockpit "$@"' if end == far and shell else f'sh -c "$half" cockpit {role} "$*" {names}'
        taken = '[ "$1" = take ] || exec </dev/null; '
        lines.append(f"{end}() {{ ({taken}{asked}); }}")
    return "\n".join(lines) + "\n" + _text("sums.sh") + _text("job.sh")
