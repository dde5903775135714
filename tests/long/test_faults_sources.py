"""The source is written to while two copies of it run, an image's and a tree's; and the target is, after they have run.

Passes: an initial one against live data, another that carries only the difference, a final one that is done only when
nothing changes any more. Of an image without the engine: test_images_faults; of a tree: test_copy_trees.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.copy.images import MIB, change
from tests.hosts import Hosts
from tests.long.faulty import EACH, FILES, IMAGE, Pair, copies
from tests.night.conftest import cockpit, place
from tests.night.sessions import Cockpit

__all__ = ["cockpit", "place"]


def manual(name: str, *needs: str) -> str:
    return f'\n[[steps]]\nid = "{name}"\nneeds = [{", ".join(map(repr, needs))}]\nmanual = "?"\n'.replace("'", '"')


PROOF = """
[[steps]]
id = "proof"
on = "fs01"
needs = ["look", "tree-final", "image-final"]
verify = [
  { compare = ["/srv/tree", "db01:/srv/tree"], by = "content", name = "tree" },
  { compare = ["/srv/disk.img", "db01:/srv/disk.img"], by = "content", name = "image" },
]
"""
PASSES = (
    copies(**{"pass": '"initial"'})
    + manual("more", "image", "tree") + copies(tail="-more", needs='"more"', **{"pass": '"initial"'})
    + manual("freeze", "image-more", "tree-more") + copies(tail="-final", needs='"freeze"', delete="true", **{"pass": '"final"'})
    + manual("look", "image-final", "tree-final") + PROOF
)  # fmt: skip


@contextmanager
def written_to(pair: Pair) -> Iterator[None]:
    """Meanwhile one file grows, one shrinks, one is rewritten and one replaced again and again, and the image is written to."""
    stop = threading.Event()
    grown, shrunk, rewritten, replaced = (pair.tree / f"dir7/f{n}" for n in (300, 301, 302, 303))

    def write() -> None:
        n = 0
        while not stop.wait(0.003):
            n += 1
            with grown.open("ab") as file:
                file.write(b"more")
            os.truncate(shrunk, max(1000, EACH - n * 100))
            with rewritten.open("r+b") as file:
                file.write(os.urandom(100))
            (pair.tree / "new").write_bytes(b"%d" % n)
            (pair.tree / "new").rename(replaced)
            with pair.image.open("r+b") as file:
                file.seek(n % 4 * 40 * MIB)
                file.write(os.urandom(4096))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def detail(cockpit: Cockpit, task: str) -> dict[str, int]:
    return next(dict(f["data"]["detail"]) for f in reversed(cockpit.facts())
                if f["kind"] == "AttemptEnded" and f["data"]["task"] == task)  # fmt: skip


def test_passes_over_live_data_to_a_proof(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts)
    pair.start(place, PASSES)
    with written_to(pair):
        pair.to_the_middle()
        pair.faster()
        (pair.tree / "dir7/f319").unlink()
        cockpit.needs("manual-more", seconds=60)

    # A second pass carries what has changed.
    change(pair.image, 2, 4096)
    (pair.tree / "dir0/f000").write_bytes(b"other")
    (pair.tree / "dir1/new").write_bytes(b"new")
    cockpit.do("done", "more", as_="maria")
    cockpit.needs("manual-freeze", seconds=60)
    more = detail(cockpit, "image-more@fs01"), detail(cockpit, "tree-more@fs01")
    print("the second pass moved", more[0]["moved"], "of", IMAGE, "and", more[1]["moved"], "of", FILES * EACH)
    assert 0 < more[0]["moved"] <= 12 * MIB and 0 < more[1]["moved_files"] <= 8, more

    # While someone still writes, the final pass is not done, and says why.
    with written_to(pair):
        cockpit.do("done", "freeze", as_="maria")
        cockpit.until(lambda s: {"tree-final", "image-final"} <= {a["step"] for a in s["attempts"] if a["result"] == "failed"})
        errors = {a["step"]: a["error"] for a in cockpit.status()["attempts"] if a["error"]}
        assert "was rewritten while it was copied" in errors["image-final"]
        assert "the source is not at rest" in errors["tree-final"] or "were written to while they were" in errors["tree-final"]
        assert "done" not in (cockpit.states()["image-final@fs01"], cockpit.states()["tree-final@fs01"])
    for name in ("tree-final@fs01", "image-final@fs01"):  # either tries again by itself, too, where that is safe to say
        if cockpit.states()[name] == "failed":
            cockpit.do("retry", name, as_="maria")
    cockpit.needs("manual-look", seconds=60)
    assert detail(cockpit, "image-final@fs01")["moved"] <= 12 * MIB
    pair.check_same()

    # A flipped byte at the target, whose times nobody sees changed, is found by the proof.
    flip(pair.there("tree/dir2/f100"), 1000)
    flip(pair.there("disk.img"), 100 * MIB)
    cockpit.do("done", "look", as_="maria")
    assert "proof" in cockpit.needs("failed-proof@fs01", seconds=60)["id"]
    proofs = {p["check"]: (p["result"], p["evidence"]) for p in cockpit.status()["proofs"]}
    assert proofs["tree"][0] == proofs["image"][0] == "fail", proofs
    assert cockpit.states()["proof@fs01"] == "failed"
    assert "f100" in proofs["tree"][1] and "disk.img" in proofs["image"][1], proofs

    # Who doubts a copy that was done tries it again: everything is compared, and what differs is mended.
    for name in ("tree-final", "image-final"):
        assert "runs again" in cockpit.do("retry", name, as_="maria")
    cockpit.do("retry", "proof", as_="maria")  # it waits for them
    assert cockpit.ended(seconds=60) == "done"
    pair.check_same()


def flip(path: Path, at: int) -> None:
    seen = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
