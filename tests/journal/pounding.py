"""Run by test_crash.py in a process of its own, to be killed: writes facts and output, and says what is durable.

Output is a known text; it goes on where the journal says that it ended. Each durable fact's number goes to stdout.
"""

import asyncio
import sys
import time
from pathlib import Path

from cockpit.journal import events as e
from cockpit.journal.reader import Reader
from cockpit.journal.writer import Output, Sample, Writer

TEXT = b"".join(b"line %06d of what the job printed\n" % i for i in range(60_000))


async def main(path: Path) -> None:
    writer = Writer.open(path)
    offset, _ = Reader.open(path).offsets("a@s", 1)
    while offset < len(TEXT):
        piece = TEXT[offset : offset + 997]
        await writer.output(Output(time.time(), "a@s", 1, "out", offset, piece))
        writer.sample(Sample(time.time(), "transfer/a@s", {"bytes_done": offset}))
        if offset // 997 % 5 == 0:
            [fact] = await writer.append(e.AttemptNoted("a@s", 1, {"offset": offset}))
            print(fact.seq, flush=True)
        offset += len(piece)
    await writer.close()
    print("finished", flush=True)


asyncio.run(main(Path(sys.argv[1])))
