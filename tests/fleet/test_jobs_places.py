"""Servers that are not what one hopes: shells, read-only and full disks, noexec, busybox. And the server's lock."""

from __future__ import annotations

import asyncio
from shlex import quote
from unittest.mock import patch

import pytest

from cockpit.fleet.api import FleetError
from cockpit.fleet.shell import Section
from tests.fleet.ssh_link import jobs_on, spec, whole
from tests.hosts import Host, Hosts, require

SCRIPT = b"#!/bin/sh\necho run as $(id -un) from $0\n"
AUTHORIZE = "chmod 700 /root; mkdir -pm 700 /root/.ssh; cat >/root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys"


@pytest.mark.parametrize(
    "how",
    [
        {"shell": "csh"}, {"shell": "fish"}, {"shell": "dash", "sh": "bash"},
        {"shell": "busybox", "sh": "busybox", "userland": "busybox"}, {"server": "dropbear", "user": "root"},
        {"shell": "bash", "noisy_rc": True}, {"shell": "csh", "noisy_rc": True}, {"max_sessions": 1},
        {"read_only_home": True}, {"noexec_tmp": True, "read_only_home": True}, {"without": ("flock", "sudo", "python3", "awk")},
    ],
    ids=lambda how: "-".join(f"{key}={value}" for key, value in how.items()),
)  # fmt: skip
async def test_jobs_work_there(hosts: Hosts, how: dict[str, object]) -> None:
    host = hosts("srv", **how)
    async with jobs_on(host) as jobs:
        command = "echo \"it's $((1 + 1))\"; sleep 0.4; echo end >&2; exit 7"
        await jobs.start_job(spec("command", command, lock="/srv/x", timeout=60))
        out, err, last = await whole(jobs, "command")
        assert (out, err, last.exit) == (b"it's 2\n", b"end\n", 7)
        await jobs.start_job(spec("script", "", program=SCRIPT, args=("a",)))
        out, err, last = await whole(jobs, "script")
        assert out.startswith(f"run as {host.user} from ".encode()) and err == b""
        assert (b" /var/tmp/cockpit-1000/" in out) == bool(how.get("read_only_home"))
        assert await jobs.boot_id() == host.boot_id
    async with jobs_on(host) as jobs:
        assert (await jobs.inspect_job("command", become=False)).exit == 7
        await jobs.remove_jobs("s1")
        assert (await jobs.inspect_job("command", become=False)).phase == "absent"


async def test_no_setsid_is_said(hosts: Hosts) -> None:
    host = hosts("srv", without=("setsid",))
    async with jobs_on(host) as jobs:
        with pytest.raises(FleetError, match="setsid") as problem:
            await jobs.start_job(spec("j", "true"))
        assert problem.value.problem == "tools"


async def test_secrets_are_not_used_where_they_cannot_be_hidden(hosts: Hosts) -> None:
    host = hosts("srv", without=("awk",))
    async with jobs_on(host) as jobs:
        with pytest.raises(FleetError, match="srv has no od or awk"):
            await jobs.start_job(spec("j", "true", secrets={"PW": "hunter2"}))
        assert (await jobs.inspect_job("j", become=False)).phase == "absent"


async def test_a_full_disk_begins_nothing_and_says_so(hosts: Hosts) -> None:
    host = hosts("srv", user="root", small={"/root": "1m", "/var/tmp": "1m", "/tmp": "1m"})
    host.run(AUTHORIZE, input=host.client_key.with_suffix(".pub").read_bytes())
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("before", "echo kept"))
        await whole(jobs, "before")
        fill = "".join(f"cat /dev/zero >{place}/fill; " for place in ("/root", "/tmp", "/var/tmp"))
        await jobs.start_job(spec("fills", f"{fill} exit 3"))
        _, err, last = await whole(jobs, "fills")
        assert b"No space left" in err or b"write error" in err or err == b""
        assert (last.phase, last.exit) == ("ended", 3), "its record was begun while there was room, and needs no more"
        assert last.how in ("", "record")
        report = await jobs.start_job(spec("after", "echo never"))
        assert (report.phase, report.exit, report.how) == ("ended", None, "record") and report.error
        host.run("rm /root/fill")
        assert (await jobs.start_job(spec("after", "echo at last"))).how == ""
        assert (await whole(jobs, "after"))[0] == b"at last\n"
        assert (await whole(jobs, "before"))[0] == b"kept\n"


@pytest.mark.parametrize("without", [(), ("cksum",)], ids=["cksum", "size"])
async def test_a_program_that_did_not_arrive_whole_is_not_begun(hosts: Hosts, without: tuple[str, ...]) -> None:
    """The disk was full while its pieces came, and has room again when it is to begin."""
    host = hosts("srv", user="root", small={"/root": "1m"}, without=without)
    host.run(AUTHORIZE, input=host.client_key.with_suffix(".pub").read_bytes())
    program = b"#!/bin/sh\necho begun\n" + b"# a line of no meaning\n" * 3000 + b"echo whole\n"
    async with jobs_on(host) as jobs:
        await jobs.boot_id()
        shell = (await jobs._desk(False)).shell
        request = shell.request

        async def room_again(command: str, *, before: bytes = b"") -> list[Section]:
            if command == "ck_start":
                host.run("rm -f /root/fill")
            return await request(command, before=before)

        host.run("cat /dev/zero > /root/fill")
        with patch.object(shell, "request", room_again), pytest.raises(FleetError, match="did not arrive whole on srv"):
            await jobs.start_job(spec("j", "", program=program))
        assert (await jobs.inspect_job("j", become=False)).phase == "absent"
        assert not list(host.path("/root/.cockpit").glob("up.*"))
        await jobs.start_job(spec("j", "", program=program))
        out, err, last = await whole(jobs, "j")
        assert (out, err, last.exit) == (b"begun\nwhole\n", b"", 0)


async def test_a_result_that_cannot_be_written_is_told_and_written_later(hosts: Hosts) -> None:
    require("chattr")
    host = hosts("srv", user="root")
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("j", "echo begun; until test -e /srv/go; do sleep 0.05; done; exit 6"))
        following = jobs.follow_job("j", become=False)
        await anext(following)
        assert host.run("chattr +i /root/.cockpit/jobs/s1/j.record && touch /srv/go").returncode == 0
        last = await anext(following)
        assert (last.phase, last.exit, last.how) == ("ended", 6, "record")  # type: ignore[union-attr]
        seen = await jobs.inspect_job("j", become=False)
        assert (seen.phase, seen.exit, seen.how) == ("ended", None, "record") and "cannot be written" in seen.error
        host.run("chattr -i /root/.cockpit/jobs/s1/j.record; pkill -x sleep")
        while (seen := await jobs.inspect_job("j", become=False)).how:
            pass
        assert (seen.phase, seen.exit) == ("ended", 6)


async def test_the_servers_lock_names_session_person_and_time(hosts: Hosts) -> None:
    host = hosts("srv", shell="csh")
    async with jobs_on(host) as one, jobs_on(host) as two:
        assert await one.claim("night-1", "Ada  Lovelace") is None
        assert await one.claim("night-1", "Ada Lovelace") is None
        found = await two.claim("night-2", "bob")
        assert found is not None and (found.session, found.who) == ("night-1", "Ada Lovelace") and found.at > 1.7e9
        assert await two.claim("night-2", "bob", force=True) is None
        assert (await one.claim("night-1", "Ada")).who == "bob"  # type: ignore[union-attr]
        await one.remove_jobs("night-1")
        assert (await one.claim("night-1", "Ada")).who == "bob"  # type: ignore[union-attr]
        await two.remove_jobs("night-2")
        assert await one.claim("night-1", "Ada") is None


async def test_of_many_claims_one_wins(hosts: Hosts) -> None:
    host = hosts("srv")
    async with jobs_on(host) as one, jobs_on(host) as two, jobs_on(host) as three:
        found = await asyncio.gather(*(jobs.claim(f"n{number}", f"p{number}") for number, jobs in enumerate((one, two, three))))
        assert sum(claim is None for claim in found) == 1, found
        winner = f"n{[claim is None for claim in found].index(True)}"
        assert {claim.session for claim in found if claim} == {winner}


def signs(host: Host) -> list[str]:
    """The nights that another login of this host can see, by their sessions."""
    return sorted(path.name.split("~")[1] for path in host.path("/var/tmp").glob("cockpit-night~*"))


@pytest.mark.parametrize("sh", ["dash", "bash", "busybox"])
async def test_a_night_of_another_login_is_seen(hosts: Hosts, sh: str) -> None:
    host = hosts("srv", sh=sh)
    host.run(AUTHORIZE, input=host.client_key.with_suffix(".pub").read_bytes())
    async with jobs_on(host) as ada, jobs_on(host, user="root") as bob:
        assert await ada.claim("night-1", "Ada  Lovelace") is None
        assert signs(host) == ["night-1"]
        found = await bob.claim("night-2", "bob")
        assert found is not None and (found.session, found.who) == ("night-1", "Ada Lovelace (login ops)") and found.at > 1.7e9
        assert signs(host) == ["night-1"], "nothing changed"
        assert await bob.claim("night-2", "bob", force=True) is None
        assert await bob.claim("night-2", "bob") is None, "asked once: what was there before is overruled"
        again = await ada.claim("night-1", "Ada")
        assert again is not None and (again.session, again.who) == ("night-2", "bob (login root)")
        assert await ada.claim("night-1", "Ada", force=True) is None
        await bob.release_claim("night-2")
        assert await ada.claim("night-1", "Ada") is None
        await ada.remove_jobs("night-1")
        assert signs(host) == []
        assert await bob.claim("night-3", "bob") is None


async def test_of_two_logins_that_claim_at_once_not_both_go_on(hosts: Hosts) -> None:
    host = hosts("srv")
    host.run(AUTHORIZE, input=host.client_key.with_suffix(".pub").read_bytes())
    async with jobs_on(host) as ada, jobs_on(host, user="root") as bob:
        await asyncio.gather(ada.boot_id(), bob.boot_id())
        for number in range(20):
            mine, theirs = f"a{number}", f"b{number}"
            found = await asyncio.gather(ada.claim(mine, "ada"), bob.claim(theirs, "bob"))
            assert found.count(None) <= 1, found
            await asyncio.gather(ada.release_claim(mine), bob.release_claim(theirs))
            assert signs(host) == []


HOSTILE = r"""cd /var/tmp && mkfifo 'cockpit-night~a~1~x~1' && ln -s /etc/passwd 'cockpit-night~b~1~x~1' &&
mkdir 'cockpit-night~c~1~x~1' && ln -s /nowhere 'cockpit-night~night-1~1~x~1' && touch 'cockpit-night~night-1~1~x~2'"""


async def test_a_hostile_user_can_bring_about_the_question_and_nothing_else(hosts: Hosts) -> None:
    host = hosts("srv")
    nobody = "setpriv --reuid=65534 --clear-groups sh -c "
    assert host.run(f"{nobody} {quote(HOSTILE)}").returncode == 0
    async with jobs_on(host) as jobs:
        assert await jobs.claim("night-1", "ada") is None
        odd = "touch \"$(printf '/var/tmp/cockpit-night~\\n\\033[31m~- end\\n%s' x)\""
        assert host.run(f"{nobody} {quote(odd)}").returncode == 0
        found = await jobs.claim("night-1", "ada")
        assert found is not None and (found.session, found.who) == ("unknown", "somebody (login nobody)")
        assert await jobs.claim("night-1", "ada", force=True) is None
        await jobs.remove_jobs("night-1")
        assert await jobs.boot_id() == host.boot_id, "the control shell lives"


async def test_what_still_runs_stays(hosts: Hosts) -> None:
    host = hosts("srv", sudo="nopasswd")
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("root", "sleep 60", become=True))
        await jobs.start_job(spec("user", "true"))
        await whole(jobs, "user")
        await jobs.start_job(spec("other", "true", session="s2"))
        await jobs.remove_jobs("s1")
        assert (await jobs.inspect_job("user", become=False)).phase == "absent"
        assert (await jobs.inspect_job("root", become=True)).phase == "running"
        assert (await whole(jobs, "other"))[2].exit == 0
        await jobs.cancel_job("root", become=True, grace=0)
        await jobs.remove_jobs("s1")
        assert (await jobs.inspect_job("root", become=True)).phase == "absent"
