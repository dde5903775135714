"""Where a program that was sent to a server begins: as the job, or as one end of a stream. Python 3.6 understands it."""

import os
import signal
import sys
from typing import Any

from cockpit.fleet.image.ends import serve
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.job import main
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.target import Target
from cockpit.fleet.image.wire import Wire


def start(spec: "dict[str, Any]") -> int:
    """Its exit code."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if spec["role"] == "job":
        return main(spec)
    paths = [bytes.fromhex(path) for path in spec["paths"]]
    end = Source(paths) if spec["role"] == "source" else Target(paths)
    out = os.dup(1)
    os.dup2(2, 1)  # nothing else may get between the frames
    try:
        serve(Wire(os.dup(0), out), end, str(spec["role"]), len(paths))
    except (Broken, Fault) as ended:
        sys.stderr.write("" if isinstance(ended, Broken) else "image: %s\n" % ended)
    return 0
