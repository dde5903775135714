"""The lanes of a journal from their beginning, a page at a time: the facts, or all of them merged in the order of time.

However long the night was, no more than a page of each lane and series is held. Knows no meaning of what it gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from math import inf
from operator import attrgetter

from cockpit.journal.events import Fact
from cockpit.journal.reader import Reader
from cockpit.journal.records import Output, Sample

FACTS, SAMPLES, CHUNKS = 5_000, 50, 16  # of a page: there may be a thousand series, and a chunk may have 256 KiB


class Lanes:
    """What is read once is not given again: of a journal that grows, each call goes on where the last one came to its end."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seq = self._chunk = 0
        self._sampled: dict[str, float] = {}  # series -> time of the newest sample that was given

    def facts(self) -> Iterator[Fact]:
        while page := self._reader.facts(self._seq, limit=FACTS):
            for fact in page:
                self._seq = fact.seq
                yield fact

    def merged(self) -> Iterator[Fact | Sample | Output]:
        """What of all lanes came since the last call, in the order of time; at one time a fact comes first."""
        samples = map(self._samples, self._reader.series())
        return merge(self.facts(), *samples, self._outputs(), key=attrgetter("at"))

    def _samples(self, series: str) -> Iterator[Sample]:
        while page := self._reader.samples_after(series, self._sampled.get(series, -inf), SAMPLES):
            for sample in page:
                self._sampled[series] = sample.at
                yield sample

    def _outputs(self) -> Iterator[Output]:
        while page := self._reader.outputs(self._chunk, CHUNKS):
            for self._chunk, output in page:
                yield output
