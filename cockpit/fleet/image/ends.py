"""The two ends of a stream: a source or a target here, or one at the other end of a wire, asked in the same words.

Runs on the servers (Python 3.6). What may be asked over the wire is checked here: known verbs, numbers within bounds. No
path ever comes over the wire: each end has its own from its command line.
"""

import json
import queue
import struct
import threading
from collections import deque
from typing import Any, Callable

from cockpit.fleet.image.blocks import CHUNK, STRETCH, STRONG, XXH, Buffer, Found, Hasher, Pieces, digests, hasher, stretches
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.wire import Wire

HEAD = struct.Struct(">HH")  # the number of a stretch's first block, and how many pieces it has
PIECE = struct.Struct(">II")
VERBS = {
    "source": {"hello", "look", "map", "read", "digest", "holes"},
    "target": {"hello", "job", "prepare", "map", "take", "receipt", "digest", "flush", "settle", "finish"},
}
LARGEST = 1 << 50  # bytes of an image: a map has a byte of memory for each of its chunks
Queue = getattr(queue, "SimpleQueue", queue.Queue)  # from 3.7 on; in the other each block has a dozen turns of two threads
AHEAD = 4  # stretches of a stream that have come and are not yet written
BYTES = "hex:"  # how bytes stand in JSON


def pack(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return BYTES + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [pack(each) for each in value]
    return value


def unpack(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(BYTES):
        return bytes.fromhex(value[len(BYTES) :])
    if isinstance(value, list):
        return [unpack(each) for each in value]
    return value


def send_blocks(wire: Wire, found: Found) -> None:
    """What `Source.read` yields, over the wire."""
    for n, held, buffer in found:
        if n < 0:
            wire.send(b"E", buffer)
            return
        head = HEAD.pack(n, len(held)) + b"".join(PIECE.pack(*piece) for piece in held)
        wire.lend(b"B", head, *[buffer.view[start : start + length] for start, length in held])


class Arrivals:
    """What `Source.read` yields, from the wire, taken by a thread of its own while what came before is written, and
    into the next chunk where that was asked for already. ssh pays dearly for what nobody takes: it moves its whole backlog into
    a larger piece of memory each time some more comes. Its memory is made while the login still takes its time: what a virtual
    machine has not used before costs 3 ms for each MiB."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._asked = Queue()  # type: queue.Queue[tuple[int, str] | None]
        self._free, self._come = Queue(), Queue()  # type: queue.Queue[Buffer | None], queue.Queue[Any]
        thread = threading.Thread(target=self._fetch)
        thread.daemon = True
        thread.start()

    def expect(self, length: int, name: str) -> None:
        """One more chunk was asked for, so long and hashed by that. Until all that was has come, nothing else may be read from
        the wire."""
        self._wire.taken += 1
        self._asked.put((length, name))

    def blocks(self) -> Found:
        """Of the chunk that was expected first. Broken, Fault."""
        while True:
            one = self._come.get()
            if isinstance(one, Exception):
                raise one
            if one[0] < 0:
                self._wire.taken -= 1
            yield one
            if one[0] < 0:
                return
            self._free.put(one[2])

    def close(self) -> None:
        self._asked.put(None)
        self._free.put(None)  # where what came is wanted no more

    def _fetch(self) -> None:
        try:
            for _ in range(AHEAD):
                buffer = Buffer()
                buffer.clear()
                self._free.put(buffer)
            for length, name in iter(self._asked.get, None):
                one, left = hasher(name), deque((n, size) for n, _, size in stretches(length))
                while self._one(one, left):
                    pass
        except Exception as problem:  # whoever waits for blocks must hear of it
            self._come.put(problem)

    def _one(self, one: Hasher, left: "deque[tuple[int, int]]") -> bool:
        """Whether more of this chunk comes. left: (first block, length) of each stretch that may still come."""
        letter, length = self._wire.head()
        if letter == b"E":
            self._come.put((-1, [], self._wire.take(length)))
            return False
        if letter != b"B":
            _answer(letter, self._wire.take(length))
            raise Broken("something else came than blocks")
        buffer = self._free.get()
        if buffer is None:
            raise Broken("the stream was closed")
        n, held, size = self._announced(left)
        if held != [(0, STRETCH)]:
            buffer.clear()
        for start, long in held:
            self._wire.fill(buffer.view[start : start + long])
        buffer.digests = digests(one, buffer, size)  # while the processor has it at hand
        self._come.put((n, held, buffer))
        return True

    def _announced(self, left: "deque[tuple[int, int]]") -> "tuple[int, Pieces, int]":
        """The stretch that comes, its pieces and its length: each after the one before, and within what was asked for."""
        n, count = HEAD.unpack(self._wire.take(HEAD.size))
        packed, at = self._wire.take(PIECE.size * count), 0
        held = [PIECE.unpack_from(packed, PIECE.size * each) for each in range(count)]
        while left and left[0][0] < n:
            left.popleft()
        if not left or left[0][0] != n:
            raise Broken("what came is not what was asked for")
        size = left.popleft()[1]
        for start, long in held:
            if not at <= start < start + long <= size:
                raise Broken("what came is not what was asked for")
            at = start + long
        return n, held, size


def _answer(letter: bytes, payload: bytes) -> Any:
    try:
        found = json.loads(payload.decode())
        if letter == b"X":
            raise Fault(found["kind"], found["text"])
        return unpack(found)
    except (ValueError, TypeError, KeyError):
        raise Broken("what came over the stream is no answer") from None


class Here:
    """A source or a target of this process."""

    waits = False

    def __init__(self, end: Any) -> None:
        self.end = end

    def later(self, verb: str, *args: Any) -> "Callable[[], Any]":
        """A function that gives the answer."""
        return lambda: getattr(self.end, verb)(*args)

    def call(self, verb: str, *args: Any) -> Any:
        return getattr(self.end, verb)(*args)

    def close(self) -> None:
        self.end.close()

    def ahead(self, *args: Any) -> None:
        """Nothing to wait for: it reads when it is asked."""

    def read(self, *args: Any) -> Any:
        return self.end.read(*args)

    def take(self, *args: Any) -> Any:
        return self.end.take(*args)


class There:
    """One at the other end of the wire. Raises Broken, and the Faults that it tells."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def close(self) -> None:
        self.wire.close()

    def later(self, verb: str, *args: Any) -> "Callable[[], Any]":
        """Asked at once; a function that waits for the answer. One question at a time."""
        self._ask(verb, args)
        return lambda: _answer(*self.wire.receive())

    def call(self, verb: str, *args: Any) -> Any:
        return self.later(verb, *args)()

    def _ask(self, verb: str, args: "tuple[Any, ...]") -> None:
        self.wire.send(b"Q", json.dumps([verb, pack(args)]).encode())


class FarSource(There):
    def __init__(self, wire: Wire) -> None:
        There.__init__(self, wire)
        self._arrivals = Arrivals(wire)
        self._ahead = None  # type: tuple[Any, ...] | None

    def close(self) -> None:
        self._arrivals.close()
        There.close(self)

    @property
    def waits(self) -> bool:
        """Whether a chunk was asked for that nobody has begun to read."""
        return self._ahead is not None

    def ahead(self, *args: Any) -> None:
        """Ask for a chunk while the one before it still comes, so that the other end and the way there have no rest. `read`
        takes it; any other question throws it away first."""
        if self._ahead is None:
            There._ask(self, "read", args)
            self._arrivals.expect(*args[2:4])
            self._ahead = args

    def read(self, *args: Any) -> Any:
        if self._ahead != args:
            self._ask("read", args)
            self._arrivals.expect(*args[2:4])
        self._ahead = None
        return self._arrivals.blocks()

    def _ask(self, verb: str, args: "tuple[Any, ...]") -> None:
        if self._ahead is not None:
            self._ahead = None
            for _ in self._arrivals.blocks():
                pass
        There._ask(self, verb, args)


class FarTarget(There):
    def take(self, *args: Any) -> Any:
        self._ask("take", args[:-1])
        try:
            send_blocks(self.wire, args[-1])
        except Broken:
            _answer(*self.wire.receive())  # it may have said why it left before what we were sending was taken
            raise
        return _answer(*self.wire.receive())


def serve(wire: Wire, end: Any, role: str, files: int) -> None:
    """Answer until the stream ends. role: source or target; files: how many there are. Raises Broken at the end."""
    arrivals = Arrivals(wire) if role == "target" else None
    while True:
        letter, payload = wire.receive()
        try:
            verb, args = _checked(letter, payload, role, files)
            if verb == "read":
                send_blocks(wire, end.read(*args))
                continue
            if verb == "take" and arrivals is not None:
                arrivals.expect(*args[2:4])
                args = args + [arrivals.blocks()]
            answer = getattr(end, verb)(*args)
        except Fault as fault:
            wire.send(b"X", json.dumps({"kind": fault.kind, "text": fault.text}).encode())
            if letter == b"Q":
                raise
            continue
        wire.send(b"A", json.dumps(pack(answer)).encode())


def _checked(letter: bytes, payload: bytes, role: str, files: int) -> "tuple[str, list[Any]]":
    """The question, if it is one that may be asked. Fault."""
    try:
        verb, args = unpack(json.loads(payload.decode()))
        if letter != b"Q" or verb not in VERBS[role] or not isinstance(args, list):
            raise ValueError(verb)
        if verb not in ("hello", "job", "flush"):
            _check_numbers(verb, args, files)
    except (ValueError, TypeError, IndexError) as odd:
        raise Fault("refused", "the other end asked for what it may not: %s" % odd) from None
    return verb, args


def _check_numbers(verb: str, args: "list[Any]", files: int) -> None:
    i = args[0]
    if not isinstance(i, int) or not 0 <= i < files:
        raise ValueError("file %r" % (i,))
    if verb == "map" and not (isinstance(args[1], int) and 0 <= args[1] <= LARGEST):
        raise ValueError("%r bytes" % (args[1],))
    if verb in ("read", "digest", "holes", "take", "receipt"):
        offset, length = args[1:3]
        if not isinstance(offset, int) or not isinstance(length, int) or offset < 0 or offset % CHUNK or not 0 < length <= CHUNK:
            raise ValueError("%r bytes at %r" % (length, offset))
    if verb in ("read", "digest", "take") and args[3] not in STRONG + (XXH,):
        raise ValueError("hash %r" % (args[3],))
