"""Small file systems of other sorts on a test host: loop-mounted images, which go when the host does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.hosts.host import Host
from tests.hosts.tools import find, require

MAKE = {
    "ext4": "mkfs.ext4 -q -F", "few": "mkfs.ext4 -q -F -N 64", "old": "mkfs.ext4 -q -F -I 128",
    "exfat": "mkfs.exfat",
}  # fmt: skip


def mount(host: Host, place: str, kind: str, size: str = "48M") -> Path:
    """Mount one there. kind: ext4; few: ext4 with few inodes; old: ext4 whose inodes know whole seconds alone; exfat: without
    owners, links and holes, as vfat has them, by FUSE, since not every kernel has vfat. Returns it as seen from outside."""
    tool = MAKE[kind].split()[0]
    require(tool, "losetup", *(["mount.exfat-fuse"] if kind == "exfat" else []))
    image = f"/mnt/{kind}-{place.strip('/').replace('/', '-')}.img"
    attach = f"mount -o loop {image} {place}"
    if kind == "exfat":
        fuse = f"{find('mount.exfat-fuse')} $d {place}"  # detached while it is in use: it goes when the last user does
        attach = f"d=$(losetup -f --show {image}) && {fuse}; code=$?; losetup -d $d; exit $code"
    make = f"{find(tool)} {MAKE[kind].partition(' ')[2]}"
    done = host.run(f"mkdir -p {place}; truncate -s {size} {image}; {make} {image} && {attach}")
    assert done.returncode == 0, done
    return seen(host, place)


def seen(host: Host, path: str) -> Path:
    return Path(f"/proc/{host.space.init}/root{path}")


def failing(host: Host, place: str, room: str = "12M") -> None:
    """Mount one there that says it has 64 MB and can write back no more than `room`: as a disk that breaks, or thin storage that
    is full. Whoever writes hears nothing of it."""
    require("mkfs.ext4", "losetup")
    done = host.run(f"mkdir -p {place} /mnt/thin; mount -t tmpfs -o size={room} tmpfs /mnt/thin && truncate -s 64M /mnt/thin/img")
    assert done.returncode == 0, done
    image = seen(host, "/mnt/thin/img")
    subprocess.run([find("mkfs.ext4"), "-q", "-F", "-O", "^has_journal", str(image)], check=True)
    done = host.run(f"mount -o loop /mnt/thin/img {place}")
    assert done.returncode == 0, done


def mended(host: Host) -> None:
    """What is written to it from now on can be written back; what could not be is lost."""
    done = host.run("mount -o remount,size=96M /mnt/thin")
    assert done.returncode == 0, done


def read_anew(host: Host, place: str) -> None:
    """What is in memory alone is forgotten: what can be read there now is on the disk."""
    done = host.run(f"umount {place} && mount -o loop /mnt/thin/img {place}")
    assert done.returncode == 0, done
