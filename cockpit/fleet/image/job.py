"""The job that moves images: asks a source and a target, one of them at the other end of SSH streams, chunk by chunk.

Runs on the servers (Python 3.6). Its order: what there is, what is missing, the chunks over all streams, the disks in sync,
the proof. A stream that breaks is made again; what a receipt stands for is not moved again. Says done of nothing unproven.

What a receipt says of the source is known to be so still by the source's size, inode and time of writing. A device has no
time of writing, and of an image that was done before nobody knows what was done to either end since: there the proof reads
the source too, and moves what is another now. So resuming reads receipts, not data, and believes none that it can't check.
"""

import os
import sys
import time
from collections import deque
from typing import Callable, Deque, Tuple

from cockpit.fleet.image.blocks import CHUNK, DIGEST, Facts, Found, agree, chunks, empty, whole
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.streams import Stream, Streams
from cockpit.fleet.image.target import SAME
from cockpit.fleet.image.telling import Pace, Telling, fact

BROKEN, FAILED = 75, 1  # exit codes
LOOK = 5.0  # seconds between two looks at whether a source is still the same


class Image:
    """One file of the job. hashed by `name`; `digests`: chunk number -> hex; state as `Target.prepare` says. fresh: numbers of
    the chunks that this job has read at the source; the other digests are an earlier job's."""

    def __init__(self, i: int, look: Facts, plan: Facts) -> None:
        self.i, self.look = i, look
        self.size = look["size"]
        self.state, self.name = plan["state"], plan["hash"]
        self.digests = dict(plan["chunks"])
        self.fresh = set()  # type: set[int]
        self.seen = time.monotonic()

    def read(self, k: int, digest: str) -> None:
        self.digests[k] = digest
        self.fresh.add(k)

    def digest(self, k: int, length: int) -> str:
        return self.digests.get(k) or empty(length).hex()

    def whole(self) -> str:
        parts = [self.digest(at // CHUNK, length) for at, length in chunks(self.size)]
        return whole(bytes.fromhex("".join(parts)), self.size).hex()


Chunk = Tuple[Image, int, int]  # which, offset, length


class Job:
    """`spec` as `bundle.job` words it."""

    def __init__(self, spec: Facts) -> None:
        self.live = spec["live"]
        self.sources = [os.fsdecode(bytes.fromhex(path)) for path in spec["sources"]]
        self.targets = [os.fsdecode(bytes.fromhex(path)) for path in spec["targets"]]
        self.streams = Streams(spec)
        self.telling = Telling(spec["sizes"])
        self.pace = Pace(lambda: self.streams.running)
        self.images = []  # type: list[Image]
        self.names = []  # type: list[str]
        self.bad = set()  # type: set[tuple[int, int]]
        self.seconds = {}  # type: dict[str, float]

    def run(self) -> None:
        """Fault, Broken."""
        self._phase("copy", self._copy)
        self._phase("sync", self._settle)
        self._phase("verify", self._prove)
        fact("report", {
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()}, "moved": self.telling.moved,
            "streams": sum(stream.opened for stream in self.streams.all),
            "unchanged": sum(not self._touched(image) for image in self.images),
            "hashes": sorted({image.name for image in self.images}), "again": len(self.bad),
            "images": [[image.size, image.whole()] for image in self.images],
        })  # fmt: skip

    def _phase(self, name: str, work: "Callable[[], None]") -> None:
        began = time.monotonic()
        self.telling.phase(name)
        work()
        self.seconds[name] = time.monotonic() - began

    # --- copy

    def _copy(self) -> None:
        self.streams.one(self._begin)
        self.streams.answered()
        todo = deque()  # type: deque[Chunk]
        for i in range(len(self.sources)):
            self.streams.one(self._look, i, todo)
        self.streams.share(todo, self._chunk, self._ahead)
        self.streams.flush()
        for image in self.images:
            self.telling.done(image.i, self.telling.left[image.i])

    def _begin(self, stream: Stream) -> None:
        ours, theirs = stream.both(("hello",), ("hello",))
        self.names = agree(ours, theirs)
        if not self.names:
            raise Fault("other", "the two servers have no hash in common")

    def _look(self, stream: Stream, i: int, todo: "Deque[Chunk]") -> None:
        """What of this file is to be moved."""
        look = stream.source.call("look", i)
        image = Image(i, look, stream.target.call("prepare", i, look, self.names))
        del self.images[i:]
        self.images.append(image)
        if image.state == "done":
            return
        held, there = stream.both(("map", i, image.size), ("map", i, image.size))
        for at, length in chunks(image.size):
            k = at // CHUNK
            if k in image.digests or not (held[k] or image.state == "clean" or (image.state == "compare" and there[k])):
                self.telling.done(i, length)
            else:
                todo.append((image, at, length))

    def _ahead(self, stream: Stream, image: Image, at: int, length: int) -> None:
        """This chunk comes next, without a question before it: not where it must be compared, or its source looked at."""
        if image.state != "compare" and (self.live or time.monotonic() - image.seen < LOOK):
            stream.source.ahead(image.i, at, length, image.name, None)

    def _chunk(self, stream: Stream, image: Image, at: int, length: int) -> None:
        if not stream.source.waits:
            self._still(stream, image)
        wanted, theirs = None, b""  # type: bytes | None, bytes
        if image.state == "compare":
            wanted, theirs = self._differing(stream, image, at, length)
            if not any(wanted):
                image.read(at // CHUNK, stream.target.call("receipt", image.i, at, length, theirs))
                self.telling.done(image.i, length)
                return
        for _ in range(2):
            if self._move(stream, image, at, length, image.state != "write", wanted, theirs):
                return
            self.bad.add((image.i, at))
        raise Fault("infrastructure", self._twice(image, at, "came over the network as something else than was sent"))

    def _differing(self, stream: Stream, image: Image, at: int, length: int) -> "tuple[bytes, bytes]":
        asked = ("digest", image.i, at, length, image.name)
        theirs, ours = stream.both(asked, asked + (False,))
        return _unequal(theirs, ours), theirs

    def _move(
        self, stream: Stream, image: Image, at: int, length: int, clean: bool, wanted: "bytes | None", rest: bytes
    ) -> bool:
        counted = [0]
        asked = (image.i, at, length, image.name)
        try:
            blocks = stream.source.read(*asked + (wanted,))
            stream.ahead()
            found = self._counted(blocks, image.i, counted)
            text, _ = stream.target.take(*asked + (clean, wanted, rest, found))
        finally:
            self.telling.done(image.i, -counted[0])
        if text:
            image.read(at // CHUNK, text)
            self.telling.done(image.i, length)
        return bool(text)

    def _counted(self, found: Found, i: int, counted: "list[int]") -> Found:
        """The same blocks, at the pace that was told."""
        for n, held, buffer in found:
            moved = sum(length for _, length in held)
            self.pace.wait(moved, self.streams.stop)
            yield n, held, buffer
            counted[0] += moved
            self.telling.carried(moved)
            self.telling.done(i, moved)

    # --- sync and proof

    def _settle(self) -> None:
        for image in self.images:
            if image.state != "done":
                self.streams.one(self._sync, image)

    def _sync(self, stream: Stream, image: Image) -> None:
        stream.target.call("settle", image.i, image.size)

    def _prove(self) -> None:
        """All of it, whatever an earlier process proved: nobody knows what was done to the target since. Of a source in use
        nothing can be proven, and what an earlier pass finished is left as it is."""
        todo = deque()  # type: deque[Chunk]
        for image in self.images:
            for at, length in chunks(image.size):
                if image.state == "done" and self.live:
                    self.telling.proof(length)
                else:
                    todo.append((image, at, length))
        self.streams.share(todo, self._proof)
        self.streams.flush()
        for image in self.images:
            self.streams.one(self._finish, image)
            self.telling.file()

    def _proof(self, stream: Stream, image: Image, at: int, length: int) -> None:
        """The chunk as it is on the disk, against what the source said it is; and that the source still says so."""
        self.pace.wait(0, self.streams.stop)
        self._still(stream, image)
        device = image.look["device"]
        doubted = (device or image.state == "done") and not self.live
        holes, asked = ("holes", image.i, at, length), ("digest", image.i, at, length, image.name)
        said, there = stream.both(asked if doubted else holes, asked + (True,))
        wrong = (not device and stream.source.call(*holes)) if doubted else said  # a device is read whole: it tells of no holes
        if wrong and not self.live:
            raise Fault("io", "the source %s holds data where its file system tells of a hole" % self._source(image))
        if doubted and whole(said, length).hex() != image.digest(at // CHUNK, length):
            self._renew(stream, image, at, length, said, there)
            self._proof(stream, image, at, length)
            return
        if whole(there, length).hex() != image.digest(at // CHUNK, length):
            self._repair(stream, image, at, length)
        self.telling.proof(length)

    def _renew(self, stream: Stream, image: Image, at: int, length: int, said: bytes, there: bytes) -> None:
        """The source is not what was read there: by this job, and it was not at rest; by an earlier one, and this is news."""
        if at // CHUNK in image.fresh:
            raise self._changed(image, "was written to")
        self.bad.add((image.i, at))
        words = "image: %s is at %d not what it was when that was copied before: moved again\n"
        sys.stderr.write(words % (self._source(image), at))
        if not self._move(stream, image, at, length, True, _unequal(said, there), there):
            raise Fault("infrastructure", self._twice(image, at, "came over the network as something else than was sent"))
        self.telling.done(image.i, -length)

    def _repair(self, stream: Stream, image: Image, at: int, length: int) -> None:
        """What lies there is not what came: once more, and a second time is no accident."""
        now = stream.source.call("digest", image.i, at, length, image.name)
        if whole(now, length).hex() != image.digest(at // CHUNK, length) and not self.live:
            raise self._changed(image, "was rewritten")
        self.bad.add((image.i, at))
        sys.stderr.write("image: %s at %d is not on the disk as it was written: moved again\n" % (self._target(image), at))
        moved = self._move(stream, image, at, length, True, None, b"")
        self.telling.done(image.i, -length if moved else 0)
        found = stream.target.call("digest", image.i, at, length, image.name, True)
        if not moved or whole(found, length).hex() != image.digest(at // CHUNK, length):
            raise Fault("infrastructure", self._twice(image, at, "is not on the disk as it was written"))

    def _still(self, stream: Stream, image: Image, every: float = LOOK) -> None:
        """Now and then: is the source what it was when the copy began? Fault."""
        if self.live or time.monotonic() - image.seen < every:
            return
        now = stream.source.call("look", image.i)
        if [now[key] for key in SAME] != [image.look[key] for key in SAME]:
            raise self._changed(image, _how(image.look, now))
        image.seen = time.monotonic()

    def _finish(self, stream: Stream, image: Image) -> None:
        self._still(stream, image, 0)
        if self._touched(image) or not self.live:  # a change of owner, mode or ACL alone left the receipts as they are
            stream.target.call("finish", image.i, image.look)

    def _touched(self, image: Image) -> bool:
        """Whether anything of it was not there already."""
        return image.state != "done" or bool(image.fresh)

    def _changed(self, image: Image, how: str) -> Fault:
        return Fault("changed", "the source %s %s while it was copied" % (self._source(image), how))

    def _twice(self, image: Image, at: int, what: str) -> str:
        return "%s at %d %s, twice: the disk, the memory or the network there is faulty" % (self._target(image), at, what)

    def _source(self, image: Image) -> str:
        return self.sources[image.i]

    def _target(self, image: Image) -> str:
        return self.targets[image.i]


def _unequal(one: bytes, other: bytes) -> bytes:
    """For each block, by its two digests: whether they differ."""
    return bytes(one[n : n + DIGEST] != other[n : n + DIGEST] for n in range(0, len(one), DIGEST))


def _how(before: Facts, now: Facts) -> str:
    if before["inode"] != now["inode"]:
        return "was replaced by another"
    if before["size"] != now["size"]:
        grew = now["size"] > before["size"]
        return "%s from %s to %s bytes" % ("grew" if grew else "shrank", before["size"], now["size"])
    return "was rewritten"


def main(spec: Facts) -> int:
    job = Job(spec)
    try:
        job.run()
        return 0
    except (Fault, Broken) as problem:
        kind = problem.kind if isinstance(problem, Fault) else "broken"
        fact("fault", [kind, str(problem)])
        sys.stderr.write("image: %s\n" % problem)
        return BROKEN if kind == "broken" else FAILED
    finally:
        job.streams.close()
