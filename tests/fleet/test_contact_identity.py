"""Who they are and who we are: host keys, keys with passphrases, agents, passwords, and ssh_config."""

from __future__ import annotations

import asyncio
import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from cockpit.fleet.api import Lost, Target
from cockpit.fleet.fleet import Fleet
from cockpit.fleet.hostkeys import HostKeys
from cockpit.fleet.trust import fetch_keys, write_known_hosts
from tests.fleet.ground import ground, target_of
from tests.hosts import Hosts


def make_key(path: Path, phrase: str | None, *authorize: object, kind: str = "ssh-ed25519") -> Path:
    """A new private key at `path`, its .pub beside it, the only one that these hosts let in."""
    key = asyncssh.generate_private_key(kind, comment="tests")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # few rounds: each time it is opened costs them again
        path.write_bytes(key.export_private_key("openssh", passphrase=phrase, rounds=4))
    public = key.export_public_key("openssh").decode()
    path.with_name(path.name + ".pub").write_text(public)
    for host in authorize:
        home = "/root" if host.user == "root" else "/home/ops"  # type: ignore[attr-defined]
        host.path(f"{home}/.ssh/authorized_keys").write_text(public)  # type: ignore[attr-defined]
    return path


# --- theirs


async def test_an_unknown_host_key_is_never_believed(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    async with ground([host], tmp_path, known=False) as here:
        told = await here.down("one", "key-unknown")
        assert told.offered_key == host.host_key and told.offered_fingerprint and told.offered_fingerprint in told.text
        here.fleet.accept_key("one", host.host_key, "compared on the console")
        await here.up("one")
    assert here.session_known_hosts.read_text() == host.known_hosts
    async with ground([host], tmp_path, known=False) as here:
        await here.up("one")
        assert len(here.seen) == 1


async def test_a_swapped_host_key_stops_exactly_that_server(hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one"), hosts("two")
    async with ground([one, two], tmp_path) as here:
        await here.up("one")
        await here.up("two")
        new = await asyncio.to_thread(one.swap_host_key)
        assert (await here.fleet.remote("one").run("echo still the old connection")).exit == 0
        await asyncio.to_thread(one.drop_connections)
        told = await here.down("one", "key-changed")
        assert told.offered_key == new and one.host_key == new
        with pytest.raises(Exception, match="instead of"):
            await asyncio.wait_for(here.fleet.remote("one").run("true"), 30)
        assert (await here.fleet.remote("two").run("echo fine")).stdout == b"fine\n"
        here.fleet.accept_key("one", new)
        await here.up("one", after=len(here.seen))
        assert here.fleet.remote("one").host_key == new
        assert [one.server for one in here.seen if not one.up and one.server == "two"] == []
    lines = here.session_known_hosts.read_text().splitlines()
    assert len(lines) == 1 and lines[0].endswith(new)


async def test_a_new_connection_beside_an_old_one_finds_the_swap_too(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", max_sessions=1)
    async with ground([host], tmp_path) as here:
        await here.up("one")
        remote = here.fleet.remote("one")
        busy = await remote.link.open_process("echo on; sleep 1000")
        assert await busy.stdout.read(3) == b"on\n"
        await asyncio.to_thread(host.swap_host_key)
        with pytest.raises(Exception, match="instead of"):
            await asyncio.wait_for(remote.run("true"), 30)
        with pytest.raises(Lost):
            await busy.wait()
        await here.down("one", "key-changed")


async def test_a_server_rebuilt_with_another_type_of_key_offers_it(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key("openssh").decode()
    async with ground([host], tmp_path, more={"one": {"host_key": other}}) as here:
        told = await here.down("one", "key-changed")
        assert told.offered_key == host.host_key and "the plan" in told.text


async def test_the_plans_pin_is_believed_and_alone(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    async with ground([host], tmp_path, known=False, more={"one": {"host_key": host.host_key}}) as here:
        await here.up("one")
        new = await asyncio.to_thread(host.swap_host_key)
        await asyncio.to_thread(host.drop_connections)
        assert (await here.down("one", "key-changed")).offered_key == new


async def test_trust_fetches_and_writes_but_never_a_changed_key(hosts: Hosts, tmp_path: Path) -> None:
    bastion = hosts("bastion", bastion=True)
    inner = hosts("inner", via=bastion)
    plan = tmp_path / "plan.known_hosts"
    targets = [target_of(bastion), target_of(inner)]
    async with ground([], tmp_path, extra=targets) as here:
        offered = await fetch_keys(here.fleet, "bastion")
        assert (offered.standing, offered.key) == ("unknown", bastion.host_key)
        with pytest.raises(Lost, match="bastion"):
            await fetch_keys(here.fleet, "inner")
        write_known_hosts(plan, offered)
    (tmp_path / "known_hosts").write_text(plan.read_text())
    files = HostKeys([plan], None)
    assert files.known("bastion", bastion.address, bastion.port, None).source == str(plan)
    plan.write_text(plan.read_text() + f"[{inner.address}]:{inner.port} {bastion.host_key}\n")
    fleet = Fleet(targets, known_hosts=[plan], session_known_hosts=None, ask=here.people, on_contact=lambda _: None)
    assert (await fetch_keys(fleet, "bastion")).standing == "known"
    changed = await fetch_keys(fleet, "inner")
    assert (changed.standing, changed.key, changed.server) == ("changed", inner.host_key, "inner")
    with pytest.raises(Exception, match="changed key is not written"):
        write_known_hosts(plan, changed)
    await fleet.close()


def test_known_hosts_precedence_ports_hashes_and_revocation(tmp_path: Path) -> None:
    a, b, c = (asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().strip() for _ in range(3))
    early, late, session = tmp_path / "early", tmp_path / "late", tmp_path / "session"
    early.write_text(f"[h]:2222 {a}\n* {c}\n".replace("* ", "other "))
    late.write_text(f"[h]:2222 {b}\nh {b}\n@revoked * {c}\n")
    keys = HostKeys([early, late], session)
    known = keys.known("s", "h", 2222, None)
    assert [key.export_public_key().decode().split()[1] for key in known.keys] == [a.split()[1]] and len(known.revoked) == 1
    assert keys.known("s", "h", 2200, None).source == ""  # what is known of port 22 says nothing of another one
    assert keys.known("s", "h", 22, None).source == str(late)
    assert keys.known("s", "h", 2222, b).source == "the plan"
    keys.accept("[h]:2222", c)
    assert keys.known("s", "h", 2222, b).source == str(session)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(late)], check=True, capture_output=True)
    assert keys.known("s", "h", 22, None).source == str(late)
    late.write_text("h not-a-key\n@wrong\n")
    with pytest.raises(Exception, match="late"):
        keys.known("s", "h", 22, None)


# --- ours


async def test_a_passphrase_is_asked_once_for_all_and_again_when_wrong(hosts: Hosts, tmp_path: Path) -> None:
    made = [hosts("one"), hosts("two")]
    key = make_key(tmp_path / "locked", "s3cret", *made)
    more = {host.name: {"key": str(key)} for host in made}
    async with ground(made, tmp_path, answers={"passphrase": ["wrong", "s3cret"]}, more=more) as here:
        await here.up("one")
        await here.up("two")
        assert [(kind, name) for kind, name, _ in here.people.asked] == [("passphrase", str(key))] * 2
        assert "refused" in here.people.asked[1][2]
    async with ground(made, tmp_path, more=more) as here:
        told = await here.down("one", "auth")
        assert "nobody gave one" in told.text
        here.people.answers["passphrase"] = ["s3cret"]
        here.fleet.retry("one")
        await here.up("one")


async def test_a_missing_key_says_which(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    async with ground([host], tmp_path, more={"one": {"key": str(tmp_path / "none")}}) as here:
        assert str(tmp_path / "none") in (await here.down("one", "auth")).text


async def test_a_refused_key_is_no_reason_to_knock_again_soon(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    key = make_key(tmp_path / "stranger", None)
    async with ground([host], tmp_path, more={"one": {"key": str(key)}}) as here:
        told = await here.down("one", "auth")
        assert "ops" in told.text and str(key) in told.text
        make_key(key, None, host)
        here.fleet.retry("one")  # what a person mended is tried at once
        assert (await here.up("one")).facts["login"] == "key"


async def test_a_password_is_asked_for_and_asked_again(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("pw", password_login=True, password="correct horse")
    more = {"pw": {"key": None}}
    async with ground([host], tmp_path, answers={"password": ["wrong", "correct horse"]}, more=more) as here:
        assert (await here.up("pw")).facts["login"] == "password"
        assert [kind for kind, _, _ in here.people.asked] == ["password"] * 2
        assert host.address in here.people.asked[0][2] and "refused" in here.people.asked[1][2]
        await asyncio.to_thread(host.drop_connections)
        await here.up("pw", after=len(here.seen))
        assert len(here.people.asked) == 2


class _Challenges(asyncssh.SSHServer):
    """Asks a password and a code, as PAM would: without it, as on the test hosts, sshd has nothing to ask in this way."""

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> object:
        return "", "Two things", "en", [("Password: ", False), ("Code: ", False)]

    def validate_kbdint_response(self, username: str, responses: object) -> bool:
        return responses == ["correct horse", "123456"]


async def test_keyboard_interactive_with_a_code_that_is_good_once(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=_Challenges, server_host_keys=[key], sftp_factory=True)
    target = Target("pam", "127.0.0.1", user="ops", port=server.get_port(), sftp_only=True,
                    host_key=key.export_public_key("openssh").decode())  # fmt: skip
    async with server, ground([], tmp_path, extra=[target], answers={"password": ["correct horse", "123456"]}) as here:
        await here.up("pam")
        assert [text.rpartition(": ")[2] or text for _, _, text in here.people.asked][-1].endswith("Code:")
        assert len(here.people.asked) == 2
        assert "correct horse" not in "".join(text for _, _, text in here.people.asked)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    try:
        yield path
    finally:
        process.terminate()
        process.wait()


async def ssh_add(what: str) -> None:
    process = await asyncio.create_subprocess_exec("ssh-add", "-q", what)
    assert await process.wait() == 0


async def test_the_agent_opens_what_it_holds_and_may_die(hosts: Hosts, tmp_path: Path, agent: Path) -> None:
    host = hosts("one")
    key = make_key(tmp_path / "locked", "s3cret", host)
    for number in range(8):  # more than sshd takes: ours must not be the ninth
        await ssh_add(str(make_key(tmp_path / f"other{number}", None)))
    open_ = tmp_path / "open"
    open_.write_bytes(asyncssh.read_private_key(key, "s3cret").export_private_key("openssh"))
    open_.chmod(0o600)
    await ssh_add(str(open_))
    open_.unlink()
    more = {"one": {"key": str(key)}}
    async with ground([host], tmp_path, more=more, answers={"passphrase": ["s3cret"]}) as here:
        assert (await here.up("one")).facts["login"] == "agent"
        assert here.people.asked == []
        await ssh_add("-D")
        agent.unlink()
        await asyncio.to_thread(host.drop_connections)
        await here.up("one", after=len(here.seen))
        assert [kind for kind, _, _ in here.people.asked] == ["passphrase"]


# --- ssh_config


async def test_ssh_config_is_read_as_ssh_reads_it(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("one")
    key = make_key(own_home / ".ssh/odd_name", None, host)
    (own_home / ".ssh/config.d").mkdir()
    (own_home / ".ssh/config.d/site").write_text(f"Host fs* !fs99\n  HostName {host.address}\n  Port {host.port}\n")
    (own_home / ".ssh/config").write_text(
        "Include config.d/*\n# first value wins\nHost fs01\n  User ops\n  IdentityFile ~/.ssh/odd_name\n"
        "  UserKnownHostsFile ~/.ssh/site_hosts\nHost *\n  User nobody\n  Port 1\n  ServerAliveInterval 5\n"
    )
    (own_home / ".ssh/site_hosts").write_text(host.known_hosts)
    async with ground([], tmp_path, extra=[Target("files", "fs01"), Target("not", "fs99", connect_timeout=2)]) as here:
        await here.up("files")
        assert (await here.fleet.remote("files").run("id -un; hostname")).stdout == b"ops\none\n"
        await here.until(lambda one: one.server == "not" and not one.up)
    assert key.exists()


async def test_the_plan_wins_over_ssh_config(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("one")
    (own_home / ".ssh/config").write_text(f"Host {host.address}\n  User nobody\n  Port 1\n  IdentityFile /nowhere\n")
    async with ground([host], tmp_path) as here:
        await here.up("one")


async def test_proxy_jump_checks_the_jump_hosts_own_key(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    bastion = hosts("bastion", bastion=True)
    inner = hosts("inner", via=bastion)
    (own_home / ".ssh/config").write_text(
        f"Host jump\n  HostName {bastion.address}\n  Port {bastion.port}\n  User ops\n"
        f"Host inner\n  HostName {inner.address}\n  Port {inner.port}\n  User ops\n  ProxyJump jump\n"
        f"Host *\n  IdentityFile {inner.client_key}\n"
    )
    (own_home / ".ssh/known_hosts").write_text(inner.known_hosts)
    async with ground([], tmp_path, extra=[Target("inner", "inner")]) as here:
        told = await here.down("inner", "key-unknown")
        assert told.offered_key == bastion.host_key and "jump host jump" in told.text
        assert told.offered_key is not None
        here.fleet.accept_key("inner", told.offered_key)
        await here.up("inner")
        assert (await here.fleet.remote("inner").run("hostname")).stdout == b"inner\n"
    assert here.session_known_hosts.read_text() == bastion.known_hosts


async def test_a_proxy_command(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("one")
    (own_home / ".ssh/config").write_text(f"Host {host.address}\n  ProxyCommand busybox nc %h %p\n")
    async with ground([host], tmp_path) as here:
        await here.up("one")
        assert (await here.fleet.remote("one").run("hostname")).stdout == b"one\n"


@pytest.mark.parametrize("text", ["Host *\n  ProxyJump loop\n", "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n"])
async def test_a_way_in_a_circle_is_told(tmp_path: Path, own_home: Path, text: str) -> None:
    (own_home / ".ssh/config").write_text(text)
    async with ground([], tmp_path, extra=[Target("one", "a", connect_timeout=2)]) as here:
        await here.until(lambda one: "circle" in one.text)


async def test_an_unreadable_ssh_config_names_its_line(tmp_path: Path, own_home: Path) -> None:
    (own_home / ".ssh/config").write_text("Host *\n  Port many\n")
    async with ground([], tmp_path, extra=[Target("one", "127.0.0.1")]) as here:
        assert "line 2" in (await here.down("one", "other")).text


async def test_commands_are_given_what_ssh_config_sends_and_sets(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, config = hosts("env", sshd_config="AcceptEnv NIGHT_*\n"), tmp_path / "ssh_config"
    config.write_text("Host *\n  SendEnv NIGHT_? OTHER\n  SetEnv NIGHT_SET=two NIGHT_B=mine\n")
    for name in ("NIGHT_A", "NIGHT_B", "NIGHT_LONG", "OTHER"):
        monkeypatch.setenv(name, "one")
    monkeypatch.setitem(os.environb, b"NIGHT_C", b"\xff")
    async with ground([host], tmp_path, ssh_config=[config]) as here:
        await here.up("env")
        done = await here.fleet.remote("env").run('echo "$NIGHT_A,$NIGHT_B,$NIGHT_LONG,$NIGHT_SET,$OTHER,$NIGHT_C"')
    assert done.stdout == b"one,mine,,two,,\xff\n"
