"""All lanes of a journal in the order of time: nothing missing, nothing twice, however many pages, and while it grows."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from cockpit.journal import lanes
from cockpit.journal.envelope import Fact
from cockpit.journal.lanes import Lanes
from cockpit.journal.reader import Reader
from cockpit.journal.records import Output, Sample, Stream
from cockpit.journal.store import Batch, Store

STREAMS: list[tuple[str, int, Stream]] = [("a@s", 1, "out"), ("a@s", 1, "err"), ("b@t", 2, "note")]


def grown(store: Store, rng: random.Random, printed: Counter[tuple[str, int, str]], since: int, until: int) -> None:
    """Something of any lane in most seconds; what is printed is five bytes long."""
    for at in range(since, until):
        batch = Batch()
        if rng.random() < 0.3:
            batch.facts.append((float(at), "EngineStopped", '{"reason": "so"}', None, None, None))
        if rng.random() < 0.6:
            batch.samples.append((f"latency/s{rng.randrange(5)}", float(at), f'{{"ms": {at}}}'))
        if rng.random() < 0.4:
            task, n, stream = rng.choice(STREAMS)
            batch.outputs.append(Output(float(at), task, n, stream, 5 * printed[task, n, stream], b"%04d\n" % at))
            printed[task, n, stream] += 1
        store.commit(batch)


def test_all_lanes_come_in_the_order_of_time_and_go_on_where_they_ended(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal.db", random.Random(7)
    store = Store.open(path)
    whole = Lanes(Reader.open(path))
    assert list(whole.merged()) == []
    seen: list[Fact | Sample | Output] = []
    printed: Counter[tuple[str, int, str]] = Counter()
    for since in range(0, 1_500, 500):
        grown(store, rng, printed, since, since + 500)
        came = list(whole.merged())
        assert [row.at for row in came] == sorted(row.at for row in came)
        seen += came
    store.close()
    reader = Reader.open(path)
    facts = [row for row in seen if isinstance(row, Fact)]
    assert facts == reader.facts()
    samples = [row for row in seen if isinstance(row, Sample)]
    assert samples == sorted(
        (s for name in reader.series() for s in reader.samples(name, 0, 1_500)), key=lambda sample: sample.at,
    )
    assert len(samples) > 10 * lanes.SAMPLES, "several pages of each series"
    for task, n, stream in STREAMS:
        pieces = [row for row in seen if isinstance(row, Output) and (row.task, row.n, row.stream) == (task, n, stream)]
        assert len(pieces) > lanes.CHUNKS and [p.offset for p in pieces] == list(range(0, 5 * len(pieces), 5))
        assert b"".join(p.data for p in pieces) == b"".join(reader.attempt_output(task, n, stream))
    assert list(Lanes(reader).facts()) == facts
