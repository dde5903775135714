"""Where a program that was sent to a server begins: as the job, or as one end of a stream. Python 3.6 understands it.

Each role is sent without the modules of the others (`bundle.PROGRAMS`), so it imports its own when it knows which it is.
"""

import os
import signal
import sys
from typing import Any

from cockpit.fleet.image.ends import serve
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.wire import Wire


def start(spec: "dict[str, Any]") -> int:
    """Its exit code."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if spec["role"] == "job":
        from cockpit.fleet.image.job import main

        return main(spec)
    paths = [bytes.fromhex(path) for path in spec["paths"]]
    end = _end(str(spec["role"]))(paths)
    out = os.dup(1)
    os.dup2(2, 1)  # nothing else may get between the frames
    try:
        serve(Wire(os.dup(0), out), end, str(spec["role"]), len(paths))
    except (Broken, Fault) as ended:
        sys.stderr.write("" if isinstance(ended, Broken) else "image: %s\n" % ended)
    return 0


def _end(role: str) -> Any:
    if role == "source":
        from cockpit.fleet.image.source import Source

        return Source
    from cockpit.fleet.image.target import Target

    return Target
