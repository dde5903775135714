"""Chunks, blocks and pieces: the grid over an image, what is only zeros, and digests by the fastest hash there is.

Runs on the servers (Python 3.6). A chunk is what a receipt answers for; a block is what is hashed and, in a second pass,
moved; a stretch is the blocks that go together, in one page of memory, since each step costs as much for one as for two; a
piece is a run of data in a stretch, between holes. A block of zeros has the digest ZERO whether it is a hole or written:
holes need no hashing. Knows no file and no stream.
"""

import ctypes
import hashlib
import mmap
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

CHUNK = 1 << 24  # 16 MiB: what is synced at once, while the other streams go on; of 32 a dense image took a tenth longer
BLOCK = 1 << 20
STRETCH = 1 << 21  # a page of memory in one piece: of 512 small ones a disk takes it in many turns
SECTOR = 4096  # what O_DIRECT is aligned to; a multiple of every disk's own
DIGEST = 16  # bytes
ZERO = bytes(DIGEST)
TRIAL, TRIED = 0.0005, 1 << 18  # seconds for each hash, and bytes at a time: a copy waits for it
TRIES = 2
STRONG = ("sha256", "blake2b", "sha512")
XXH = "xxh3-128"

MADV_HUGEPAGE, MADV_DONTFORK = 14, 10  # those of mmap are 3.8's

_ZEROS = mmap.mmap(-1, BLOCK)
_AT_ZEROS = ctypes.addressof(ctypes.c_char.from_buffer(_ZEROS))


class _Two(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def _library(name: str, function: str) -> Any:
    try:
        return getattr(ctypes.CDLL(name), function)
    except (OSError, AttributeError):
        return None


_memcmp = ctypes.PyDLL(None).memcmp  # it is over at the first byte of most blocks: no turn for another thread
_memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
_madvise = ctypes.CDLL(None).madvise
_madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_xxh = _library("libxxhash.so.0", "XXH3_128bits")  # from 0.8 on; rsync brings it to most servers
if _xxh is not None:
    _xxh.restype, _xxh.argtypes = _Two, [ctypes.c_void_p, ctypes.c_size_t]


class Buffer:
    """Memory for one stretch, aligned for O_DIRECT, and in one piece where the system has one. digests: of the blocks that have
    come into it, where they are known already."""

    def __init__(self) -> None:
        self.digests = None  # type: list[bytes] | None
        memory = mmap.mmap(-1, 2 * STRETCH, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared memory never has huge pages
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        begin = -address % STRETCH
        self.address, self.view = address + begin, memoryview(memory)[begin : begin + STRETCH]
        _madvise(self.address, STRETCH, MADV_HUGEPAGE)  # refused: the same memory in small pieces
        # A stream that is made again forks: of memory that both have, the disk could read into the wrong one (open(2), O_DIRECT).
        _madvise(self.address, STRETCH, MADV_DONTFORK)

    def zeros(self, length: int, start: int = 0) -> bool:
        """Whether so many bytes, a block at most, from `start` on are zeros: without a copy, and at once where they are not."""
        return not _memcmp(self.address + start, _AT_ZEROS, length)

    def clear(self, start: int = 0, length: int = STRETCH) -> None:
        ctypes.memset(self.address + start, 0, length)


Hasher = Callable[[Buffer, int, int], bytes]
Facts = Dict[str, Any]  # what can be told in JSON
Pieces = List[Tuple[int, int]]  # (start, length) of each
Found = Iterator[Tuple[int, Any, Any]]
"""(number of its first block, its pieces, Buffer) for each stretch that holds anything but zeros; at last (-1, [], the digests
of all blocks)."""


def hashes() -> "dict[str, float]":
    """Each hash that this Python has -> how fast it is here, in bytes per second, tried for a moment."""
    found = {}  # type: Dict[str, float]
    buffer = Buffer()
    for name in (XXH,) + STRONG:
        try:
            one = hasher(name)
        except ValueError:
            continue
        began, best, count = time.perf_counter(), 0.0, 0
        while time.perf_counter() - began < TRIAL or count < TRIES:
            at = time.perf_counter()
            one(buffer, TRIED, 0)
            best = max(best, TRIED / (time.perf_counter() - at))  # the best: others use the processor too
            count += 1
        found[name] = best
    return found


def agree(ours: "dict[str, float]", theirs: "dict[str, float]") -> "list[str]":
    """The hashes that both ends have, the one first that is fastest where it is slowest."""
    both = {name: min(speed, theirs[name]) for name, speed in ours.items() if name in theirs}
    return sorted(both, key=lambda name: -both[name])


def hasher(name: str) -> "Hasher":
    """A function (Buffer, length, start) -> DIGEST bytes, never ZERO. ValueError: this Python has no such hash."""
    if name == XXH:
        if _xxh is None:
            raise ValueError(name)
        return _fast
    if name not in STRONG:
        raise ValueError(name)
    make = getattr(hashlib, name)
    make(b"")  # some systems forbid some
    return lambda buffer, length, start: make(buffer.view[start : start + length]).digest()[:DIGEST]


def _fast(buffer: Buffer, length: int, start: int) -> bytes:
    two = _xxh(buffer.address + start, length)
    return bytes(two.low.to_bytes(8, "little") + two.high.to_bytes(8, "little"))


def digest(one: "Hasher", buffer: Buffer, length: int, start: int) -> bytes:
    """Of a block: ZERO when it holds nothing but zeros."""
    return ZERO if buffer.zeros(length, start) else one(buffer, length, start)


def digests(one: "Hasher", buffer: Buffer, length: int) -> "list[bytes]":
    """Of each block of a stretch that is `length` long."""
    return [digest(one, buffer, long, start) for start, long in blocks(length)]


def whole(digests: bytes, length: int) -> bytes:
    """One digest over those of the parts: of a chunk over its blocks', of an image over its chunks'."""
    return hashlib.sha256(b"%d:" % length + digests).digest()[:DIGEST]


def blocks(length: int) -> "list[tuple[int, int]]":
    """(start, length) of each block of a chunk or a stretch that is `length` long."""
    return [(at, min(BLOCK, length - at)) for at in range(0, length, BLOCK)]


def stretches(length: int) -> "list[tuple[int, int, int]]":
    """(number of its first block, start, length) of each stretch of a chunk that is `length` long."""
    return [(at // BLOCK, at, min(STRETCH, length - at)) for at in range(0, length, STRETCH)]


def chunks(size: int) -> "list[tuple[int, int]]":
    """(offset, length) of each chunk of an image."""
    return [(at, min(CHUNK, size - at)) for at in range(0, size, CHUNK)]


def empty(length: int) -> bytes:
    """The digest of a chunk that is nothing but zeros."""
    return whole(ZERO * len(blocks(length)), length)


def between(held: Pieces, length: int) -> "Iterator[tuple[int, int]]":
    """(start, length) of what is beside these pieces of a block or a stretch, some of it nothing."""
    at = 0
    for start, long in held + [(length, 0)]:
        yield at, start - at
        at = start + long


def pieces(runs: "list[tuple[int, int]]", start: int, length: int) -> Pieces:
    """(start in it, length) of those parts of `runs` that lie in the block or stretch at `start`."""
    cut = ((max(begin, start), min(end, start + length)) for begin, end in runs)
    return [(begin - start, end - begin) for begin, end in cut if begin < end]


def joined(held: Pieces) -> Pieces:
    """The same pieces, those that touch as one."""
    found = []  # type: Pieces
    for start, long in held:
        if found and sum(found[-1]) == start:
            found[-1] = (found[-1][0], found[-1][1] + long)
        else:
            found.append((start, long))
    return found
