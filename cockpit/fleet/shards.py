"""A tree's files cut into shards of like cost, and the job that copies them by several rsyncs at once. Listing in, text out.

The idea is fpsync's: parts balanced by files and bytes. Refuses to know servers and routes; names are bytes, never decoded,
and never all in memory at once but compressed.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from shlex import quote

from cockpit.fleet.counting import PROGRESS
from cockpit.fleet.rsync import Options, exec_line, pace_text

PER_FILE = 16 << 10  # bytes that one more file costs as much as
SMALLEST, BIGGEST = 256 << 20, 1 << 30  # of a shard's cost; a new rsync over ssh takes as long as 64 MiB
LEAST = 16 << 20  # of a shard's cost, for however many workers
ROUNDED = 1.01  # the last shards, so that no tiny one is left over
AT_MOST = 20_000  # files in a shard
NAMED = 4_000  # names in a shard: since 3.2.5 a pulling rsync holds each file against each name that it asked for
LASTS = 30.0  # seconds, at most, at the pace told
PIECE = 1 << 16  # bytes of names that are compressed at once

# Beside the pass over all, which has little to write. Where the disk hangs, so does this one, and nobody waits for it, for it
# holds neither the job's lock nor its output; the copy's own sync at its end then hangs as well, and that one is waited for.
FLUSH = "(exec sync) < /dev/null > /dev/null 2>&1 9>&- &"
LARGE = 256 << 20  # bytes: beyond this a file goes by chunks
NO_GZIP = 69  # EX_UNAVAILABLE of sysexits.h


@dataclass(frozen=True, slots=True)
class Shard:
    """offset, length: its names in all names; size, files: what it moves, a hard-link group once; largest: bytes of its largest
    file. id: of its very content, so
    that a shard that was copied is known again when the same tree is cut once more."""

    id: str
    offset: int
    length: int
    size: int
    files: int
    largest: int = 0


@dataclass(slots=True)
class Cut:
    """names: all of them, gzipped. large: path and bytes of what goes by other means."""

    names: bytes = b""
    shards: list[Shard] = field(default_factory=list)
    large: list[tuple[bytes, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(shard.size for shard in self.shards)

    @property
    def files(self) -> int:
        return sum(shard.files for shard in self.shards)

    @property
    def index(self) -> bytes:
        """As pool.sh reads it."""
        return b"".join(b"%s %d %d %d %d\n" % (s.id.encode(), s.offset, s.length, s.size, s.files) for s in self.shards)


def cost(size: int, files: int) -> int:
    return size + files * PER_FILE


@dataclass(slots=True)
class Folder:
    """What a directory's own files come to, without the large ones. sum: of their records. each: they have to be named one by
    one."""

    size: int = 0
    files: int = 0
    largest: int = 0
    sum: int = 0
    each: bool = False
    named: bool = False  # in a shard, with all of them

    @property
    def cost(self) -> int:
        return cost(self.size, self.files)


_PATTERN = re.compile(rb"[*?[\\\]]").search


def folders(listing: Iterable[bytes], large: int | None = LARGE) -> dict[bytes, Folder]:
    """By path, for `cut`: its total, and directories whose name can stand for all their files, which spares both rsyncs most of
    a list. Not where a file is large or has several names, and not where rsync might read the name as a pattern.

    Names only for a listing without excludes: what a directory's name brings is everything in it."""
    found: dict[bytes, Folder] = {}
    for record in _records(listing):
        bytes_, links, _, _, path = record.split(b" ", 4)
        above, size = path.rpartition(b"/")[0], int(bytes_)
        folder = found.get(above)
        if folder is None:
            folder = found[above] = Folder(each=bool(_PATTERN(above)))
        folder.sum = zlib.crc32(record, folder.sum)
        alone = links == b"1"
        apart = alone and large is not None and size > large
        if apart or not alone:
            folder.each = True
        if not apart:
            folder.size += size if alone else size // int(links)
            folder.files += 1
            folder.largest = max(folder.largest, size)
    return found


def cut(
    listing: Iterable[bytes], *, total: int, streams: int, rate: float | None = None, large: int | None = LARGE,
    whole: Mapping[bytes, Folder] = {},
) -> Cut:  # fmt: skip
    """listing: pieces of "SIZE NLINK DEV:INODE BLOCKS PATH" and a NUL each, as `survey.command.listing_command` prints them.
    total: `cost` of it all, about. rate: bytes per second of all streams together. large None: no file is too large. whole:
    `folders` of the same listing; used up.

    Shards get smaller towards the end, so that no worker has long to do when the others are through; the last ones, one for
    each worker, are alike, since a smaller one would take longer to begin than to copy. ValueError: no listing."""
    cutter = _Cutter(total, streams, BIGGEST if rate is None else max(1 << 20, int(rate * LASTS / streams)))
    found, groups = Cut(), dict[bytes, list[bytes]]()
    for record in _records(listing):
        bytes_, links, inode, _, path = record.split(b" ", 4)
        size, count = int(bytes_), int(links)
        folder = whole.get(path.rpartition(b"/")[0])
        if folder is not None and cutter.folder(folder, path):
            continue
        if count == 1 and large is not None and size > large:
            found.large.append((path, size))
        elif count == 1:
            cutter.add([path], size)
        else:
            group = groups.setdefault(inode, [bytes_])
            group.append(path)
            if len(group) > count:  # all its names are here
                cutter.add(groups.pop(inode)[1:], size)
    for group in groups.values():
        cutter.add(group[1:], int(group[0]))
    found.names, found.shards = cutter.ended()
    return found


def _records(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        raise ValueError("the listing ends in the middle of a name")


class _Cutter:
    def __init__(self, total: int, streams: int, biggest: int) -> None:
        self._left, self._streams, self._biggest = total, streams, min(BIGGEST, biggest)
        self._packer = zlib.compressobj(1, wbits=31)
        self._plain, self._packed = bytearray(), list[bytes]()
        self._shards: list[Shard] = []
        self._at = 0
        self._last = 0  # how many there are to come, once they are the last ones
        self._begin()

    def _begin(self) -> None:
        self._start, self._size, self._files, self._names, self._largest = self._at, 0, 0, 0, 0
        self._seal = hashlib.sha256()
        if not self._last and self._left <= 2 * self._streams * SMALLEST:
            self._last = self._streams
        share = self._left / self._last * ROUNDED if self._last else self._left / (2 * self._streams)
        self._wanted = min(self._biggest, max(LEAST, int(share)))  # left is below 0 where the total was too low

    def folder(self, folder: Folder, path: bytes) -> bool:
        """Whether this file of it is named with all the others. What would be most of a shard is named file by file: so shards
        stay alike."""
        if not folder.each and not folder.named:
            folder.each = folder.cost > self._wanted // 2 or folder.files > AT_MOST // 2
            folder.named = not folder.each
            if folder.named:
                name = path.rpartition(b"/")[0] + b"/" * (b"/" in path)
                self.add([name], folder.size, folder.files, folder.largest, b"%d " % folder.sum)
        return folder.named

    def add(self, paths: list[bytes], size: int, files: int = 1, largest: int = 0, seal: bytes = b"") -> None:
        """Of one file, all its names; or a directory with its files, the largest of them so large."""
        names = b"".join(b"./%s\0" % path for path in paths)  # rsync takes a leading # or ; for a comment
        self._plain += names
        if len(self._plain) > PIECE:
            self._pack()
        self._seal.update(b"%d " % size + seal + names)
        self._at += len(names)
        self._size += size
        self._files += files
        self._names += len(paths)
        self._largest = max(self._largest, largest or size)
        if cost(self._size, self._files) >= self._wanted or self._files >= AT_MOST or self._names >= NAMED:
            self._close()

    def _pack(self) -> None:
        self._packed.append(self._packer.compress(self._plain))
        self._plain.clear()

    def _close(self) -> None:
        name = self._seal.hexdigest()[:24]
        length = self._at - self._start
        self._shards.append(Shard(name, self._start, length, self._size, self._files, self._largest))
        self._left -= cost(self._size, self._files)
        self._last -= self._last > 1
        self._begin()

    def ended(self) -> tuple[bytes, list[Shard]]:
        if self._files:
            self._close()
        self._pack()
        return b"".join([*self._packed, self._packer.flush()]), self._shards


def unpacked(data: bytes, piece: int = PIECE) -> Iterator[bytes]:
    """What a server's gzip made, or, where it has none, the same as it is. Raises ValueError."""
    if data[:2] != b"\x1f\x8b":
        yield data
        return
    plain = zlib.decompressobj(wbits=31)
    try:
        for at in range(0, len(data), piece):
            yield plain.decompress(data[at : at + piece])
    except zlib.error as problem:
        raise ValueError(str(problem)) from None


def packed_listing(command: str) -> str:
    """The listing compressed where there is gzip; its exit code is the last line on stderr."""
    return f'list() {{ {command}\n}}\nboth() {{ (list); echo "listed $?" >&2; }}\n' \
        "if command -v gzip >/dev/null 2>&1; then both | gzip -1; else both; fi"


def keep_command(place: str, size: int, *, fresh: bool, packed: bool = True) -> str:
    """Keeps what its stdin brings (index, `size` bytes; then the names, gzipped or not) in a directory of its own for jobs at
    `place` below the first base that can be written, and prints its path. fresh: what is noted there as copied is forgotten.
    Exit NO_GZIP: bring the names as they are.

    head must take no more than it is asked for from a pipe: dd reads single bytes of blocks there, and is not asked."""
    return f"""umask 077
for base in "$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"; do
  mkdir -p "$base/jobs" 2>/dev/null && [ -O "$base" ] && mkdir -p "$base/jobs/"{quote(place)} 2>/dev/null &&
  printf '' > "$base/jobs/"{quote(place)}/.w && break
done 2>/dev/null
dir=$base/jobs/{place}
{f"command -v gzip >/dev/null 2>&1 || exit {NO_GZIP}" * packed}
{'rm -rf "$dir/done"' * fresh}
cat > "$dir/brought" && head -c {size} "$dir/brought" > "$dir/index" &&
tail -c +{size + 1} "$dir/brought" | {"gzip -dc" if packed else "cat"} > "$dir/all" && rm -f "$dir/brought" && printf '%s' "$dir"
"""


def kept_command(place: str, then: str) -> str:
    """`then` with $dir for every base in which there is such a directory."""
    bases = '"$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"'
    return f'for base in {bases}; do dir=$base/jobs/{quote(place)}; if [ -d "$dir" ]; then {then}; fi; done'


def pool(options: Options, source: str, target: str, directory: str, streams: int, *, shell: str | None, pull: bool) -> str:
    """The job's text: `streams` workers, each running this rsync over one shard after another."""
    line = exec_line(options, source, target, shell=shell, pull=pull, more='--from0 --files-from="$dir/list.$w"')
    text = (files("cockpit.fleet") / "pool.sh").read_text()
    flush = FLUSH if pull or shell is None else ":"
    return (
        f"{pace_text()}\ndir={quote(directory)} streams={streams}\n"
        f"line() {{ {line} > \"$dir/out.$w\"; }}\nflush() {{\n{flush}\n}}\n{text}"
    )


_HAD = re.compile(rb"had ([0-9a-f]+) (\d+) (\d+)")
_RUN = re.compile(rb"(at|again) ([0-9a-f]+) (.*)")
_DONE = re.compile(rb"done ([0-9a-f]+) (\d+) (\d+) (\d+) (.*)")


class Tally:
    """What a pool prints, as numbers. bytes_done and files_done only grow; moved is what was really sent, each run's. biggest,
    its_largest, its_size: id, largest file and size of the shard that has the largest of all."""

    def __init__(self, biggest: str = "", its_largest: int = 0, its_size: int = 0) -> None:
        self._biggest, self._its_largest, self._its_size = biggest.encode(), its_largest, its_size
        self.had = self._sent = self._sent_files = 0
        self._done = self._done_files = self._best = self._most_files = 0
        self._under_way: dict[bytes, int] = {}  # by shard: the most that a run of it came to
        self._runs: dict[bytes, tuple[int, int]] = {}  # by shard: bytes and files of the run now
        self._rest = b""

    @property
    def moved(self) -> int:
        return self._sent + sum(size for size, _ in self._runs.values())

    @property
    def moved_files(self) -> int:
        return self._sent_files + sum(files for _, files in self._runs.values())

    @property
    def bytes_done(self) -> int:
        self._best = max(self._best, self._done + sum(self._under_way.values()))
        return self._best

    @property
    def files_done(self) -> int:
        """With those of the runs now: of a tree in two shards half the files were there before one was told."""
        self._most_files = max(self._most_files, self._done_files + sum(files for _, files in self._runs.values()))
        return self._most_files

    @property
    def largest(self) -> int | None:
        """Bytes left of the largest file, at most. None: it is there."""
        return min(self._its_largest, max(0, self._its_size - self._under_way.get(self._biggest, 0))) or None

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-4096:]
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        """Anything else is passed over: where the job's disk was full for a moment, a line may lack its end."""
        if had := _HAD.fullmatch(line):
            self.had += 1
            self._ended(*had.groups())
        elif run := _RUN.fullmatch(line):
            self._counted(run[2], run[3])
            if run[1] == b"again":
                self._run_over(run[2])
        elif done := _DONE.fullmatch(line):
            id, size, files, matched, counter = done.groups()
            self._counted(id, counter)
            self._run_over(id, int(matched))
            self._ended(id, size, files)

    def _counted(self, id: bytes, counter: bytes) -> None:
        if counted := PROGRESS.fullmatch(counter):
            size, files = int(counted[1]), int(counted[2] or 0)
            self._under_way[id] = max(self._under_way.get(id, 0), size)
            self._runs[id] = size, max(files, self._runs.get(id, (0, 0))[1])

    def _run_over(self, id: bytes, matched: int = 0) -> None:
        size, files = self._runs.pop(id, (0, 0))
        self._sent += size - matched
        self._sent_files += files

    def _ended(self, id: bytes, size: bytes, files: bytes) -> None:
        self._under_way.pop(id, None)
        if id == self._biggest:
            self._its_largest = 0
        self._done += int(size)
        self._done_files += int(files)
