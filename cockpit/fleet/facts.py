"""What is learned about a server at contact, by one command: system, person, shell, tools, boot, clock. Knows no connection."""

from __future__ import annotations

from typing import Any

# In the words of POSIX sh; everything in it is in busybox too. PATH is widened only here: what is found is told by its full path.
COMMAND = r"""PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin
say() { printf '%s=%s\n' "$1" "$2"; }
say now "$(date +%s)"
say uname "$(uname -s -r -m)"
say host "$(uname -n)"
for f in /etc/os-release /usr/lib/os-release; do
    [ -r "$f" ] && say os "$(. "$f" && printf %s "$PRETTY_NAME")" && break
done
say user "$(id -un)"
say uid "$(id -u)"
say home "$HOME"
say shell "$SHELL"
[ -r /proc/sys/kernel/random/boot_id ] && say boot_id "$(cat /proc/sys/kernel/random/boot_id)"
for t in rsync python3 sudo setsid flock systemd-run systemctl tar sha256sum b3sum xxhsum openssl zfs qemu-img lsblk \
    filefrag xfs_io ssh nc; do
    p=$(command -v "$t") && say "tool.$t" "$p"
done
for p in /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec /usr/lib; do
    [ -x "$p/sftp-server" ] && say tool.sftp-server "$p/sftp-server" && break
done
command -v rsync > /dev/null && say version.rsync "$(rsync --version 2>/dev/null)"
command -v python3 > /dev/null && say version.python3 "$(python3 -V 2>&1)"
say end ''"""


def read(printed: bytes, asked: float, answered: float) -> dict[str, Any]:
    """{"uname", "os", "host", "user", "uid": int, "home", "shell", "boot_id", "clock_skew": seconds that the server's clock is
    ahead, "tools": {name: path}, "versions": {name: first line}}; what a server didn't tell is absent.
    The watcher of a contact adds "host_key" (fingerprint) and "login" (agent, key or password).

    asked, answered: UTC epoch seconds here, around the command. The skew is good to a second: `date` tells whole ones."""
    facts: dict[str, Any] = {"tools": {}, "versions": {}}
    for line in printed.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if not equals or not value:
            continue
        group, dot, part = name.partition(".")
        if dot and group in ("tool", "version"):
            facts[f"{group}s"].setdefault(part, value)
        elif name in ("uname", "os", "host", "user", "home", "shell", "boot_id"):
            facts[name] = value
        elif name in ("uid", "now") and value.isdigit():
            facts[name] = int(value)
    now = facts.pop("now", None)
    if now is not None:
        facts["clock_skew"] = round(_skew(now, asked, answered), 1)
    return facts


def _skew(now: int, asked: float, answered: float) -> float:
    """0 when the server's whole second fits between question and answer, else the distance to the nearer of them."""
    if now + 1 < asked:
        return now + 1 - asked
    return max(0.0, now - answered)
