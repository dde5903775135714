"""What stood in a line and was as wide as the terminal sees it, and not as wide as rich does, is gone when another is drawn."""

from __future__ import annotations

import json
import shlex
import sys

from tests.ui.terminal import ROOT, terminal

# What stands there (in tmux 3.3a wider or narrower than in rich), and what is drawn over it.
PAIRS = [
    (["👍🏽 done"], ["is gone"]),
    (["⚠\ufe0f low disk", " |12s"], ["fine and ok", " |12s"]),
    (["❤\ufe0f ", "80s"], ["yes", "80s"]),
    (["1\ufe0f\u20e3 ", "of two"], ["one", "of two"]),
    (["नि ", "8s"], ["no", "8s"]),
    (["\U0001fae9 ", "8s"], ["dry", "8s"]),
    (["e", "\u0301"], ["e", "\u0300"]),
    (["a", "\u0301"], ["a", ""]),
]


def test_what_the_terminal_sees_in_another_width_leaves_nothing_of_itself() -> None:
    pictures = [["begun"], *(picture for pair in PAIRS for picture in pair)]
    command = shlex.join([sys.executable, "-m", "tests.ui.pictures", json.dumps(pictures)])
    with terminal() as t:
        t.start(f"cd {shlex.quote(str(ROOT))} && {command}", (40, 4))
        t.sees("begun")
        for _, over in PAIRS:
            before = t.text()
            t.keys("Space")
            t.until(lambda before=before: t.text() != before, "nothing was drawn")
            t.keys("Space")
            t.until(lambda over=over: t.text().strip() == "".join(over), f"not {over} alone")
