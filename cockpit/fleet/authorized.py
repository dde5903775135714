"""One line in a server's authorized_keys: what it lets a key do (sshd(8)), put in and taken out without harm to the others.

Knows no route; a line is found by the tag at its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from shlex import quote

from cockpit.fleet.api import FleetError, Remote

SAFE = re.compile(r"[A-Za-z0-9_./=,:@%+\- ]+")  # the same words for sh, csh, fish, and inside authorized_keys' quotes


def plain(command: str) -> bool:
    """Whether a forced command can stand in authorized_keys as it is, for any login shell."""
    return bool(SAFE.fullmatch(command.replace("$SSH_CONNECTION", "")))


def authorization(
    tag: str, public: str, command: str, *, expires: datetime, seen_from: str | None, more: Sequence[str] = (),
) -> str:  # fmt: skip
    """One line for authorized_keys (sshd(8)): this key may run this command, and nothing else, from there, until then.
    more: further options, which take back some of `restrict`."""
    if not plain(command):
        raise ValueError("this command needs a script of its own")
    options = ["restrict", *more]
    options += [f'from="{seen_from}"'] if seen_from else []
    options += [f'expiry-time="{expires:%Y%m%d%H%M}"', f'command="{command}"']
    algorithm, key = public.split()[:2]
    return f"{','.join(options)} {algorithm} {key} {tag}"


# The file is replaced, never emptied: a crash in between must not lock anybody out. mkdir is the lock among cockpits.
# dash leaves by a signal without its EXIT trap: lock and copy would stay where one who asked was cancelled.
_LINE = """umask 077; f=$HOME/.ssh/authorized_keys; [ -d "$HOME/.ssh" ] || mkdir -p "$HOME/.ssh" || exit 1
[ -L "$f" ] && f=$(readlink -f "$f"); n=0
__ABSENT__
[ -w "${f%/*}" ] || { echo "${f%/*} can't be written" >&2; exit 1; }
until mkdir "$f.cockpit-lock" 2>/dev/null; do n=$((n+1)); [ $n -gt 30 ] && break; sleep 0.3 || sleep 1; done 2>/dev/null
trap 'rmdir "$f.cockpit-lock" 2>/dev/null; rm -f "$t"' EXIT; trap 'exit 1' HUP INT TERM
[ -e "$f" ] || : > "$f" || exit 1
t=$f.cockpit.$$; cp -p "$f" "$t" || exit 1
__EDIT__
mv -f "$t" "$f"
"""


async def set_line(remote: Remote, tag: str, line: str, script: str, *, before: str = "") -> None:
    """Replace the tag's line in authorized_keys ("" removes it) and its script. Serialised per server. before: shell text to be
    run first, whatever comes of it."""
    file = f'"$HOME/.ssh/{tag}.sh"'
    add = f"printf '%s\\n' {quote(line)} >> \"$t\" || exit 1" if line else f"rm -f {file}"
    add = f"printf '%s\\n' {quote('exec ' + script)} > {file} || exit 1\n{add}" if script else add
    absent = f"[ -e {file} ] || grep -q -e ' {tag}$' \"$f\" 2>/dev/null || exit 0" if not line else ""
    others = f"grep -v -e ' {tag}$' \"$f\" > \"$t\"; [ $? -le 1 ] || exit 1"
    await _edit(remote, absent, f"{others}\n{add}", before)


async def extend_line(remote: Remote, tag: str, expires: datetime) -> None:
    """Let the tag's line, whatever it lets its key do now, hold until then. Harmless where there is none, or none any more."""
    absent = f"grep -q -e ' {tag}$' \"$f\" 2>/dev/null || exit 0"
    later = f's/expiry-time="[0-9]*"/expiry-time="{expires:%Y%m%d%H%M}"/'
    await _edit(remote, absent, f"sed {quote(f'/ {tag}$/{later}')} \"$f\" > \"$t\" || exit 1")


async def _edit(remote: Remote, absent: str, edit: str, before: str = "") -> None:
    """absent: ends where there is nothing to do; edit: makes $t of $f."""
    script = _LINE.replace("__ABSENT__", absent).replace("__EDIT__", edit)
    done = await remote.errand(f"({before or ':'})\n{script}", become=False, timeout=60)
    if done.exit:
        said = done.stderr.decode(errors="replace").strip()
        raise FleetError(remote.target.name, "other", f"{remote.target.name}: authorized_keys can't be changed: {said}")
