"""All checks in a row: ruff, mypy --strict, the import contract, pytest. Arguments go to pytest.

Exit code 0 only when every one of them is good. The servers' tests need root and a few tools: see `.ci/run`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

WORKERS = "4"  # on two cores: most of a test's time is a server's, a network's or a clock's
TOP = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # the tools stand beside the interpreter; Path.resolve would leave the venv


def checks(arguments: list[str]) -> dict[str, list[str]]:
    python = [sys.executable, "-m"]
    return {
        "ruff": [*python, "ruff", "check", "."],
        "mypy": [*python, "mypy"],
        "imports": [str(BIN / "lint-imports")],
        "pytest": [*python, "pytest", "-n", WORKERS, "--dist", "loadfile", *arguments],
    }


def main() -> int:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', '')}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each cockpit that a test starts would compile itself again
    verdicts = []
    for name, command in checks(sys.argv[1:]).items():
        print(f"== {name}", flush=True)
        began = time.monotonic()
        good = subprocess.run(command, cwd=TOP, env=environment, check=False).returncode == 0
        verdicts.append((name, good, time.monotonic() - began))
    print("== " + ", ".join(f"{name} {'ok' if good else 'FAILED'} ({took:.0f} s)" for name, good, took in verdicts))
    return 0 if all(good for _, good, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
