"""A writer killed with SIGKILL at random moments, again and again: no durable fact missing, no byte lost or doubled.

Four times here, twelve in tests/long/test_journal.py.
"""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from cockpit.journal.reader import Reader

POUNDING = Path(__file__).with_name("pounding.py")
TEXT = b"".join(b"line %06d of what the job printed\n" % i for i in range(60_000))


async def pound(path, kill_after):
    """Runs the writer and kills it after so many durable facts, plus a random moment; returns the last number it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(POUNDING), str(path), stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    last, seen = 0, 0
    while line := await process.stdout.readline():
        if line == b"finished\n":
            await process.wait()
            return last, True
        last, seen = int(line), seen + 1
        if seen == kill_after:
            await asyncio.sleep(random.uniform(0, 0.004))
            process.send_signal(signal.SIGKILL)
    await process.wait()
    return last, False


@pytest.mark.parametrize("wanted", [4])
async def test_sigkill_at_random_moments_loses_and_doubles_nothing(tmp_path, wanted):
    path, kills = tmp_path / "journal.db", 0
    for round_ in range(40):
        said, finished = await pound(path, random.randrange(1, 25) if round_ < wanted else 0)
        kills += not finished
        reader = Reader.open(path)
        facts = reader.facts()
        assert [f.seq for f in facts] == list(range(1, len(facts) + 1))
        assert len(facts) >= said  # what it was told is durable is there
        printed = b"".join(reader.attempt_output("a@s", 1))
        assert printed == TEXT[: len(printed)]
        assert reader.offsets("a@s", 1) == (len(printed), 0)
        assert len(printed) >= max((f.event.detail["offset"] for f in facts), default=0)  # they were committed together
        view = reader.log()
        assert [x.text for x in view.lines(0, view.count() + 1)] == printed.splitlines()
        reader.close()
        if finished:
            break
    assert finished and kills >= wanted and printed == TEXT
