"""rsync's command lines and exit codes: pure text in, pure text out.

Refuses to know how a command gets to a server and what the two servers are called. Facts about rsync's options and exit
codes are from rsync(1) 3.1 to 3.5; paths are `str` as the plan wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from shlex import join, quote

OLDEST = (3, 1, 0)  # --info=progress2
SPARSE_INPLACE = (3, 1, 3)  # earlier ones refuse --sparse together with --inplace
NANOSECONDS = (3, 1, 3)  # --modify-window=-1
REMOTE = "cockpit"  # the host's name on rsync's command line; the real address stands in the route's ssh script
VANISHED = 24
COARSE = "nanoseconds"  # in `without`: the target's times are coarser, and would never be the source's
PASS_MARK = "cockpit-pass"
AGAIN_MARK = "cockpit-again"  # the same pass from its start: pace.sh has ended it early

TRANSIENT = frozenset({10, 12, 30, 35, 137, 255})
MEANINGS: Mapping[int, str] = {
    1: "rsync did not understand its options", 2: "the two rsyncs speak different protocols",
    3: "the source or the target could not be opened", 4: "one rsync lacks an option that the other uses",
    5: "rsync could not start its protocol", 10: "the connection broke", 11: "a file could not be read or written",
    12: "the stream between the two rsyncs broke", 13: "rsync could not report", 14: "rsync's own processes lost each other",
    20: "rsync was told to stop", 21: "rsync's child failed", 22: "rsync ran out of memory",
    23: "some files or attributes were not copied", 24: "files vanished from the source while it was copied",
    25: "more would have been deleted than allowed", 30: "no data for too long", 35: "no connection in time",
    126: "rsync may not be run", 127: "there is no rsync", 137: "rsync was killed", 143: "rsync was told to stop",
    255: "ssh between the two servers failed",
}


@dataclass(frozen=True, slots=True)
class Rsync:
    """What a server's rsync can do, as its `--version` says."""

    version: tuple[int, int, int]
    acls: bool
    xattrs: bool


LEFT_BEHIND: Mapping[str, str] = {  # what -a asks for and a destination may be unable to keep
    "owners": "--no-owner --no-group", "modes": "--no-perms", "symlinks": "--no-links", "special": "--no-devices --no-specials",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What one copy asks of rsync. sparse, inplace: `choose` says when. itemize: a line for every entry, or (changes) for
    what changes alone. part: of the files that a list names, with the directories above them; directories stay writable to
    their owner and get their times from a later pass, since other parts write into them at the same time. checksum: what
    has the source's size and time is read and compared all the same. exact: times are compared to the nanosecond: else what was
    rewritten within one second, at the same size, is never copied again. without: what stays behind, as a person agreed (words
    of `survey.fits`)."""

    acls: bool = True
    xattrs: bool = True
    delete: bool = False
    exclude: tuple[str, ...] = ()
    sparse: bool = True
    inplace: bool = True
    itemize: bool = False
    changes: bool = False
    part: bool = False
    checksum: bool = False
    exact: bool = False
    without: frozenset[str] = frozenset()


def parse_version(text: str) -> Rsync | None:
    """From `rsync --version`; None for anything that is not Samba's rsync (openrsync has other options)."""
    found = re.search(r"^rsync\s+version v?(\d+)\.(\d+)(?:\.(\d+))?", text, re.MULTILINE)
    if not found:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    words = {word.strip() for word in re.split(r"[,\n]", text)}
    return Rsync((major, minor, patch), "ACLs" in words, "xattrs" in words)


def choose(
    source: Rsync, target: Rsync, *, empty: bool, retry: bool, linked: bool, final: bool,
    delete: bool, exclude: Sequence[str], without: frozenset[str] = frozenset(),
) -> Options:
    """The options for these two rsyncs and what already lies at the target.

    empty: nothing is there yet; retry: what is there is an unfinished try of the same pass; linked: files there have several
    names, or will have before all reruns of this are over: --inplace would write through one into the others. In place, holes
    are made on the first pass alone, since -S rewrites every unchanged block of a delta; a file written anew needs it always.
    """
    inplace = not linked
    sparse = not inplace or ((empty or retry) and min(source.version, target.version) >= SPARSE_INPLACE)
    return Options(
        acls=source.acls and target.acls and "ACLs" not in without,
        xattrs=source.xattrs and target.xattrs and "attributes" not in without, without=without, delete=delete,
        exclude=tuple(exclude), sparse=sparse, inplace=inplace, itemize=True,
        exact=min(source.version, target.version) >= NANOSECONDS and COARSE not in without,
    )


def words(options: Options) -> list[str]:
    """rsync and its options, without the paths: the same for every run of a job, since the other side's key may run one exact
    line. --no-protect-args: the other side's paths stay in that line."""
    archive = "-a" + "H" * ("hard links" not in options.without) + "A" * options.acls + "X" * options.xattrs
    left = [option for what, some in LEFT_BEHIND.items() if what in options.without for option in some.split()]
    line = ["rsync", archive, *left, "--numeric-ids", "--no-protect-args", "--no-human-readable", "--info=progress2,stats2"]
    line += ["--sparse"] * options.sparse
    line.append("--inplace" if options.inplace else "--partial")
    line.append("--no-whole-file")  # a file that is not there goes whole anyway; one that is partly there, by its difference
    line += ["--delete"] * options.delete
    line += ["--checksum"] * options.checksum
    line += ["--modify-window=-1"] * options.exact
    line += ["--relative", "--omit-dir-times", "--chmod=Du+rwx", "--ignore-missing-args"] * options.part
    if options.itemize:
        line += ["-i" if options.changes else "-ii", "--out-format=%i %l"]
    return line + [f"--exclude={pattern}" for pattern in options.exclude]


def command(options: Options, source: str, target: str, *, shell: str | None = None, pull: bool = True) -> str:
    """The command text for /bin/sh. shell: the script that reaches the other side (None: both paths are here)."""
    line = words(options)
    if shell:
        line += ["-e", f"sh {_rsh_word(shell)}"]
        source, target = (f"{REMOTE}:{source}", target) if pull else (source, f"{REMOTE}:{target}")
    return _START + join([*line[1:], "--", source, target])


_START = "LC_ALL=C rsync "


def _rsh_word(path: str) -> str:
    """One word of -e: rsync splits it at spaces and knows both quotes, each doubled inside itself."""
    return "'" + path.replace("'", "''") + "'"


def exec_line(
    options: Options, source: str, target: str, *, shell: str | None = None, pull: bool = True, more: str = "",
) -> str:  # fmt: skip
    """The same for pace.sh: the shell becomes rsync, with one more option as $1. more: options, quoted for /bin/sh."""
    text = command(options, source, target, shell=shell, pull=pull)
    return f'exec env {_START}"$1" {more} {text.removeprefix(_START)}'


def pace_text() -> str:
    return (files("cockpit.fleet") / "pace.sh").read_text()


def job(line: str, *, final: bool) -> str:
    """The whole detached job: `line` (of `exec_line`), again when files vanished, and for a final pass again to see that nothing
    changes; at the pace told."""
    lines = [
        f"{pace_text()}\ntick() {{ :; }}\nagain() {{ printf '\\n{AGAIN_MARK}\\n'; }}\nline() {{ {line}; }}",
        "paced",
        f"if [ $code -eq {VANISHED} ]; then echo; echo {PASS_MARK}; paced; fi",
    ]
    if final:
        lines.append(f"if [ $code -eq 0 ]; then echo; echo {PASS_MARK}; paced; fi")
    return "\n".join([*lines, "exit $code", ""])


def show_command(options: Options, shell: str, *, pull: bool) -> str:
    """rsync run with a `shell` that only writes down what it was asked: how this rsync words its other half."""
    here = "/nonexistent-cockpit"
    text = command(options, "/x" if pull else here, here if pull else "/x", shell=shell, pull=pull)
    listed = "--from0 --files-from=/dev/null " * options.part  # the other side is asked the same whatever list is read here
    return _START + listed + text.removeprefix(_START)


def server_line(shown: str, path: str) -> str:
    """The exact command for the other side: what `show_command` was seen to ask, with this path quoted for /bin/sh.

    Raises ValueError when the line is not one that rsync would ask.
    """
    head, dot, tail = shown.strip().rpartition(" . ")
    if not head.startswith("rsync --server ") or not dot or tail != "/x":
        raise ValueError(f"rsync asked for something unexpected: {shown.strip()[:200]!r}")
    return f"{head} . {quote(path)}"


def paced_half(half: str, *, become: bool = False) -> str:
    """The other side's line where that sends: a sender holds the pace itself (--bwlimit is in what it is asked), so the one
    command that its key may run takes that number, if it is one, from what is asked, and nothing else."""
    line = half.replace("rsync --server --sender ", 'rsync --server --sender "--bwlimit=$b" ', 1)
    script = f'''set -f; b=0
for w in $SSH_ORIGINAL_COMMAND; do case $w in --bwlimit=*) b=${{w#*=}} ;; esac; done
case $b in "" | *[!0-9]*) b=0 ;; esac
exec {'sudo -n ' * become}{line}'''
    return f"/bin/sh -c {quote(script)}"


@dataclass(frozen=True, slots=True)
class End:
    """What an exit code of rsync says. done: everything was copied."""

    done: bool
    transient: bool
    text: str


def ended(code: int, errors: str, *, initial: bool = False) -> End:
    """errors: rsync's stderr. An initial pass over live data is done when files vanished: the final one settles them."""
    if code == 0 or (initial and code == VANISHED):
        return End(True, False, "" if code == 0 else MEANINGS[VANISHED])
    text = f"{MEANINGS.get(code, 'rsync failed')} (exit {code})"
    if "No space left on device" in errors or "Disk quota exceeded" in errors:
        return End(False, False, f"the target is full (exit {code})")
    if code == 23 and _unsteady(errors):
        return End(initial, True, f"files were written to while they were copied (exit {code})")
    return End(False, code in TRANSIENT, text)


def causes(errors: str) -> list[str]:
    """The lines of stderr that tell what went wrong: without rsync's last, which repeats the exit code, and pace.sh's own."""
    return [line for line in errors.strip().splitlines() if line and not line.startswith(("rsync error:", "cockpit:"))]


_UNSTEADY = re.compile(
    r"(WARNING|ERROR): .* failed verification -- update (retained|discarded|put into partial-dir).*"
    r"|rsync: (\[\w+\] )?read errors mapping .*: No data available \(61\)|file has vanished: .*"
)


def _unsteady(errors: str) -> bool:
    """Whether all that went wrong is files that changed while they were read, twice: what the sender had summed was not what
    came. As far as `errors` goes: whoever keeps only their end has to see that it is all of them."""
    lines = causes(errors)
    return bool(lines) and all(_UNSTEADY.fullmatch(line) for line in lines)
