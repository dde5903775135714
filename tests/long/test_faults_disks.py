"""The target's disk fills up or turns read-only in the middle of two copies, an image's and a tree's: named, and one key goes on.

That it is full is told without the engine in test_images_faults and test_resume; here it is also gone on with.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.copy import disks
from tests.hosts import Hosts
from tests.hosts.host import Host
from tests.long.faulty import BOTH, Pair, copies
from tests.night.conftest import cockpit, place
from tests.night.sessions import Cockpit

__all__ = ["cockpit", "place"]

PLACE = "/mnt/to"


def full(host: Host) -> None:
    """At once: while zeros are written the image may be through."""
    host.run(f"fallocate -l $(df --output=avail -B1 {PLACE} | tail -n 1) {PLACE}/filler")
    assert b"No space" in host.run(f"dd if=/dev/zero of={PLACE}/filler2 bs=1M").stderr


def not_full(host: Host) -> None:
    host.run(f"rm -f {PLACE}/filler {PLACE}/filler2")


def read_only(host: Host) -> None:
    """As the kernel does it after an error of the disk, with files open."""
    done = host.run(f"mount -o remount,errors=remount-ro {PLACE}; sync; findmnt -no SOURCE {PLACE}")
    Path(f"/sys/fs/ext4/{Path(done.stdout.decode().strip()).name}/trigger_fs_error").write_text("1")


def mended(host: Host) -> None:
    image = f"/mnt/ext4-{PLACE.strip('/').replace('/', '-')}.img"
    done = host.run(f"umount {PLACE} && e2fsck -fy {image}; mount -o loop {image} {PLACE}")
    assert host.run(f"touch {PLACE}/x; rm {PLACE}/x").returncode == 0, done


FAULTS = {
    "full": (full, not_full, "/disk.img is full", "the target is full"),
    "read-only": (read_only, mended, "/disk.img is mounted read-only", "Read-only file system"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_fails_in_the_middle(fault: str, cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts, to=PLACE)
    disks.mount(pair.dst, PLACE, "ext4", "420M")
    begin, end, image, tree = FAULTS[fault]
    pair.start(place, copies(PLACE, limit="10MB/s"), pace="40MB/s")  # the image is long at it when the tree is in its middle
    pair.to_the_middle()
    since = time.monotonic()
    begin(pair.dst)
    pair.noticed(image, tree, since=since)
    for task in BOTH:
        assert "image" in task or cockpit.needs(f"failed-{task}")
        assert cockpit.until_state(task, "failed")["attempt"] == 1, "a person has to make room"
    end(pair.dst)
    if fault == "read-only":
        pair.lose()
    pair.mark()
    pair.faster()
    for task in BOTH:
        cockpit.do("retry", task, as_="maria")
    assert cockpit.ended(seconds=60) == "done"
    pair.check()
