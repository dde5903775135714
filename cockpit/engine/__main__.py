"""`python -m cockpit.engine SESSION-DIRECTORY`: the detached engine. Secrets come as JSON on standard input, never in argv."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import sys
from pathlib import Path

from cockpit.engine.start import run_engine
from cockpit.garbage import seldom
from cockpit.journal.lease import SessionDir, SessionProblem
from cockpit.journal.schema import JournalProblem


def main() -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal must not end the night
    secrets = json.loads(sys.stdin.buffer.read() or b"{}")
    gc.freeze()  # what was imported stays: looked through at each collection, it would cost more than all that comes
    seldom()
    try:
        asyncio.run(run_engine(SessionDir(Path(sys.argv[1])), secrets, take_over="--take-over" in sys.argv[2:]))
    except (SessionProblem, JournalProblem) as refused:
        print(refused, file=sys.stderr)
        return 2
    except Exception as error:
        logging.getLogger(__name__).exception("the engine ended: %s", error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
