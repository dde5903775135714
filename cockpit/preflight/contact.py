"""Waiting for every server's first word: in contact, or why not. Knows no plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cockpit.fleet.api import Contact
from cockpit.preflight.finding import Finding, bad, good

LONGEST = 90.0  # seconds without a word, while nobody is being asked anything
GRACE = 5.0  # seconds in which an unreachable server may still answer: a full MaxStartups drops the first try


class Contacts:
    """`changed` is the fleet's on_contact; `settled` gives what it came to."""

    def __init__(self, asking: Callable[[], bool] = lambda: False) -> None:
        """asking: whether a person is being asked something now, which takes as long as it takes."""
        self._asking = asking
        self._last: dict[str, Contact] = {}
        self._news: dict[str, asyncio.Event] = {}

    def changed(self, contact: Contact) -> None:
        self._last[contact.server] = contact
        self._event(contact.server).set()

    def _event(self, name: str) -> asyncio.Event:
        return self._news.setdefault(name, asyncio.Event())

    async def settled(self, name: str) -> Contact:
        """In contact, or refused for good; an unreachable one is given a little longer."""
        event = self._event(name)
        if not await self._heard(event):
            return Contact(name, False, "unreachable", f"{name}: nothing was heard of it within {LONGEST:.0f} s")
        try:
            async with asyncio.timeout(GRACE):
                while self._last[name].problem == "unreachable":
                    event.clear()
                    await event.wait()
        except TimeoutError:
            pass
        return self._last[name]


    async def _heard(self, event: asyncio.Event) -> bool:
        left = LONGEST
        while left > 0:
            try:
                await asyncio.wait_for(event.wait(), 1.0)
                return True
            except TimeoutError:
                left -= 0.0 if self._asking() else 1.0
        return False


_INSTEAD = {
    "unreachable": ("contact", "check that it is up, its address and port, and the way to it"),
    "key-unknown": ("host key", "compare it and accept it with cockpit trust {plan}"),
    "key-changed": ("host key", "if it was rebuilt, take the old key away and run cockpit trust; if not, find out who answers"),
    "auth": ("login", "check user and key; a passphrase or password is asked for when this runs in a terminal"),
    "become": ("sudo", "check sudoers and become_password"),
}


def contact_findings(contact: Contact, plan_path: str) -> list[Finding]:
    """Host key and login, or the one reason why there is no contact."""
    if not contact.up:
        what, instead = _INSTEAD.get(contact.problem, ("contact", "see what it says"))
        return [bad(what, contact.text, instead.format(plan=plan_path))]
    facts = contact.facts
    who = f"as {facts['user']}" if facts.get("user") else "with only SFTP"
    system = facts.get("os") or facts.get("uname") or ""
    return [
        good("host key", str(facts.get("host_key") or "known")), good("login", f"{who}{', ' if system else ''}{system}"),
    ]
