"""`python -m tests.bench [--rounds N] [fleet attach keys idle journal eta data]`: a table; exit 1 where a bound is missed."""

from __future__ import annotations

import argparse
import os
import sys

from tests.bench import data, eta, fleet, journal, screen
from tests.bench.measure import table

BENCHES = {"fleet": fleet.run, "attach": screen.attach, "keys": screen.keys, "idle": screen.idle,
           "journal": journal.run, "eta": eta.run, "data": data.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help="which (all)", metavar="bench")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each start compiles cockpit again; an installed one is
    rows = []
    for name in chosen.names or BENCHES:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += BENCHES[name](chosen.rounds)
    print(table(list(dict.fromkeys(rows))))  # a version that two benches tell stands there once
    return 1 if any(row.good is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
