"""What the ssh to the other end of a stream brings: whole, by a socket that holds as much as a pipe, or by a pipe."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cockpit.fleet.image import calls

NOBODY = 65534
BRINGS = "head -c 3000000 /dev/zero; cat\n"
READS = """
made = call(sys.argv[1])
os.write(made.out, b"asked")
os.close(made.out)
found = b"".join(iter(lambda: os.read(made.into, 1 << 20), b""))
made.end(30)
print(stat.S_ISSOCK(os.fstat(made.into).st_mode), found == bytes(3000000) + b"asked")
"""


@pytest.mark.parametrize("user", [None, NOBODY])
def test_what_a_login_brings_is_read_whole_by_whoever_may_have_a_large_socket_or_not(user: int | None) -> None:
    """A socket of the size that everyone may have holds a fifth of a pipe's: a dense image took a tenth longer through one."""
    program = Path(calls.__file__).read_text() + "\nimport stat, sys\n" + READS
    with tempfile.NamedTemporaryFile("w") as shell:
        shell.write(BRINGS)
        shell.flush()
        os.chmod(shell.name, 0o644)
        words = ["/usr/bin/python3", "-I", "-c", program, shell.name]
        done = subprocess.run(words, check=False, capture_output=True, text=True, user=user, cwd="/", timeout=60)
    assert done.stdout.split() == [str(user is None and may_force()), "True"], done.stderr


def may_force() -> bool:
    """CAP_NET_ADMIN, which root of a container often lacks."""
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, calls.SO_SNDBUFFORCE, calls.HOLDS)
        except PermissionError:
            return False
    return True


def test_a_call_has_the_signals_of_a_new_process(tmp_path: Path) -> None:
    """Python ignores SIGPIPE, and what it begins would too: a pipe in a script would go on with nobody to read it."""
    (tmp_path / "ssh").write_text("cat /proc/$$/status\n")
    made = calls.call(str(tmp_path / "ssh"))
    with open(made.into) as said, open(made.out):
        ignored = next(line for line in said if line.startswith("SigIgn"))
    made.end(30)
    assert int(ignored.split()[1], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0


def test_a_call_that_does_not_end_is_killed(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("exec sleep 1000\n")
    made = calls.call(str(tmp_path / "ssh"))
    made.end(0.05)
    assert not Path(f"/proc/{made.pid}").exists()
    for descriptor in (made.into, made.out):
        os.close(descriptor)


ENDS = """
import signal, sys
from cockpit.fleet.image.streams import Stream
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
stream = Stream({"shell": sys.argv[1], "way": "pull", "sources": [], "targets": []}, 1)
stream.open()
stream.close()
"""


def test_a_stream_ends_also_where_ended_children_are_nobodys(tmp_path: Path) -> None:
    """SIGCHLD is ignored by what some services begin, and by all that those begin: their ssh was gone when it was waited for."""
    (tmp_path / "ssh").write_text("cat\n")
    done = subprocess.run(
        [sys.executable, "-c", ENDS, str(tmp_path / "ssh")], check=False, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
