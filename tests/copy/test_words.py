"""Paths that are refused, key lines, and what is read from a server's answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.fleet.api import Target
from cockpit.fleet.authorized import authorization
from cockpit.fleet.routes import route_tag
from cockpit.fleet.sides import Side, read_side
from cockpit.steps.copy.places import Refused, refuse


@pytest.mark.parametrize(
    "target", ["", " ", "/", "//", "/./", "/srv/..", "/../", "srv/x", "~/x", "/dev/sdb", "/dev/disk/by-id/x", "/a\0b"]
)
def test_targets_that_are_refused(target: str) -> None:
    with pytest.raises(Refused):
        refuse("/srv/data/", target, same_server=False)


@pytest.mark.parametrize("target", ["/srv/data", "/srv/data/", "/srv/data/inside", "/srv//data/./x/"])
def test_a_place_in_itself_is_refused_on_the_same_server_only(target: str) -> None:
    with pytest.raises(Refused, match="lies in the source"):
        refuse("/srv/data/", target, same_server=True)
    refuse("/srv/data/", target, same_server=False)
    refuse("/srv/data/", "/srv/database", same_server=True)


def test_a_target_that_is_emptied_must_not_hold_the_source() -> None:
    with pytest.raises(Refused, match="delete would take it away"):
        refuse("/srv/new/", "/srv", same_server=True, delete=True)
    refuse("/srv/new/", "/srv", same_server=True)
    refuse("/srv/new/", "/srv", same_server=False, delete=True)


def test_a_key_line() -> None:
    line = authorization(
        "cockpit-route-x", "ssh-ed25519 AAAA comment", "rsync --server --sender -logDtpre.iLsfxCIvu . /srv/data/",
        expires=datetime(2026, 11, 29, 3, 4), seen_from="10.0.4.50",
    )  # fmt: skip
    assert line == (
        'restrict,from="10.0.4.50",expiry-time="202611290304",command="rsync --server --sender -logDtpre.iLsfxCIvu . /srv/data/"'
        " ssh-ed25519 AAAA cockpit-route-x"
    )
    for odd in ('rsync . "/x"', "rsync . '/a b'", "rsync . /a\nb", "rsync . /a`b`", "rsync . $HOME"):
        with pytest.raises(ValueError, match="script"):
            authorization("t", "ssh-ed25519 AAAA", odd, expires=datetime(2026, 1, 1), seen_from=None)


def test_a_tag_is_harmless_everywhere() -> None:
    assert route_tag("copy@fs01.1") == "cockpit-route-copy-fs01-1"


def side(name: str = "fs01", **more: Any) -> Side:
    return Side(SimpleNamespace(target=Target(name, "fs01.example", **more)), True)  # type: ignore[arg-type]


def test_what_a_server_says_of_itself() -> None:
    said = """user ops
conn 10.0.0.2 50000 10.0.4.11 2222
now 20261127200000
ssh OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15
keygen
root
rsync  version 3.2.7  protocol version 31
    hardlink-specials, ACLs, xattrs, optional protect-args
"""
    seen = read_side(side(), said)
    assert (seen.user, seen.ssh, seen.silent_root, seen.problem) == ("ops", True, True, "")
    assert seen.addresses() == [("fs01.example", 2222), ("10.0.4.11", 2222)]
    assert read_side(side(data_host="192.168.9.11", port=2200), said).addresses() == [("192.168.9.11", 2222)]
    assert not read_side(side("local"), said).address, "nobody logs in to this machine"
    later = replace(seen, seen=seen.seen - 3 * 86400)
    assert later.clock and later.clock.date() == date(2026, 11, 30), "a key given three days later is valid from then on"
    bare = read_side(side(), "user ops\nconn \nnow x\nssh Dropbear v2022.83\n")
    assert not bare.ssh and not bare.silent_root and "no rsync" in bare.problem
