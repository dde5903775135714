"""What is below a path of one server, read there by the best means it has: python3, POSIX tools, or SFTP alone.

Knows nothing of comparing. Content is sha256 (all three means have it), read whole, by another way than the copy wrote it.
"""

from __future__ import annotations

import hashlib
import posixpath
import stat
from dataclasses import dataclass
from importlib.resources import files
from shlex import quote

from cockpit.fleet.api import Completed, Remote

LIMIT = 256 << 20  # bytes of a manifest: about two million files
PYTHON = (files("cockpit.steps.verify") / "survey.py").read_bytes()

# POSIX tools: one record a line, names as they are. Names with a newline are refused by the first find rather than misread.
TOOLS = r"""
[ -e {place} ] || [ -h {place} ] || exit 66
cd -P -- {place} 2>/dev/null && one=. || {{ cd -- "$(dirname -- {place})" && one=./"$(basename -- {place})"; }}
nl='
'
[ -z "$(find "$one" -name "*$nl*" 2>/dev/null | head -n 1)" ] ||
    {{ echo 'a name holds a newline, and there is no python3' >&2; exit 65; }}
echo '== d'; find "$one" -type d
link='for f; do printf "%s\t%s\n" "$(printf %s "$(readlink "$f")" | sha256sum | cut -c 1-64)" "$f"; done'
echo '== l'; find "$one" -type l -exec sh -c "$link" sh {{}} +
echo '== o'; find "$one" ! -type d ! -type l ! -type f
echo '== s'; find "$one" -type f -exec stat -c '%s	%a:%u:%g:%Y	%n' {{}} +
[ {hashed} = 0 ] || {{ echo '== f'; find "$one" -type f -exec sha256sum {{}} +; }}
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """kind: f, d, l, o or ! (unreadable). digest: of a file's content or a link's target; "~": changed while it was read."""

    kind: str
    size: int = 0
    meta: str = ""  # mode:uid:gid:mtime; "" where it was not asked for, or could not be told
    digest: str = ""


Manifest = dict[bytes, Entry]


class Missing(ValueError):
    """There is nothing at the path."""


async def manifest(remote: Remote, path: str, *, hashed: bool, meta: bool, become: bool | None) -> Manifest:
    """Relative path -> entry; the path itself is b"". Raises Missing, FleetError, Lost, ValueError."""
    if remote.target.sftp_only:
        return await _by_sftp(remote, path, hashed)
    test = f"[ -e {quote(path)} ] || [ -h {quote(path)} ] || exit 66; command -v python3 >/dev/null 2>&1 || exit 67"
    way = f"{test}; exec python3 - {quote(path)} {int(hashed)} {int(meta)}"
    done = await remote.run(way, become=become, stdin=PYTHON, limit=LIMIT)
    if done.exit != 67:
        return _records(_good(done, path))
    done = await remote.run(TOOLS.format(place=quote(path), hashed=int(hashed)), become=become, limit=LIMIT)
    return _lines(_good(done, path), meta)


def _good(done: Completed, path: str) -> bytes:
    if done.exit == 66:
        raise Missing(f"{path} is not there")
    if done.truncated:
        raise ValueError(f"{path} holds too many files to compare in one check; compare its parts")
    if done.exit != 0 or done.stderr.strip():
        raise ValueError(f"{path} could not be read: {done.stderr.decode(errors='replace').strip()[:300] or f'exit {done.exit}'}")
    return done.stdout


def _records(data: bytes) -> Manifest:
    found: Manifest = {}
    for record in data.split(b"\0")[:-1]:
        kind, size, meta, digest, name = record.split(b"\t", 4)
        found[name] = Entry(kind.decode(), int(size), meta.decode(), digest.decode())
    return found


def _lines(data: bytes, meta: bool) -> Manifest:
    found: Manifest = {}
    part = b""
    for line in data.split(b"\n")[:-1]:
        if line.startswith(b"== "):
            part = line[3:]
        elif part == b"d":
            found[_relative(line)] = Entry("d")
        elif part == b"o":
            found[_relative(line)] = Entry("o")
        elif part == b"l":
            digest, name = line.split(b"\t", 1)
            found[_relative(name)] = Entry("l", digest=digest.decode())
        elif part == b"s":
            size, told, name = line.split(b"\t", 2)
            found[_relative(name)] = Entry("f", int(size), told.decode() if meta else "")
        else:
            _hashed(found, line)
    return found


def _hashed(found: Manifest, line: bytes) -> None:
    """A line of sha256sum: digest, two characters, name; a leading backslash says that the name is escaped."""
    escaped = line.startswith(b"\\")
    digest, name = line[escaped : escaped + 64], line[escaped + 66 :]
    if escaped:
        name = name.replace(b"\\\\", b"\\")
    seen = found[_relative(name)]
    found[_relative(name)] = Entry("f", seen.size, seen.meta, digest.decode())


def _relative(name: bytes) -> bytes:
    """`.` and `./one` (a single file) are the path itself; `./a/b` is a/b."""
    return name[2:] if name.startswith(b"./") else b""


async def _by_sftp(remote: Remote, path: str, hashed: bool) -> Manifest:
    found: Manifest = {}
    async with remote.sftp() as sftp:
        if not await sftp.lexists(path):
            raise Missing(f"{path} is not there")
        todo = [b""]
        while todo:
            name = todo.pop()
            full = posixpath.join(path.encode(), name) if name else path.encode()
            entry, inside = await _seen(sftp, full, hashed)
            found[name] = entry
            todo += [posixpath.join(name, each) if name else each for each in inside]
    return found


async def _seen(sftp: object, path: bytes, hashed: bool) -> tuple[Entry, list[bytes]]:
    attrs = await sftp.lstat(path)  # type: ignore[attr-defined]
    mode = attrs.permissions or 0
    if stat.S_ISDIR(mode):
        names = await sftp.listdir(path)  # type: ignore[attr-defined]
        return Entry("d"), [n for n in names if n not in (b".", b"..")]
    if stat.S_ISLNK(mode):
        target = await sftp.readlink(path)  # type: ignore[attr-defined]
        return Entry("l", digest=hashlib.sha256(target).hexdigest()), []
    if not stat.S_ISREG(mode):
        return Entry("o"), []
    return Entry("f", attrs.size or 0, "", await _hash(sftp, path) if hashed else ""), []


async def _hash(sftp: object, path: bytes) -> str:
    found = hashlib.sha256()
    async with sftp.open(path, "rb") as data:  # type: ignore[attr-defined]
        while piece := await data.read(1 << 20):
            found.update(piece)
    return found.hexdigest()
