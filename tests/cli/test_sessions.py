"""`cockpit sessions`: how long ago each began, in words."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from cockpit.cli import main
from cockpit.journal.events import SessionStarted
from cockpit.journal.writer import Writer
from tests.engine.ground import session_of


async def test_a_session_says_how_long_ago_it_began(tmp_path: Path) -> None:
    session = session_of(tmp_path, '[[steps]]\nid = "here"\non = "local"\nrun = "true"\n')
    writer = Writer.open(session.journal_path)
    await writer.append(SessionStarted(session.id, "a night", "live", 0.0, 1.0, None, 0.0, {}))
    await writer.close()
    said = CliRunner().invoke(main, ["sessions"]).stdout
    assert re.search(rf"^{session.id} .*a night, began (now|\d+ seconds? ago)$", said, re.MULTILINE), said
