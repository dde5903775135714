"""Nights of two copies, an image's and a tree's, in the middle of which something breaks: driven and judged from outside.

What has arrived is hashed here, on the hosts' disks, by nothing that copied it.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.fleet.image.blocks import CHUNK
from tests.copy.images import MIB, dense
from tests.copy.trees import emptied
from tests.hosts import Host, Hosts
from tests.long.test_copy_resume import rsyncs
from tests.long.test_images_faults import running
from tests.night.sessions import Cockpit, brief, write_plan

STREAMS = 2
IMAGE = 12 * CHUNK
FILES, EACH = 320, 320_000  # enough for shards
BOTH = ("image@fs01", "tree@fs01")
NOTICED = 60.0  # seconds
HEAD = '[limits]\nbandwidth = "{pace}"\ntransfers = 2\n\n'


def copies(to: str = "/srv", *, tail: str = "", needs: str = "", limit: str = "10MB/s", **more: str) -> str:
    """Both steps. tail: of their ids. more: further keys of the copies, as TOML."""
    keys = "".join(f", {key} = {value}" for key, value in more.items())
    return (
        f'\n[[steps]]\nid = "image{tail}"\non = "fs01"\nneeds = [{needs}]\n'
        f'copy = {{ from = "/srv/disk.img", to = "db01:{to}/disk.img", method = "image"{keys} }}\n'
        f'\n[[steps]]\nid = "tree{tail}"\non = "fs01"\nneeds = [{needs}]\n'
        f'copy = {{ from = "/srv/tree/", to = "db01:{to}/tree/", limit = "{limit}"{keys} }}\n'
    )


@dataclass
class Pair:
    """fs01, the source, with something to copy; db01, the target, `to` being where it comes to lie there."""

    cockpit: Cockpit
    src: Host
    dst: Host
    to: str = "/srv"
    breaks: int = 0
    marks: list[dict[Path, int]] = field(default_factory=list)
    begun: list[Path] = field(default_factory=list)

    @classmethod
    def make(cls, cockpit: Cockpit, hosts: Hosts, *, to: str = "/srv", **how: Any) -> Pair:
        pair = cls(cockpit, hosts("fs01", user="root", **how), hosts("db01", user="root", **how), to)
        dense(pair.image, IMAGE)
        for host in (pair.src, pair.dst) if how.get("bastion") else ():
            host.wire.join()
        for n in range(FILES):
            path = pair.tree / f"dir{n // 40}/f{n:03}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(EACH))
        return pair

    @property
    def image(self) -> Path:
        return self.src.path("/srv/disk.img")

    @property
    def tree(self) -> Path:
        return self.src.path("/srv/tree")

    def there(self, name: str) -> Path:
        """Also below what was mounted on the target since it began."""
        return Path(f"/proc/{self.dst.space.init}/root{self.to}/{name}")

    def start(self, place: Path, steps: str = "", *, pace: str = "40MB/s") -> Any:
        plan = write_plan(place, [self.src, self.dst], steps or copies(self.to), head=HEAD.format(pace=pace))
        return self.cockpit.start(plan)

    def to_the_middle(self) -> None:
        """Each has some of it there, and much of it to go."""
        self.cockpit.until(lambda s: _bytes(s, "image") >= 4 * CHUNK and _bytes(s, "tree") >= 20 * MIB)
        status = self.cockpit.status()
        assert _bytes(status, "image") < IMAGE and _bytes(status, "tree") < FILES * EACH, "the fault comes too late"

    def noticed(self, image: str, tree: str, *, since: float, within: float = NOTICED) -> float:
        """Until this is said of them (patterns); after how many seconds that was."""
        left = list(zip(BOTH, (image, tree), strict=True))
        while left:
            left = [(task, word) for task, word in left if not re.search(word, self.said(task))]
            took = time.monotonic() - since
            assert took < within, f"not noticed: {left}\n{brief(self.cockpit.status())}\n{self.said(BOTH[0])}"
            time.sleep(0.1)
        print(f"noticed after {took:.1f} s: {image!r}, {tree!r}")
        return took

    def noticed_stalled(self, *, since: float, within: float = NOTICED) -> float:
        """Until `cockpit status` says that the source's copies stand still, or that it is out of reach."""
        while True:
            text, took = self.cockpit("status", code=None).stdout, time.monotonic() - since
            if said := re.search(r"fs01 .*(STALLED|LOST)|without contact: fs01", text):
                print(f"noticed after {took:.1f} s: {said[0]}")
                return took
            assert took < within, f"not noticed\n{text}"
            time.sleep(0.3)

    def said(self, task: str) -> str:
        """Everything that is said of it: what is wrong with it now and was before, and what its job said."""
        status = self.cockpit.status()
        step, _, server = task.partition("@")
        about = [x for x in (*status["tasks"], *status["attempts"]) if (x["step"], x["server"]) == (step, server)]
        errors = self.cockpit.output(task, stream="err").decode(errors="replace")
        return f"{about} {[n for n in status['needs_you'] if n['step'] == step]} {errors}"

    def faster(self) -> None:
        """What is left needs no middle."""
        self.cockpit.do("limit", "10GB/s")

    def lose(self) -> None:
        """One file that is whole is as a disk that gave up may leave it."""
        there = self.there("tree")
        whole = (p for p in there.rglob("f*") if p.stat().st_mtime_ns == (self.tree / p.relative_to(there)).stat().st_mtime_ns)
        emptied(next(whole))

    def mark(self) -> None:
        """A break is now: what is whole of the tree need not be written again, what is begun may be."""
        whole, there, self.breaks = {}, self.there("tree"), self.breaks + 1
        for path in there.rglob("f*"):
            seen, wanted = path.stat(), (self.tree / path.relative_to(there)).stat()
            if (seen.st_size, seen.st_mtime_ns) != (EACH, wanted.st_mtime_ns):
                self.begun.append(path)
            elif digest(path) == digest(self.tree / path.relative_to(there)):  # else the disk has lost it since
                whole[path] = seen.st_ctime_ns
        self.marks.append(whole)

    def again(self) -> tuple[float, int]:
        """What was sent again: chunks of the image, by the counts of all attempts; files of the tree, by their times on the
        disk."""
        details = [f["data"] for f in self.cockpit.facts() if f["kind"] == "AttemptEnded"]
        moved = sum(d["detail"].get("moved", 0) for d in details if d["task"] == BOTH[0])
        written = {path for mark in self.marks for path, ctime in mark.items() if path.stat().st_ctime_ns != ctime}
        chunks, files = (moved - IMAGE) / CHUNK, len(written) + len(self.begun)
        had = [len(mark) for mark in self.marks]
        print(f"sent again: {chunks:.2f} chunks, {files} files ({len(self.begun)} begun; {had} of {FILES} were there)")
        return chunks, files

    def check(self) -> None:
        """Both are there to the bit, and no more was sent again than one unit of each stream at each break."""
        self.check_same()
        chunks, files = self.again()
        assert chunks <= STREAMS * self.breaks, chunks
        assert files <= STREAMS * self.breaks, files

    def check_same(self) -> None:
        assert not (odd := _differing(sums(self.tree), sums(self.there("tree")))), odd
        assert digest(self.image) == digest(self.there("disk.img"))
        assert not [p for host in (self.src, self.dst) for p in host.root.glob("**/.cockpit/routes/*")], "no key stays behind"

    def kill(self, host: Host, number: int) -> None:
        """The processes of both copies there."""
        for chosen in (rsyncs(host), running(host, b"python3")):
            assert host.space.signal(number, chosen), "nothing was hit"


def _bytes(status: Any, step: str) -> int:
    return max((t["bytes_done"] or 0 for t in status["tasks"] if t["step"] == step), default=0)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {path: (one.get(path), other.get(path)) for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def sums(root: Path) -> dict[str, tuple[int, int, str]]:
    """Path -> mode, mtime in ns, sha256 (of directories no hash)."""
    found = {}
    for path in (root, *root.rglob("*")):
        seen = path.lstat()
        found[str(path.relative_to(root))] = (seen.st_mode, seen.st_mtime_ns, digest(path) if path.is_file() else "")
    return found
