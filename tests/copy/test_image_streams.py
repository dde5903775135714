"""The streams of a job: who has nothing more to do leaves the pace to the others."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from cockpit.fleet.image.streams import Stream, Streams


@pytest.fixture
def two() -> Iterator[Streams]:
    streams = Streams({"shell": None, "way": "local", "sources": [], "targets": [], "streams": 2})
    for stream in streams.all:
        stream.open()
    yield streams
    streams.close()


def test_who_has_nothing_more_to_do_takes_no_share_of_the_pace(two: Streams) -> None:
    """The last chunk of an image came at half the pace that was told."""
    together, threads, seen = threading.Barrier(2), dict[bool, threading.Thread](), list[int]()

    def work(_: Stream, lasts: bool) -> None:
        threads[lasts] = threading.current_thread()
        together.wait(30)
        if lasts:
            seen.append(two.running)
            together.wait(30)
            threads[False].join(30)
            seen.append(two.running)
        else:
            together.wait(30)

    todo: deque[tuple[Any, ...]] = deque([(True,), (False,)])
    two.share(todo, work)
    assert seen == [2, 1] and two.running == 0


def test_of_a_stream_that_fails_the_job_hears_and_the_pace_too(two: Streams) -> None:
    def work(_: Stream) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        two.share(deque([(), ()]), work)
    assert two.running == 0
