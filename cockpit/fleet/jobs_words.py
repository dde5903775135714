"""A job's start in the words of its control shell: names, quoting, the function that sets its environment, masks.

Text in, text out; the only place that turns what a plan says into shell. Meanings of the variables: control.sh, ck_start.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from cockpit.fleet.api import JobSpec

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ODD = re.compile(r"[^A-Za-z0-9_@=,+.-]")
LINE = 8  # bytes: the shortest line of a secret of several lines that is hidden by itself as well
CHUNK = 32768  # bytes of a program in one request
SHOWN = 1000  # characters of the command in its record: a shell reads it a byte at a time whenever it looks
TOLD = 4096  # bytes that a job can be told at once
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
ARGUMENT = 100_000  # bytes: Linux takes no single argument of 128 KiB; a longer command is run from a file


def quote(text: str) -> bytes:
    """For POSIX sh. ValueError for a NUL, which no shell can hold."""
    if "\0" in text:
        raise ValueError("a command, a variable or a path cannot hold a NUL byte")
    return b"'" + text.encode("utf-8", "surrogateescape").replace(b"'", b"'\\''") + b"'"


def file_name(text: str) -> str:
    """A file name for an id, the same every time: letters, digits and `_@=,+-.` stay, the rest becomes %XX."""
    name = ODD.sub(lambda odd: "".join(f"%{b:02X}" for b in odd[0].encode()), text)
    if name.startswith((".", "-")):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if not name:
        raise ValueError("a job needs an id")
    return name if len(name) <= 200 else f"{name[:150]}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def person(name: str) -> str:
    """Whoever left a lock, as a part of a file's name that leaves room for the others; `shown` reads it."""
    return file_name(" ".join(name.split()) or "?")[:60]


def shown(text: str) -> str:
    """What a lock says, which anybody may have written, as text that a terminal can be given."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in unquote(text))


def start(spec: JobSpec, program: str = "", checksum: str = "") -> bytes:
    """The assignments before `ck_start`. `program`: the file that its bytes went to, or ""; `checksum`: theirs, by `cksum`."""
    values = {
        "ck_id": file_name(spec.id), "ck_ses": file_name(spec.session), "ck_epo": str(int(spec.epoch)),
        "ck_cmd": spec.command if program == "" else "", "ck_cwd": spec.cwd or "", "ck_prg": program, "ck_sum": checksum,
        "ck_pip": _pipe(spec),
        "ck_tmo": "" if spec.timeout is None else str(max(1, math.ceil(spec.timeout))),
        "ck_lck": hashlib.sha256(spec.lock.encode("utf-8", "surrogateescape")).hexdigest()[:32] if spec.lock else "",
        "ck_words": "\n".join("| " + line for line in _shown(spec).splitlines()),
        "ck_lname": " ".join((spec.lock or "").split()),
        "ck_say": told(spec.told),
        "ck_msk": "\n".join("".join(f"\\{byte:03o}" for byte in word) for word in masks(spec.secrets)),
    }  # fmt: skip
    lines = [name.encode() + b"=" + quote(value) for name, value in values.items()]
    command = b'exec "$ck_setsid" "$@" ' + b" ".join(map(quote, spec.args))
    return b"\n".join([*lines, b"ck_argv() {", *_exports(spec), command, b"}"])


def told(text: bytes) -> str:
    """A word for a job as text for `printf %b`. ValueError beyond 4 KiB: a word is read before each piece of work."""
    if len(text) > TOLD:
        raise ValueError(f"a job can be told {TOLD} bytes, not {len(text)}")
    return "".join(f"\\0{byte:03o}" for byte in text)


def program(spec: JobSpec) -> bytes | None:
    """The bytes that are to be run from a file, if any."""
    text = spec.command.encode("utf-8", "surrogateescape")
    return text if spec.program is None and len(text) > ARGUMENT else spec.program


def masks(secrets: Mapping[str, str]) -> list[bytes]:
    """What is hidden in output: each secret as it is, without its last newlines (as `$(…)` gives it back), and the longer
    lines of one with several, since keys and certificates get printed with something before each line."""
    words: set[bytes] = set()
    for secret in secrets.values():
        value = secret.encode("utf-8", "surrogateescape")
        words |= {value, value.rstrip(b"\n")}
        if b"\n" in value.strip(b"\n"):
            words |= {line.strip() for line in value.split(b"\n") if len(line.strip()) >= LINE}
    return sorted(words - {b""})


def cksum(data: bytes) -> str:
    """"CRC SIZE" as cksum(1) says it of its standard input: zlib's CRC with every bit order turned round (POSIX, cksum)."""
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "little")
    mirrored = zlib.crc32((data + size).translate(MIRRORED), 0xFFFFFFFF)
    return f"{int(f'{mirrored:032b}'[::-1], 2)} {len(data)}"


def pieces(program: bytes) -> Iterator[bytes]:
    """A program's bytes as arguments of `printf %b`, quoted."""
    for at in range(0, len(program) or 1, CHUNK):
        part = program[at : at + CHUNK]
        yield b"'" + b"".join(_ESCAPES[byte] for byte in part) + b"'"


def _escape(byte: int) -> bytes:
    plain = byte in b"\t\n" or 0x20 <= byte < 0x7F
    return bytes([byte]) if plain and byte not in b"\\'" else b"\\0%03o" % byte


_ESCAPES = [_escape(byte) for byte in range(256)]


def _pipe(spec: JobSpec) -> str:
    """The filter for output: none where the job may write to its files itself. A script that opens /dev/stderr by name would
    empty a plain file, and with it what it had printed before; a pipe it cannot."""
    if masks(spec.secrets):
        return "ck_mask"
    text = spec.command.encode("utf-8", "surrogateescape") + (spec.program or b"")
    return "cat" if re.search(rb"/dev/(std|fd)|/proc/\S+/fd", text) else ""


def _shown(spec: JobSpec) -> str:
    """What the record says was run, for people; the journal has all of it."""
    text = spec.command if spec.program is None else " ".join(["program", *spec.args])
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _exports(spec: JobSpec) -> Iterator[bytes]:
    for name, value in {**spec.env, **spec.secrets}.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a variable")
        yield b"export " + name.encode() + b"=" + quote(value)
