"""The detached job of a pipe: a producing command, a counter, a consuming command, and how each of the three ended.

Pure text in, text and numbers out. POSIX sh has no pipefail, so each exit code comes out at a descriptor of its own; what the
commands say of themselves is marked with whose it is. What they find in their environment comes to the job in one variable of
its own, and to a half on the other server as the first line of its standard input: on no command line, in no file. Refuses to
know servers: a half that runs elsewhere is given as the ssh script that reaches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote

from cockpit.fleet.launch import one_line

GIVEN = "COCKPIT_GIVEN"  # the variable; the commands themselves never see it
PRODUCER, COUNTER, CONSUMER = "producer", "counter", "consumer"
BROKEN = 141  # 128 + SIGPIPE: ended by what read from it

# Descriptors: 3 the job's stdout (counts), 4 the exit codes, 7 the data on its way from the producer to the counter, 8 a
# standard input that never ends: what the other server sees end with this job is the connection, not its input.
_JOB = """umask 077
ck_given=$COCKPIT_GIVEN; unset COCKPIT_GIVEN
give() { printf '%s\\n' "$ck_given"; }
tag() { while IFS= read -r line || [ -n "$line" ]; do printf '%s| %s\\n' "$1" "$line"; done; }
__COUNT__
produce() { __PRODUCE__; }
consume() { __CONSUME__; }
d=$(mktemp -d) && mkfifo "$d/open" && exec 8<>"$d/open" && rm -r "$d" || exit 125
__TO_PRODUCER__
exec 3>&1
codes=$( {
  { { produce 3>&- 4>&- 7>&-; echo "producer $?" >&4; } 2>&1 >&7 7>&- <&8 8<&- | tag producer >&2 3>&- 4>&- 7>&- 8<&-; } 7>&1 |
  { __TO_CONSUMER__; count 4>&- 8<&-; echo "counter $?" >&4; } |
  { { consume 3>&- 4>&- 8<&-; echo "consumer $?" >&4; } 2>&1 | tag consumer >&2 3>&- 4>&- 8<&-; }
} 4>&1 </dev/null )
set -- $codes
echo "end $*"
for word; do case $word in producer|counter|consumer|0) ;; *) exit 1 ;; esac; done
"""
_COUNT = """count() {
  if python3 -c '' 2>/dev/null; then python3 -c __PYTHON__ __LIMIT__; return $?; fi
  n=0
  while :; do
    told=$(cat "${COCKPIT_JOB:-/nonexistent}/told" 2>/dev/null); rate=${told:-__LIMIT__}; blocks=256
    if [ "$told" = 0 ]; then sleep 1; continue; fi
    [ __LIMIT__ -eq 0 ] || [ "$rate" -le __LIMIT__ ] || rate=__LIMIT__
    [ "$rate" -le 0 ] || blocks=$((rate / 65536 + 1))
    said=$(LC_ALL=C dd bs=65536 count=$blocks 2>&1 >&5) || return $?
    more=$(printf '%s\\n' "$said" | sed -n 's/^\\([0-9][0-9]*\\) bytes\\{0,1\\} .*/\\1/p')
    n=$((n + ${more:-0})); echo $n >&3
    case $said in "0+0 records in"*) return 0 ;; esac
    [ "$rate" -le 0 ] || sleep 1
  done
} 5>&1"""
_PYTHON = """import fcntl, os, select, sys, time
limit, told = float(sys.argv[1]), os.environ.get('COCKPIT_JOB', '/nonexistent') + '/told'
for fd in (0, 1):
    try: fcntl.fcntl(fd, 1031, 1 << 20)
    except OSError: pass
def tell():
    os.write(3, b'%d\\n' % done)
def pace():
    try: text = open(told).read().strip()
    except OSError: text = ''
    return min([rate for rate in (limit or None, float(text) if text else None) if rate is not None], default=None)
done, shown, free, rate = 0, time.monotonic(), 0.0, pace()
while True:
    now = time.monotonic()
    if now - shown >= 1:
        tell()
        shown, rate = now, pace()
    if rate == 0 or (rate and free > now):
        time.sleep(1 if rate == 0 else min(1, free - now))
        continue
    if not select.select([0], [], [], 1)[0]: continue
    data = os.read(0, 1 << 20 if not rate else max(4096, min(1 << 20, int(rate / 8))))
    if not data: break
    view = memoryview(data)
    try:
        while view: view = view[os.write(1, view):]
    except BrokenPipeError: sys.exit(141)
    done += len(data)
    if rate: free = max(free, now) + len(data) / rate
tell()
"""

# A command on the other server ends when the connection does: sshd alone would leave it there, asleep for ever.
_GUARD = """__TAKE__s=; command -v setsid >/dev/null 2>&1 && s=setsid
exec 5<&0
$s sh -c __COMMAND__ </dev/null 5<&- &
p=$!
{ cat <&5; kill -TERM -$p || kill -TERM $p
  for n in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 -$p || kill -0 $p || exit; done; kill -KILL -$p || kill -KILL $p
} >/dev/null 2>&1 &
watch=$!
exec 5<&- >/dev/null
wait $p; code=$?; kill $watch; exit $code"""

_TAKE = """IFS= read -r ck_given && eval "$ck_given" || exit 125
unset ck_given
"""


def given(variables: Mapping[str, str]) -> str:
    """What `GIVEN` holds: one line for /bin/sh that exports these; "" for none."""
    words = " ".join(f"{name}={quote(value)}" for name, value in variables.items())
    return one_line(f"export {words}").decode(errors="surrogateescape").rstrip("\n") if words else ""


def guarded(command: str, *, takes: bool) -> str:
    """One simple command for /bin/sh on the other server that runs the producing `command` until it ends, or until our input
    does. takes: that begins with what is given."""
    return f"sh -c {quote(_GUARD.replace('__TAKE__', _TAKE * takes).replace('__COMMAND__', quote(command)))}"


def plainly(command: str, *, takes: bool) -> str:
    """One simple command for /bin/sh on the other server that runs `command`, whatever is in it. takes: as in `guarded`."""
    return f"sh -c {quote(_TAKE * takes + command)}"


def here(command: str) -> str:
    """The same in the job's own shell, which has what is given."""
    return f'(eval "$ck_given"; exec sh -c {quote(command)})'


def job(produce: str, consume: str, *, limit: float | None, to: str = "") -> str:
    """The whole job for /bin/sh; both halves are commands as the functions above make them, or reach such a one. limit: bytes per
    second. to: the half on the other server that takes what is given."""
    gives = {"__TO_PRODUCER__": "give >&8 &" if to == PRODUCER else ":", "__TO_CONSUMER__": "(give)" if to == CONSUMER else ":"}
    text = _JOB
    for word, does in gives.items():
        text = text.replace(word, does)
    count = _COUNT.replace("__PYTHON__", quote(_PYTHON)).replace("__LIMIT__", str(int(limit or 0)))
    return text.replace("__COUNT__", count).replace("__PRODUCE__", produce).replace("__CONSUME__", consume)


@dataclass(slots=True)
class Heard:
    """What the job printed so far, fed in any pieces: bytes that went through, and the exit codes at its end."""

    done: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            words = line.decode(errors="replace").split()
            if words[:1] == ["end"]:
                self.codes = {name: int(code) for name, code in zip(words[1::2], words[2::2], strict=False)}
            elif len(words) == 1 and words[0].isdigit():
                self.done = max(self.done, int(words[0]))

    def wrong(self) -> tuple[int, str] | None:
        """Why it is not done, the cause before what it brought about, with the exit code of the first; None when all three
        ended well."""
        if set(self.codes) != {PRODUCER, COUNTER, CONSUMER}:
            return 1, "it ended without saying how its commands did"
        bad = {name: code for name, code in self.codes.items() if code}
        if not bad:
            return None
        ends = sorted(bad, key=lambda name: (bad[name] == BROKEN, (CONSUMER, PRODUCER, COUNTER).index(name)))
        words = (f"the {name} ended with exit {bad[name]}" + " (broken pipe)" * (bad[name] == BROKEN) for name in ends)
        return bad[ends[0]], ", ".join(words)
