"""The checks that ask one question, of real servers and services."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.api import Lost
from cockpit.plan.model import Check
from cockpit.steps.verify import step as verify
from tests.hosts.factory import Hosts
from tests.verify.ground import bench, comparing, plant


def check(kind: Any, value: str, name: str = "", **how: Any) -> Check:
    return Check(kind, name or kind, value, **how)


async def test_run(hosts: Hosts, tmp_path: Path) -> None:
    async with bench([hosts("one", shell="csh", sudo="password")], tmp_path) as b:
        told = await b.one(check("run", "id -un; echo é"))
        assert str(told) == "pass: exit 0: root é" and told.paths == []
        assert (await b.one(check("run", "id -un", expect="^ops$"), become=False)).result == "pass"
        told = await b.one(check("run", "echo 41 rows", expect=r"^42 rows"))
        assert told.result == "fail" and "'41 rows', which does not match '^42 rows'" in told.evidence
        told = await b.one(check("run", "echo bad >&2; exit 3"))
        assert str(told) == "fail: exit 3, not 0: bad"
        assert (await b.one(check("run", "exit 3", exit=3))).result == "pass"
        assert (await b.one(check("run", "kill -9 $$", exit=0))).evidence.startswith("exit 137, not 0")
        told = await b.one(check("run", r"printf 'a\033[31mb\377\n'", expect="b"))
        assert told.result == "pass" and "\x1b" not in told.evidence
        told = await b.one(check("run", "echo x", expect="("))
        assert told.result == "not-tested", "a template may have made it no regular expression"
        told = await b.one(check("run", "yes | head -c 3000000", expect="(?s)^(?!.*error)"))
        assert told.result == "not-tested" and "more than can be searched" in told.evidence
        told = await b.one(check("run", "sleep 30"), timeout=0.5)
        assert told.result == "not-tested" and "longer than" in told.evidence


async def test_run_has_the_environment_of_its_step_and_keeps_its_secrets(hosts: Hosts, tmp_path: Path) -> None:
    async with bench([hosts("one", user="root")], tmp_path) as b:
        told = await b.one(
            check("run", 'pwd; echo "$COLOUR"; echo "$db"; ps axww | grep -c "[h]unter2"', exit=1),
            env={"COLOUR": "blue sky"}, cwd="/var/tmp", secrets=("db",), given={"db": "hunter2"},
        )  # fmt: skip
        assert told.evidence.startswith("exit 1: /var/tmp blue sky *******"), told


SECRETS = ("plain-secret", "back\\slash'quo\"te", "my  secret", "tab\there", "zwölf\u200bzeichen", "it's -_-")


async def test_evidence_holds_no_part_of_a_secret(hosts: Hosts, tmp_path: Path) -> None:
    """Neither quoted, nor on one line, nor where it is cut."""
    asked = [check("lag", 'echo "$db"', below=1.0), check("lag", 'echo "$db" >&2; exit 1', "failing", below=1.0)]
    for before in (0, 192):
        say = f"printf '%{before}s' '' | tr ' ' x; printf 'pw=%s' \"$db\"; "
        asked += [
            check("run", say, f"{before} passes"), check("run", say, f"{before} is no match", expect="^NO"),
            check("run", say + "exit 1", f"{before} fails"),
        ]  # fmt: skip
    async with bench([hosts("one", user="root")], tmp_path) as b:
        for secret in SECRETS:
            _, ctx = await b.run(*asked, secrets=("db",), given={"db": secret})
            assert len(ctx.verdicts) == len(asked)
            for told in ctx.verdicts:
                parts = (secret[:3], repr(secret)[1:4], secret[-3:])
                assert "**" in told.evidence and not any(part in told.evidence for part in parts), told


async def test_what_is_proved_is_what_was_printed(hosts: Hosts, tmp_path: Path) -> None:
    async with bench([hosts("one", user="root")], tmp_path) as b:
        told = await b.one(check("run", "echo 12345 rows", expect="^12345 rows"), secrets=("pin",), given={"pin": "1234"})
        assert str(told) == "pass: exit 0: ****5 rows"


async def test_tcp(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", user="root")
    async with bench([host], tmp_path) as b:
        told = await b.one(check("tcp", f"{host.address}:{host.port}"))
        assert told.result == "pass" and "answered in" in told.evidence
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            told = await b.one(check("tcp", f"127.0.0.1:{taken.getsockname()[1]}"))
        assert told.result == "fail" and "refused" in told.evidence
        told = await b.one(check("tcp", "no-such-host.invalid:80"))
        assert told.result == "fail"
        for odd in ("localhost", "localhost:", ":80", "localhost:http", "localhost:0", "localhost:70000"):
            assert (await b.one(check("tcp", odd))).result == "not-tested", odd


async def test_behind_a_jump_host_a_port_says_from_where_it_was_asked(hosts: Hosts, tmp_path: Path) -> None:
    jump = hosts("jump", bastion=True)
    inner = hosts("inner", via=jump)
    asked = check("tcp", f"{inner.address}:{inner.port}"), check("http", f"http://{inner.address}:{inner.port}/")
    async with bench([jump, inner], tmp_path) as b:
        _, ctx = await b.run(*asked, on="inner")
        for told in ctx.verdicts:
            assert told.result == "fail" and told.evidence.endswith("(asked from this machine; inner is reached via jump)"), told


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code = {"/": 200, "/teapot": 418, "/moved": 302, "/login": 200, "/slow": 200}.get(self.path, 404)
        self.send_response(code)
        if self.path == "/moved":
            self.send_header("Location", "/login")
        self.end_headers()
        self.wfile.write({"/": "open at nine ü", "/login": "who are you"}.get(self.path, "nothing").encode())

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler] = Site) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


async def test_http(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with bench([hosts("one", user="root")], tmp_path) as b:
        with serving() as site:
            assert (await b.one(check("http", site + "/", contains="nine ü"))).result == "pass"
            told = await b.one(check("http", site + "/", contains="at ten"))
            assert told.result == "fail" and "'at ten' is not in its 15 bytes" in told.evidence
            told = await b.one(check("http", site + "/none"))
            assert told.result == "fail" and "status 404, not 200" in told.evidence
            assert (await b.one(check("http", site + "/teapot", status=418, contains="nothing"))).result == "pass"
            told = await b.one(check("http", site + "/moved"))
            assert told.result == "pass" and f"which led to {site}/login" in told.evidence
            assert (await b.one(check("http", site + "/moved", status=302))).result == "pass"
        told = await b.one(check("http", site + "/"))
        assert told.result == "fail" and "refused" in told.evidence, "nobody is there any longer"
        for odd in ("file:///etc/passwd", "ftp://x/", f"{site}/a b", "http://[::1", "http://"):
            told = await b.one(check("http", odd))
            assert told.result != "pass", told


async def test_http_from_what_is_no_web_server(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", user="root")
    async with bench([host], tmp_path) as b:
        told = await b.one(check("http", f"http://{host.address}:{host.port}/"))
        assert told.result == "fail" and "SSH-2.0" in told.evidence, told


async def test_lag(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", user="root")
    async with bench([host], tmp_path) as b:
        told = await b.one(check("lag", "echo 3.5", below=10.0))
        assert str(told) == "pass: lag 3.5 s, below 10 s"
        began = time.monotonic()
        told = await b.one(check("lag", "echo x >>/srv/n; wc -l </srv/n", below=10.0, for_=3.0))
        assert 3.0 <= time.monotonic() - began < 20 and told.result == "pass"
        assert "lag at most 3 s during 3 s, measured 3 times" in told.evidence, told
        told = await b.one(check("lag", "echo x >>/srv/m; wc -l </srv/m", below=2.0, for_=600.0))
        assert told.result == "fail" and "lag 2 s, not below 2 s" in told.evidence, "held, and not only once"
        for odd in ("echo", "echo -1", "echo nan", "echo NULL", "echo 1 2", "exit 1", "echo 1; exit 1"):
            told = await b.one(check("lag", odd, below=10.0))
            assert told.result == "not-tested", (odd, told)
        assert (await b.one(check("lag", "echo inf", below=10.0))).result == "fail"


async def test_service(hosts: Hosts, tmp_path: Path) -> None:
    gnu = hosts("gnu", user="root")
    small = hosts("small", user="root", userland="busybox", sh="busybox", shell="busybox", without=("python3",))
    for host in (gnu, small):
        for name in ("webd", "a-daemon-with-a-long-name"):
            host.run(f"cp $(readlink -f /usr/bin/sleep) /srv/{name}; chmod 755 /srv/{name}")
        host.path("/srv/start").write_text(
            "for d in webd a-daemon-with-a-long-name; do setsid /srv/$d 1000 >/dev/null 2>&1 </dev/null & done\n"
        )
    gnu.run("sh /srv/start")
    async with bench([gnu, small], tmp_path) as b:
        for name in ("webd", "a-daemon-with-a-long-name"):
            told = await b.one(check("service", name))
            assert told.result == "pass" and told.evidence.startswith("running, pid "), told
        for name in ("web", "webd2", "we.d", "", "../srv/webd", "-x"):
            told = await b.one(check("service", name))
            assert told.result == "fail", told
        told = await b.one(check("service", "sshd"), on="small")
        assert told.result == "pass", told
        told = await b.one(check("service", "webd"), on="small")
        assert str(told) == "fail: no process webd"
        # a process that ended and that nobody has buried
        gnu.run("printf 'import os,time\\nif os.fork()==0: os.execv(\"/srv/zombied\",[\"z\",\"0\"])\\ntime.sleep(60)' >/srv/p.py;"
                "cp /srv/webd /srv/zombied; setsid python3 /srv/p.py >/dev/null 2>&1 </dev/null &"
                "until grep -q 'zombied) Z' /proc/[0-9]*/stat; do sleep 0.02; done")  # fmt: skip
        told = await b.one(check("service", "zombied"))
        assert str(told) == "fail: no process zombied"
        gnu.path("/etc/init.d").mkdir()
        script = gnu.path("/etc/init.d/olddb")
        script.write_text("#!/bin/sh\necho olddb is $(cat /srv/olddb)\ngrep -q up /srv/olddb || exit 3\n")
        script.chmod(0o755)
        for word, result in (("up", "pass"), ("down", "fail")):
            gnu.path("/srv/olddb").write_text(word)
            assert str(await b.one(check("service", "olddb"))) == f"{result}: olddb is {word}"


async def test_mount_and_space(hosts: Hosts, tmp_path: Path) -> None:
    odd = "/srv/with space"
    host = hosts("one", small={"/srv": "8m", "/mnt": "4m"})
    host.run(f"mkdir '{odd}' && mount -t tmpfs -o size=2m odd '{odd}'")
    async with bench([host], tmp_path) as b:
        told = await b.one(check("mount", "/srv/"))
        assert told.result == "pass" and "/srv is " in told.evidence and "(tmpfs)" in told.evidence, told
        assert (await b.one(check("mount", odd))).result == "pass"
        for none in ("/var", "/srv/with", "/none"):
            told = await b.one(check("mount", none))
            assert str(told) == f"fail: nothing is mounted at {none}"
        told = await b.one(check("space", "/srv", free=1_000_000))
        assert told.result == "pass" and "0.01 GB free at /srv" in told.evidence, told
        assert (await b.one(check("space", "/srv", free=20_000_000))).result == "fail"
        assert (await b.one(check("space", odd, free=1_000_000))).result == "pass"
        assert (await b.one(check("space", odd, free=3_000_000))).result == "fail"
        assert (await b.one(check("space", "/none", free=1))).result == "not-tested"


async def test_within_keeps_trying_and_says_so(hosts: Hosts, tmp_path: Path) -> None:
    async with bench([hosts("one", user="root")], tmp_path) as b:
        count = check("run", "echo x >>/srv/n; [ $(wc -l </srv/n) -ge 3 ] && echo third", within=60.0)
        _, ctx = await b.run(count)
        (told,) = ctx.verdicts
        assert told.result == "pass" and told.evidence.startswith("exit 0: third (3 tries in "), told
        assert len(ctx.said) == 1 and ctx.said[0].startswith("run: not yet, trying for 60 s more: exit 1"), ctx.said
        began = time.time()
        told = await b.one(check("run", "false", within=2.5))
        assert told.result == "fail" and "tries in" in told.evidence and time.time() - began >= 2.5
        assert told.started > began + 2, "a verdict speaks of its last try"


async def test_all_are_run_and_one_that_waits_takes_no_room(hosts: Hosts, tmp_path: Path) -> None:
    async with bench([hosts("one", user="root")], tmp_path) as b:
        waiting = [check("run", "test -e /srv/flag", f"wait{i}", within=60.0) for i in range(6)]
        outcome, ctx = await b.run(*waiting, check("run", "touch /srv/flag", "make"), check("run", "exit 1", "bad"))
        results = {v.check: v.result for v in ctx.verdicts}
        assert results == {f"wait{i}": "pass" for i in range(6)} | {"make": "pass", "bad": "fail"}
        assert outcome.result == "failed" and (outcome.error or "").startswith("bad: exit 1")


async def test_contact_lost_in_the_middle_is_the_engines(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", user="root")
    async with bench([host], tmp_path) as b:
        ctx = b.attempt(check("run", "touch /srv/begun; sleep 60"), check("run", "sleep 61", "other"), on="one")
        running = asyncio.create_task(verify.run(ctx))
        await asyncio.to_thread(host.run, "until [ -e /srv/begun ]; do sleep 0.02; done")
        host.drop_connections()
        with pytest.raises(Lost):
            await asyncio.wait_for(running, 30)
        assert ctx.verdicts == []
        left = [task for task in asyncio.all_tasks() if "_Checked" in repr(task)]
        assert left == [], "none goes on for nobody"


async def test_another_refusal_is_not_tested_and_holds_no_other_check(hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one", user="root"), hosts("two", sudo="password")
    for host in (one, two):
        plant(host, "/srv/data", {"f": b"f"})
    two.path("/etc/sudoers").write_text("")
    async with bench([one, two], tmp_path) as b:
        b.fleet.drop("two")
        outcome, ctx = await b.run(comparing("/srv/data", "two:/srv/data"), check("run", "true"))
        results = {v.check: str(v) for v in ctx.verdicts}
        assert results["run"] == "pass: exit 0" and outcome.result == "failed"
        assert results["same"] == "not-tested: two was dropped from this night"
        b.fleet.retry("two")
        await asyncio.wait_for(b.fleet.wait_contact("two"), 20)
        told = await b.compare("/srv/data", "two:/srv/data")
        assert told.result == "not-tested" and "sudo" in told.evidence, told
