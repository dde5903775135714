"""A directory (0700) for one route on one machine: a fresh key, the host keys that it may meet, and what is put beside them.

Found by its tag after any crash. Knows no route, and not what the key is let do.
"""

from __future__ import annotations

import os
from shlex import quote

from cockpit.fleet.api import Remote

BASES = '"$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"'  # a home may be read-only
_MAKE = """umask 077; dir=
for base in __BASES__; do
  mkdir -p "$base/routes" 2>/dev/null && [ -O "$base" ] && chmod 700 "$base" && rm -rf "$base/routes/__TAG__" &&
  mkdir "$base/routes/__TAG__" && dir=$base/routes/__TAG__ && break
done
[ -n "$dir" ] && ssh-keygen -q -t ed25519 -N '' -C __TAG__ -f "$dir/key" </dev/null >&2 &&
cat > "$dir/known_hosts" && printf '%s\\n' "$dir" && cat "$dir/key.pub"
"""
_GONE = """for base in __BASES__; do [ ! -d "$base/routes/__TAG__" ] || rm -rf "$base/routes/__TAG__"; done"""


class NoKey(Exception):
    """This machine can't keep a key: words for a person."""


async def make(remote: Remote, tag: str, known_hosts: str, *, become: bool) -> tuple[str, str]:
    """(its path, the public key's line). What an earlier one of this tag left is gone. NoKey, Lost."""
    script = _MAKE.replace("__BASES__", BASES).replace("__TAG__", tag)
    made = await remote.errand(script, become=become, stdin=known_hosts.encode(), timeout=60)
    directory, _, public = made.stdout.decode().partition("\n")
    if made.exit or not public:
        raise NoKey(f"{remote.target.name} can't keep a key: {made.stderr.decode(errors='replace').strip()[-200:]}")
    return directory, public.strip()


def is_here(tag: str) -> bool:
    """Whether this machine has it, in one of `BASES`. Asked at the end of every copy: a shell would have to be started for it."""
    bases = (os.path.expanduser("~/.cockpit"), *(f"{above}/cockpit-{os.getuid()}" for above in ("/var/tmp", "/tmp")))
    return any(os.path.isdir(f"{base}/routes/{tag}") for base in bases)


async def write(remote: Remote, path: str, text: str) -> None:
    """A file in such a directory, of one's own account, whole or not at all. Raises Lost."""
    script = f"umask 077; cat > {quote(path)}.new && mv {quote(path)}.new {quote(path)}"
    await remote.errand(script, become=False, stdin=text.encode())


def removal(tag: str) -> str:
    """For /bin/sh: takes it away; harmless where there is none."""
    return _GONE.replace("__BASES__", BASES).replace("__TAG__", tag)
