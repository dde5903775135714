"""What is drawn in pieces looks, in a real terminal, like what is drawn whole."""

from __future__ import annotations

import time
from pathlib import Path

from tests.ui.journals import begin, to_the_middle
from tests.ui.terminal import terminal, ui


async def test_a_screen_drawn_in_pieces_looks_like_one_drawn_whole(tmp_path: Path) -> None:
    night, clock = await begin(tmp_path, opens=time.time() - 6345)
    await to_the_middle(night, clock)
    await night.writer.close()
    at = time.strftime("%H:%M", time.gmtime(night.opens + 4500))
    with terminal() as t:
        t.start(ui(night.path, f"run_replay(path, at={at!r}, speed=600.0)"), (120, 40))
        t.keys("j", "Tab", "j")
        t.sees("PAUSED", "KEY", "FAILED")  # its end
        pieces = t.text(styled=True)
        t.resize(121, 40)
        t.until(lambda: t.text(styled=True) != pieces, "it was not drawn again")
        t.resize(120, 40)
        t.until(lambda: t.text(styled=True) == pieces, f"this was drawn in pieces, and whole it is what follows:\n{pieces}")
