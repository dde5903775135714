"""The command lines that carry the image programs to the servers: one for the job, one for the other side's key.

Pure: text in, text out. The program travels inside its own command line, so that nothing is installed and the key's
forced command is one exact line with the paths in it.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from posixpath import dirname
from shlex import quote
from typing import Any, Literal

# What each role needs, in the order in which they import each other: all of it takes a server twice as long to begin with.
PROGRAMS = {
    "source": ("faults", "wire", "blocks", "disk", "source", "ends", "start"),
    "target": ("faults", "wire", "blocks", "disk", "receipts", "target", "ends", "start"),
    "job": (
        "calls", "faults", "wire", "blocks", "disk", "receipts", "source", "target", "ends", "telling", "streams", "job", "start",
    ),
}
PACKAGE = "cockpit.fleet.image"
PIECE = 60_000  # characters: Linux takes no single argument of 128 KiB

# Its own imports are the fewest: each takes a server longer than the first ssh to begin, which is waited for (`calls`).
_BOOT = (
    "import binascii,os,sys,zlib\n"
    "r=lambda a:eval(zlib.decompress(binascii.a2b_base64(''.join(a))))\n"
    "k=1+int(sys.argv[1]);s=r(sys.argv[1+k:])\n"
    "for n,t in r(sys.argv[2:1+k]):\n"
    " m=sys.modules[n]=type(sys)(n);exec(compile(t,n,'exec'),m.__dict__);getattr(m,'early',id)(s)\n"
    "x=m.start(s);sys.stdout.flush();sys.stderr.flush();os._exit(x)"  # all else that a Python does at its end is waited for
)

Role = Literal["source", "target"]


def command(spec: Mapping[str, Any]) -> str:
    """For /bin/sh: python3 with the program and what it is to do."""
    program = _program(spec["role"])
    return f"python3 -I -S -c {quote(_BOOT)} {len(program)} {' '.join([*program, *_packed(spec)])}"


@cache
def _program(role: str) -> list[str]:
    """(name, text) of each module. The same for every copy of the night; packing it takes 5 ms."""
    here = files(PACKAGE)
    return _packed([(f"{PACKAGE}.{name}", (here / f"{name}.py").read_text()) for name in PROGRAMS[role]])


def _packed(value: object) -> list[str]:
    """Its words in Python, as arguments."""
    text = base64.b64encode(zlib.compress(repr(value).encode())).decode()
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def half(role: Role, paths: Sequence[str], *, become: bool) -> str:
    """The forced command of the other side: answers for these paths as the source or the target, and nothing else."""
    return ("sudo -n " if become else "") + command({"role": role, "paths": _hex(paths)})


def job(
    way: str, sources: Sequence[str], targets: Sequence[str], sizes: Sequence[int], *, shell: str | None, streams: int,
    live: bool,
) -> str:  # fmt: skip
    """The job's own command. way: pull | push | local; shell: the route's ssh script; live: the source may change meanwhile."""
    return command({
        "role": "job", "way": way, "shell": shell, "streams": streams, "live": live, "sizes": list(sizes),
        "sources": _hex(sources), "targets": _hex(targets),
    })  # fmt: skip


def kept_command(place: str) -> str:
    """For the target's /bin/sh: notes in `place`, below the jobs of the base that receipts lie in, whose names stdin brings:
    with those jobs they are forgotten (control.sh, ck_remove_in)."""
    bases = '"$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"'
    return f"""umask 077
for base in {bases}; do
  mkdir -p "$base/images" && [ -O "$base" ] && [ -w "$base/images" ] || continue
  mkdir -p "$base/jobs/"{quote(dirname(place))} && cat > "$base/jobs/"{quote(place)} && exit 0
done 2>/dev/null
exit 1"""


def _hex(paths: Sequence[str]) -> list[str]:
    return [path.encode("utf-8", "surrogateescape").hex() for path in paths]

