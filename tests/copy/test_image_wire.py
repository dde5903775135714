"""One end of a stream: what it does when it is closed under who reads it, and when what comes is nothing that it knows."""

from __future__ import annotations

import os
import threading

import pytest

from cockpit.fleet.image.ends import There
from cockpit.fleet.image.faults import Broken
from cockpit.fleet.image.wire import HEAD, PATIENCE, Wire


def test_who_reads_a_stream_that_is_closed_takes_no_byte_of_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one's descriptors have the same numbers: of two streams that broke at once, one read what the other was sent."""
    closed = Wire(*os.pipe())
    number, read, following = closed.into, os.readv, list[int]()

    def meanwhile() -> None:
        closed.close()
        following.extend(os.pipe())
        os.write(following[1], b"others'")

    other = threading.Thread(target=meanwhile)

    def readv(descriptor: int, views: list[memoryview]) -> int:
        monkeypatch.undo()
        other.start()
        other.join(0.5)  # until it has closed and opened: or, as it must, waits for this read
        return read(descriptor, views)

    monkeypatch.setattr(os, "readv", readv)
    with pytest.raises(Broken):
        closed.fill(memoryview(bytearray(7)))
    other.join()
    assert following[0] == number, "the test's own: it stands where the other stood"
    assert os.read(number, 7) == b"others'"
    for each in following:
        os.close(each)


NO_ANSWERS = [b"no JSON", b"\xff", b'"hex:no"', b"["]


@pytest.mark.parametrize("letter, payload", [(b"X", b"[]"), *((letter, each) for letter in (b"A", b"X") for each in NO_ANSWERS)])
def test_what_is_no_answer_is_a_broken_stream_and_tried_again(letter: bytes, payload: bytes) -> None:
    into, there = os.pipe()
    here, out = os.pipe()
    far = There(Wire(into, out))
    os.write(there, HEAD.pack(letter, len(payload)) + payload)
    with pytest.raises(Broken):
        far.call("hello")
    far.close()
    for each in (there, here):
        os.close(each)


def test_who_waits_at_a_stream_that_is_closed_does_not_wait_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number was another pipe's by then, at which nothing came: half a minute of each stream that broke."""
    into, theirs = os.pipe()
    closed, waits, said = Wire(into, os.pipe()[1]), threading.Event(), list[str]()
    until = closed._until_readable
    monkeypatch.setattr(closed, "_until_readable", lambda: (waits.set(), until()))

    def read() -> None:
        with pytest.raises(Broken) as broken:
            closed.fill(memoryview(bytearray(7)))
        said.append(str(broken.value))

    reader = threading.Thread(target=read)
    reader.start()
    waits.wait(30)
    closed.close()
    following = os.pipe()
    reader.join(PATIENCE / 3)
    assert said == ["the stream was closed"] and following[0] == into
    for each in (theirs, *following):
        os.close(each)
