"""How long a login between two servers takes: none of it is the wait for an acknowledgment that a kernel held back."""

from __future__ import annotations

import time
from pathlib import Path

from cockpit.fleet.routes import find_route
from cockpit.fleet.sides import look
from tests.copy.context import fleet_of
from tests.hosts.factory import Hosts

HELD_BACK = 0.04  # seconds, Linux' least delay of an acknowledgment; it comes twice in a login by ssh alone


async def test_no_acknowledgment_is_waited_for(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    async with fleet_of([src, dst], tmp_path) as fleet:
        theirs, ours = [await look(fleet.remote(name), False) for name in ("src", "dst")]
        _, opened = await find_route("cockpit-route-t", theirs, ours)
        assert opened is not None
        await opened.permit("echo let in")
        aside, took = f"{opened.directory}/aside", dict[str, list[float]](dialed=[], plain=[])
        for how in ["dialed", "plain"] * 7:
            moved = (aside, opened.dialer) if how == "dialed" else (opened.dialer, aside)
            await fleet.remote("dst").errand(f"[ ! -e {moved[0]} ] || mv {moved[0]} {moved[1]}", become=False)
            began = time.monotonic()
            done = await fleet.remote("dst").errand(f"sh {opened.shell} x x </dev/null", become=False)
            took[how].append(time.monotonic() - began)
            assert done.stdout == b"let in\n", done
        await opened.close()
    assert min(took["dialed"]) + HELD_BACK < min(took["plain"]), took
