"""Going through a plan's host keys with a person: jump hosts first, each unknown key shown and accepted or not.

Logs in nowhere but to jump hosts. Refuses to accept a key that has changed, whatever it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click

from cockpit.cli.errors import FAILED, GOOD, MEND
from cockpit.fleet.api import FleetError
from cockpit.fleet.fleet import Fleet
from cockpit.fleet.trust import Offered, fetch_keys, write_known_hosts
from cockpit.plan.model import Plan


class Trusting:
    """`path`: where accepted keys are kept. `good` are the servers whose own key is vouched for."""

    def __init__(self, path: Path, *, yes: bool) -> None:
        self._path, self._yes = path, yes
        self._answered: dict[str, bool] = {}  # place -> accepted
        self.good: set[str] = set()
        self.changed: list[str] = []
        self.written = 0

    async def all(self, plan: Plan, fleet: Fleet) -> int:
        """The exit code; everything was said."""
        for level in levels(plan):
            ready = [name for name in level if self._reachable(plan, name)]
            first, rest = _scouts(fleet, ready)
            for names in (first, rest):
                for name, offered in zip(names, await asyncio.gather(*(_fetch(fleet, n) for n in names)), strict=True):
                    await self._one(fleet, name, offered)
        total = len(plan.servers)
        kept = f"{self.written} new in {self._path}" if self.written else "nothing new"
        click.echo(f"{len(self.good)} of {total} servers show a key that is vouched for; {kept}")
        if self.changed:
            click.echo("\n".join(self.changed), err=True)
            return MEND
        return GOOD if len(self.good) == total else FAILED

    def _reachable(self, plan: Plan, name: str) -> bool:
        via = plan.servers[name].via
        if via is None or via in self.good:
            return True
        click.echo(f"{name}: not asked, since the key of {via}, through which it is reached, is not accepted", err=True)
        return False

    async def _one(self, fleet: Fleet, name: str, offered: Offered | FleetError) -> None:
        """To its own key, past the jump hosts of ssh_config on the way to it."""
        while not isinstance(offered, FleetError):
            own = offered.place == fleet.server(name).dialer.place
            if not self._settled(name, offered, own):
                return
            if own:
                self.good.add(name)
                return
            offered = await _fetch(fleet, name)
        click.echo(f"{name}: {offered.text}", err=True)

    def _settled(self, name: str, offered: Offered, own: bool) -> bool:
        """Whether this key is vouched for, now that a person was asked."""
        what = name if own else f"{offered.place}, on the way to {name}"
        if offered.standing == "known":
            click.echo(f"{what}: {_shown(offered)} known")
            return True
        if offered.standing == "changed":
            self.changed.append(_changed(what, offered))
            return False
        if offered.place not in self._answered:
            self._answered[offered.place] = self._accept(what, offered)
        return self._answered[offered.place]

    def _accept(self, what: str, offered: Offered) -> bool:
        click.echo(f"{what}: {_shown(offered)} unknown")
        kind = offered.key.split()[0].removeprefix("ssh-").partition("-")[0]
        if not self._yes and not click.confirm(
            f"  Compare it on the server's own console (ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub). Accept it?"
        ):
            click.echo(f"{what}: not accepted", err=True)
            return False
        write_known_hosts(self._path, offered)
        self.written += 1
        return True


def levels(plan: Plan) -> Iterator[list[str]]:
    """The servers, each after the one through which it is reached."""
    done: set[str] = set()
    while level := [s.name for s in plan.servers.values() if s.name not in done and (s.via is None or s.via in done)]:
        yield level
        done.update(level)


def _scouts(fleet: Fleet, names: list[str]) -> tuple[list[str], list[str]]:
    """One for each way through jump hosts of ssh_config, and those that come after it on the same way: all at once they would
    be refused at the unknown jump host together, and made to wait for that."""
    first: list[str] = []
    rest: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for name in names:
        try:
            jumps = fleet.server(name).dialer.route.jumps
        except FleetError:
            jumps = ()
        (rest if jumps in seen else first).append(name)
        seen.update({jumps} - {()})
    return first, rest


async def _fetch(fleet: Fleet, name: str) -> Offered | FleetError:
    try:
        return await fetch_keys(fleet, name)
    except FleetError as problem:
        return problem


def _shown(offered: Offered) -> str:
    return f"{offered.place} {offered.key.split()[0]} {offered.fingerprint}"


def _changed(what: str, offered: Offered) -> str:
    return (
        f"{what}: CHANGED: {offered.text}. It is not accepted. Compare it on the server's own console. If the server was "
        f"rebuilt, take the old key away (ssh-keygen -R '{offered.place}' -f the file named above, or host_key in the plan) and "
        "run trust again; if nobody rebuilt it, somebody may stand in between: leave it alone."
    )
