"""What the ssh to the other end of a stream brings: whole, by a socket that holds as much as a pipe, or by a pipe."""

from __future__ import annotations

import os
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
print(stat.S_ISSOCK(os.fstat(made.into).st_mode), found == bytes(3000000) + b"asked", os.waitpid(made.pid, 0)[1])
"""


@pytest.mark.parametrize("user, socket", [(None, True), (NOBODY, False)])
def test_what_a_login_brings_is_read_whole_by_whoever_may_have_a_large_socket_or_not(
    user: int | None, socket: bool
) -> None:
    """A socket of the size that everyone may have holds a fifth of a pipe's: a dense image took a tenth longer through one."""
    program = Path(calls.__file__).read_text() + "\nimport stat, sys\n" + READS
    with tempfile.NamedTemporaryFile("w") as shell:
        shell.write(BRINGS)
        shell.flush()
        os.chmod(shell.name, 0o644)
        words = ["/usr/bin/python3", "-I", "-c", program, shell.name]
        done = subprocess.run(words, check=False, capture_output=True, text=True, user=user, cwd="/", timeout=60)
    assert done.stdout.split() == [str(socket), "True", "0"], done.stderr


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
