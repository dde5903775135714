"""New host keys in a night: whose they are, when one is expected, and how often a person may be asked. Real sshd."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from cockpit.engine.launch import start_engine
from cockpit.journal.events import HostKeyAccepted, HostKeyOffered, ServerContacted
from cockpit.journal.lease import SessionDir
from cockpit.state.model import State
from tests.engine.ground import Night, night, session_of
from tests.hosts import Host, Hosts, section

REBUILD = """
[[steps]]
id = "rebuild"
on = "fs01"
new_host_key = true
run = "touch /srv/begun; while [ ! -e /srv/go ]; do sleep 0.1; done"

[[steps]]
id = "end"
on = "fs01"
manual = "Ready?"
"""


def behind(home: Path, jump: Host, inner: Host) -> None:
    """ssh_config that leads to `inner` through `jump`, which no plan knows."""
    (home / ".ssh/config").write_text(
        f"Host jump\n  HostName {jump.address}\n  Port {jump.port}\n  User ops\n  IdentityFile {jump.client_key}\n"
        f"Host {inner.address}\n  ProxyJump jump\n"
    )


def lost(state: State, problem: str) -> bool:
    server = state.servers.get("fs01")
    return server is not None and server.contact == "lost" and server.problem == problem


def up(state: State) -> bool:
    return "fs01" in state.servers and state.servers["fs01"].contact == "up"


def asked(here: Night) -> list[str]:
    return [fact.event.key for fact in here.facts if isinstance(fact.event, HostKeyOffered)]


async def begun(host: Host) -> None:
    async with asyncio.timeout(30):
        while not host.path("/srv/begun").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def swap(host: Host) -> str:
    key = await asyncio.to_thread(host.swap_host_key)
    await asyncio.to_thread(host.drop_connections)
    return key


async def test_a_jump_hosts_changed_key_is_not_the_servers_rebuild(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    jump = hosts("jump", bastion=True)
    inner = hosts("fs01", user="root", via=jump)
    behind(own_home, jump, inner)
    servers = section(inner).replace('via = "jump"\n', "")
    (own_home / ".ssh/known_hosts").write_text(jump.known_hosts + inner.known_hosts)
    async with night(session_of(tmp_path, servers + REBUILD)) as here:
        await begun(inner)
        await swap(jump)
        said = (await here.until(lambda s: lost(s, "key-changed"))).servers["fs01"].text or ""
        assert "jump host jump" in said and "known_hosts" in said and "retry" in said, said
        assert [name for name in here.state.servers if name != "fs01"] == [], "a jump host is no server of this night"
        (own_home / ".ssh/known_hosts").write_text(jump.known_hosts + inner.known_hosts)
        assert (await here.do("retry", "fs01"))["ok"]
        await here.until(up, 10)
        assert asked(here) == [] and not here.state.prompts
        new = await swap(inner)
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        assert asked(here) == [new]
        await here.do("answer", "host-key-fs01", value="accept")
        await here.until(up)
        assert [f.event.key for f in here.facts if isinstance(f.event, HostKeyAccepted)] == [new]
    assert (here.session.known_hosts_path).read_text() == inner.known_hosts


async def settled(here: Night) -> None:
    """What the engine makes of the newest contact is in the journal: it comes before a note that is made now."""
    assert (await here.do("note", value="here"))["ok"]


async def swapped_and_not_asked(here: Night, host: Host) -> None:
    before, known = asked(here), len(here.facts)
    await swap(host)
    await here.until(lambda s: lost(s, "key-changed"))
    await settled(here)
    assert asked(here) == before and "host-key-fs01" not in here.state.prompts, here.facts[known:]


@pytest.fixture
def rebuilt(hosts: Hosts, tmp_path: Path, own_home: Path) -> tuple[Host, SessionDir]:
    """A server whose step of a rebuild is over when /srv/go is there."""
    host = hosts("fs01", user="root")
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    return host, session_of(tmp_path, section(host) + REBUILD)


async def over(here: Night, host: Host) -> None:
    await begun(host)
    host.path("/srv/go").touch()
    await here.until(lambda s: s.tasks["rebuild@fs01"].state == "done")


async def test_a_new_key_is_expected_only_until_the_next_contact(rebuilt: tuple[Host, SessionDir]) -> None:
    host, session = rebuilt
    async with night(session) as here:
        await over(here, host)
        epoch = len(here.facts)
        await asyncio.to_thread(host.drop_connections)
        await here.until(lambda s: any(isinstance(f.event, ServerContacted) for f in here.facts[epoch:]))
        await swapped_and_not_asked(here, host)
    async with night(session) as here:  # nor by an engine that was not there
        await here.until(lambda s: s.epoch == 2 and lost(s, "key-changed"))
        await settled(here)
        assert asked(here) == []


async def test_a_new_key_is_accepted_once(rebuilt: tuple[Host, SessionDir]) -> None:
    host, session = rebuilt
    async with night(session) as here:
        await begun(host)
        new = await swap(host)
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        await here.do("answer", "host-key-fs01", value="accept")
        await here.until(up)
        await swapped_and_not_asked(here, host)
        assert asked(here) == [new]


async def test_a_key_that_came_while_no_engine_looked_is_asked_about(rebuilt: tuple[Host, SessionDir]) -> None:
    host, session = rebuilt
    async with night(session) as here:
        await over(here, host)
    new = await swap(host)
    async with night(session) as here:
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        assert asked(here) == [new]


async def test_a_refused_key_is_asked_about_again_when_a_person_retries(rebuilt: tuple[Host, SessionDir]) -> None:
    host, session = rebuilt
    async with night(session) as here:
        await begun(host)
        new = await swap(host)
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        await here.do("answer", "host-key-fs01", value="refuse")
        assert (await here.do("retry", "fs01"))["ok"]
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        assert asked(here) == [new, new]
        await here.do("answer", "host-key-fs01", value="accept")
        await here.until(up)


async def test_an_answer_is_for_the_key_that_was_asked_about(rebuilt: tuple[Host, SessionDir]) -> None:
    host, session = rebuilt
    async with night(session) as here:
        await begun(host)
        await swap(host)
        first = (await here.until(lambda s: "host-key-fs01" in s.prompts)).prompts["host-key-fs01"].text
        new = await swap(host)
        now = await here.until(lambda s: "host-key-fs01" in s.prompts and s.prompts["host-key-fs01"].text != first)
        assert (now.servers["fs01"].offered_fingerprint or "") in now.prompts["host-key-fs01"].text
        await here.do("answer", "host-key-fs01", value="accept")
        await here.until(up)
        assert [f.event.key for f in here.facts if isinstance(f.event, HostKeyAccepted)] == [new]


async def test_a_person_rebuilds_it_by_hand(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("fs01", user="root")
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    steps = '[[steps]]\nid = "rebuild"\non = "fs01"\nnew_host_key = true\nmanual = "Rebuild it"\n'
    async with night(session_of(tmp_path, section(host) + steps)) as here:
        await here.until(lambda s: up(s) and "manual-rebuild@fs01" in s.prompts)
        new = await swap(host)
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        assert asked(here) == [new]


async def test_an_accepted_key_outlives_the_engine_that_had_no_time_to_write_it_down(
    rebuilt: tuple[Host, SessionDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, session = rebuilt
    monkeypatch.setenv("COCKPIT_CRASH", "after HostKeyAccepted")
    await asyncio.to_thread(start_engine, session, {})
    monkeypatch.delenv("COCKPIT_CRASH")
    here = Night(session)
    await begun(host)
    new = await swap(host)
    await here.until(lambda s: "host-key-fs01" in s.prompts)
    with suppress(OSError, ValueError):  # it may die before it can say that it heard
        await here.do("answer", "host-key-fs01", value="accept")
    await here.until(lambda s: s.servers["fs01"].accepted_key == new and not session.running())
    assert not session.known_hosts_path.exists()
    async with night(session) as here:
        await here.until(lambda s: s.epoch == 2 and up(s))
        assert asked(here) == [new]


async def test_a_new_key_that_is_the_pinned_one_needs_nobody(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    """A rebuild brought another key, which a person accepted; the next brings back the one that the plan pins."""
    host = hosts("fs01", user="root")
    host.run("cp -p /etc/ssh/ssh_host_ed25519_key /root/first")
    pinned = host.host_key
    step = '[[steps]]\nid = "{0}"\non = "fs01"\nnew_host_key = true\nmanual = "{0} it"\n'
    steps = step.format("rebuild") + step.format("restore")
    async with night(session_of(tmp_path, section(host, host_key=pinned) + steps)) as here:
        await here.until(lambda s: up(s) and "manual-rebuild@fs01" in s.prompts)
        new = await swap(host)
        await here.until(lambda s: "host-key-fs01" in s.prompts)
        await here.do("answer", "host-key-fs01", value="accept")
        await here.until(up)
        await here.do("done", "rebuild@fs01")
        await here.until(lambda s: "manual-restore@fs01" in s.prompts)
        host.kill_sshd()
        host.run("cp -p /root/first /etc/ssh/ssh_host_ed25519_key")
        await asyncio.to_thread(host.start_sshd)
        await here.until(lambda s: s.servers["fs01"].accepted_key == pinned and up(s))
        accepted = [(f.event.key, f.event.by) for f in here.facts if isinstance(f.event, HostKeyAccepted)]
        assert accepted == [(new, "person"), (pinned, "pinned")] and asked(here) == [new]
