"""What the ssh to the other end of a stream brings: whole, by a socket that holds as much as a pipe, or by a pipe."""

from __future__ import annotations

import os
import subprocess
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
