"""`cockpit report` of a real night: what it must say, and that nothing in it is markup by accident."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.night.sessions import Cockpit, session_of, write_plan

STEPS = r"""
[[steps]]
id = "fill"
on = "fs01"
title = "Fill | it"
run = "mkdir -p /srv/data; head -c 3000000 /dev/urandom > /srv/data/one"
estimate = "1s"

[[steps]]
id = "backup"
on = "fs01"
copy = { from = "/srv/data/", to = "nas01:/srv/vault/" }

[[steps]]
id = "prove"
on = "fs01"
verify = [
  { compare = ["/srv/data", "nas01:/srv/vault"], by = "content", name = "same" },
  { run = "printf '\\033[31m<script>alert(1)</script> | *bold*\\n'", expect = "nothing of it", name = "hostile" },
]
on_failure = "continue"

[[steps]]
id = "look"
manual = "Look at it."

[[steps]]
id = "rest"
on = "nas01"
run = "exit 3"
"""


@pytest.fixture
def night(cockpit: Cockpit, hosts: Hosts, place: Path) -> str:
    """The id of a session that went through all of it."""
    plan = write_plan(place, [hosts("fs01", user="root"), hosts("nas01", user="root")], STEPS, head='[limits]\njobs = 4\n')
    session = session_of(cockpit("run", str(plan), "--headless", "--as", "anna", code=4).stdout)
    cockpit("do", session, "note", "--value", "The customer called.", "--as", "anna")
    cockpit("do", session, "done", "look", "--as", "maria", "--why", "seen with my own eyes")
    cockpit.until(lambda s: any(n["kind"] == "failed" for n in s["needs_you"]), session=session)
    cockpit("do", session, "skip", "rest@nas01", "--as", "maria", "--why", "not needed <tonight>")
    cockpit.until(lambda s: s["outcome"] is not None, session=session)
    return session


class Page(HTMLParser):
    """Text and tags of an HTML page; a tag that is left open is an error of ours."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs), "nothing is fetched or run"
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_whole_night_is_in_it_and_only_our_markup(cockpit: Cockpit, night: str, place: Path) -> None:
    said = cockpit("report", night).stdout
    cockpit("report", night, "-o", str(place / "r.html"))
    page = Page((place / "r.html").read_text())
    assert page.open == [] and "script" not in page.tags
    for section in ("Planned against actual", "Transfers", "Forecasts of transfers", "Forecasts of the finish", "Proofs",
                    "Decisions", "Notes", "Backout", "Servers", "Engines"):
        assert section in page.text and f"## {section}" in said
    for text in (page.text, said.replace("\\", "")):
        assert "attribution, not authentication" in text
        assert "3.00 MB" in text and "pull" in text
        assert "maria" in text and "seen with my own eyes" in text and f"uid {os.getuid()}" in text
        assert "not needed <tonight>" in text or "not needed &lt;tonight" in text
        assert "The customer called." in text and "Test host fs01" in text
        assert "prove/same" in text and "prove/hostile" in text and "FAIL" in text
    assert "\x1b" not in said + page.text
    cockpit("report", night, "-o", str(place / "r.md"))
    only_our_markup((place / "r.md").read_text())
    assert ".html nor .md" in cockpit("report", night, "-o", str(place / "r.pdf"), code=2).stderr
    assert "where you may write" in cockpit("report", night, "-o", str(place / "no" / "r.md"), code=2).stderr


def only_our_markup(text: str) -> None:
    """No tag, and every row of a table has as many columns as its head."""
    assert "<script" not in text.replace("\\<", "") and "Fill \\| it" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    for table in tables:
        widths = {len(row.replace("\\|", "").split("|")) for row in table}
        assert len(widths) == 1, table
