"""Whether what a copy brought is on the target's disk, and that it stays known where it is not. Knows no way and no part.

An error in writing back is told once (syncfs(2)); afterwards the same files can be read from memory, the next sync ends well,
and rsync finds nothing to do. So whoever hears of it leaves a mark on the server before a word of it goes back, and the mark
stays until the target has been emptied.
"""

from __future__ import annotations

import hashlib
from posixpath import dirname
from shlex import quote

from cockpit.fleet.jobs_words import file_name
from cockpit.steps.api import StepContext
from cockpit.steps.copy.places import End, Refused

# Among the session's jobs, with which it is forgotten; the mark holds the path of what is to be emptied.
_MARK = """marked() {
  for b in __BASES__; do m=$b/jobs/__PLACE__; if [ -O "$b" ] && [ -s "$m" ]; then return; fi; done
  return 1
}
leave() {
  for b in __BASES__; do
    m=$b/jobs/__PLACE__
    (umask 077; mkdir -p "$b" && [ -O "$b" ] && mkdir -p "${m%/*}" && printf %s "$there" > "$m") && return
  done 2>/dev/null
}
"""
_BASES = '"$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"'

# The sync that tells opens its file system first: one that opened after another had been told would hear nothing, and what that
# one leaves is looked for at the end. Whose contact breaks still leaves its mark. busybox' sync passes no error on.
_SYNC = """there=__THERE__
trap '' HUP PIPE
if marked; then echo "an earlier sync of it said so" >&2; exit 1; fi
for p in "$there" __ABOVE__; do [ -r "$p" ] && break; done
code=0
case $(sync --help 2>&1) in *-f*) [ ! -r "$p" ] || said=$(sync -f -- "$p" 2>&1) || code=$? ;; esac
if [ "$code" != 0 ]; then
  leave
  sync
  printf '%s\\n' "$said" >&2
  exit "$code"
fi
sync || exit
if marked; then echo "another sync of it said so" >&2; exit 1; fi
"""

# A file system that was made anew has its lost+found.
_LOOK = """marked || exit 0
there=$(cat "$m"; echo .)
there=${there%.}
if [ -d "$there" ]; then
  names=$(ls -A -- "$there") && [ -z "$(printf '%s\\n' "$names" | grep -v -x -F lost+found)" ] && rm -f "$m" && exit
elif [ ! -s "$there" ]; then
  rm -f "$m" && exit
fi
printf %s "$there"
"""


async def synced(ctx: StepContext, target: End, landing: str) -> str:
    """Everything written, on disk: "" (also of a target that runs no commands), or what the server says. FleetError, Lost."""
    if target.remote.target.sftp_only:
        return ""
    there = landing.rstrip("/") or "/"
    script = _SYNC.replace("__THERE__", quote(there)).replace("__ABOVE__", quote(dirname(there)))
    done = await target.remote.errand(_marks(ctx, target) + script, become=target.become)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return (said[-1] if said else f"exit {done.exit}") if done.exit else ""


async def refuse_lost(ctx: StepContext, target: End) -> None:
    """Before anything is moved: Refused where an earlier sync of this copy could not write all of it, and it still lies there."""
    if target.remote.target.sftp_only:
        return
    done = await target.remote.errand(_marks(ctx, target) + _LOOK, become=target.become)
    if there := done.stdout.decode(errors="replace"):
        raise Refused(f"what lies at {target.server}:{there} was brought before and is not all on the disk: {mend(target)}")


def not_all(target: End, said: str) -> str:
    """What `synced` said, in a sentence."""
    whose = "by this copy or by something else that writes there"
    return f"{target.server} did not get all to its disk that was written to it {whose} ({said}): {mend(target)}"


def mend(target: End) -> str:
    return f"mend the disk of {target.server}, empty the target, copy again"


def _marks(ctx: StepContext, target: End) -> str:
    name = hashlib.sha256(f"{ctx.task}\0{target.path}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    place = quote(f"{file_name(ctx.session)}/lost-{name}")
    return _MARK.replace("__BASES__", _BASES).replace("__PLACE__", place)
