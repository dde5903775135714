"""Blocks that a pipe holds without a copy: they come as they were, however slowly they are taken and whatever is loaded next."""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.fleet.image import wire as module
from cockpit.fleet.image.blocks import BLOCK, CHUNK, Buffer
from cockpit.fleet.image.ends import HEAD, PIECE, send_blocks
from cockpit.fleet.image.faults import Broken
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.wire import BEAT_FRAME, LENDS, LENT, Wire
from cockpit.fleet.image.wire import HEAD as FRAME

SIZE = 2 * CHUNK


def sparse(path: Path, seed: int) -> bytes:
    """Runs of data and holes of every length between a page and some blocks."""
    rng, at = random.Random(seed), 0
    with path.open("wb") as file:
        while at < SIZE:
            run = min(rng.choice([4096, 16384, LENT, 3 * LENT, BLOCK // 2, BLOCK, 3 * BLOCK]), SIZE - at)
            file.seek(at)
            file.write(os.urandom(run))
            at += run + rng.choice([0, 4096, 5 * 4096, BLOCK])
        file.truncate(SIZE)
    return path.read_bytes()


class Reader(threading.Thread):
    """Takes what comes in pieces of any length, with a rest now and then, and puts the blocks where they belong."""

    def __init__(self, read: Callable[[int], bytes], seed: int) -> None:
        super().__init__(daemon=True)
        self._read, self._rng = read, random.Random(seed)
        self.found = bytearray(SIZE)
        self.start()

    def _take(self, length: int) -> bytes:
        taken = b""
        while len(taken) < length:
            if self._rng.random() < 0.02:
                time.sleep(0.003)
            more = self._read(min(length - len(taken), self._rng.choice([100, 5000, 40000, 1 << 20])))
            assert more, "it ended early"
            taken += more
        return taken

    def run(self) -> None:
        for chunk in range(0, SIZE, CHUNK):
            while True:
                letter, length = FRAME.unpack(self._take(FRAME.size))
                payload = self._take(length)
                if letter == b"E":
                    break
                n, count = HEAD.unpack_from(payload)
                at = HEAD.size + PIECE.size * count
                for start, long in PIECE.iter_unpack(payload[HEAD.size : at]):
                    self.found[chunk + n * BLOCK + start : chunk + n * BLOCK + start + long] = payload[at : at + long]
                    at += long


def piped() -> tuple[int, Callable[[int], bytes]]:
    into, out = os.pipe()
    return out, lambda length: os.read(into, length)


def socketed() -> tuple[int, Callable[[int], bytes]]:
    ours, its = socket.socketpair()
    return its.detach(), ours.recv


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("way", [piped, socketed])
def test_what_is_lent_comes_as_it_was(tmp_path: Path, way: Callable[[], tuple[int, Callable[[int], bytes]]], seed: int) -> None:
    path = tmp_path / "disk.img"
    data = sparse(path, seed)
    out, read = way()
    reader, wire = Reader(read, seed), Wire(os.pipe()[0], out)
    source = Source([os.fsencode(path)])
    for at in range(0, SIZE, CHUNK):
        send_blocks(wire, source.read(0, at, CHUNK, "sha256"))
    reader.join(60)
    wire.close()
    assert not reader.is_alive() and reader.found == data


def lent(wire: Wire, times: int) -> None:
    buffer = Buffer()
    for _ in range(times):
        wire.lend(b"B", b"", buffer.view[:LENT])


def test_so_many_may_be_lent_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    into, out = os.pipe()
    wire = Wire(os.pipe()[0], out)
    lent(wire, LENDS)
    with pytest.raises(Broken, match="nothing was taken for"):
        lent(wire, 1)
    os.read(into, 1 << 20)
    lent(wire, 1)
    wire.close()


def test_what_is_lent_is_taken_when_the_last_piece_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    into, out = os.pipe()
    wire, buffer = Wire(os.pipe()[0], out), Buffer()
    two = buffer.view[:LENT], buffer.view[LENT : 2 * LENT]
    for _ in range(LENDS):
        wire.lend(b"B", b"", *two)
    os.read(into, FRAME.size + LENT)  # of the oldest the first alone
    with pytest.raises(Broken, match="nothing was taken for"):
        wire.lend(b"B", b"", *two)
    wire.close()


def test_one_who_takes_nothing_is_waited_for_as_long_as_he_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.4)
    (into, out), (listening, theirs) = os.pipe(), os.pipe()
    wire = Wire(listening, out)
    beats = 8

    def living() -> None:
        for _ in range(beats):
            time.sleep(0.1)
            os.write(theirs, BEAT_FRAME)
        os.read(into, 1 << 20)

    threading.Thread(target=living, daemon=True).start()
    began = time.monotonic()
    lent(wire, LENDS + 1)
    assert time.monotonic() - began > 0.1 * beats
    for _ in range(beats):
        assert struct.unpack(">cI", wire.take(FRAME.size)) == (b".", 0), "a beat that came meanwhile is read later"
    wire.close()


def test_one_who_is_gone_is_not_waited_for() -> None:
    into, out = os.pipe()
    wire = Wire(os.pipe()[0], out)
    lent(wire, LENDS)
    threading.Timer(0.1, os.close, (into,)).start()
    began = time.monotonic()
    with pytest.raises(Broken):
        lent(wire, 1)
    assert time.monotonic() - began < 5
    wire.close()
