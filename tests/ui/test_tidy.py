"""When cycles of objects are looked for: new ones at every look, what was once kept seldom, and none of it in between."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.strip import Strip

from cockpit.ui import tidy
from cockpit.ui.tidy import Tidy
from tests.ui.console import console


class Ring:
    def __init__(self) -> None:
        self.me = self


def dropped() -> weakref.ref[Ring]:
    return weakref.ref(Ring())


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_nothing_is_looked_for_in_the_middle_of_a_jump() -> None:
    Tidy().start()
    ring, before = dropped(), [one["collections"] for one in gc.get_stats()]
    state = [[n] for n in range(100_000)]  # what a jump makes anew
    assert [one["collections"] for one in gc.get_stats()] == before and ring() is not None and state


def test_what_is_new_goes_at_the_next_look() -> None:
    screen = Tidy()
    screen.start()
    ring = dropped()
    screen.look()
    assert ring() is None


async def test_a_screen_looks_before_many_jumps_have_come_together(tmp_path: Path) -> None:
    Tidy().start()
    async with console(tmp_path) as c:
        for _ in range(2):  # from one look to the next
            ring, began = dropped(), time.monotonic()
            await c.until(lambda gone=ring: gone() is None)
        assert time.monotonic() - began < 1.5


def test_what_was_once_kept_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialog that was open for a minute is old when it closes."""
    screen = Tidy()
    screen.start()
    ring = Ring()
    seen = weakref.ref(ring)
    screen.look()
    screen.look()
    del ring
    screen.look()
    assert seen() is not None, "this look is at new objects alone"
    monkeypatch.setattr(tidy, "ALL_EVERY", 0.0)
    screen.look()
    assert seen() is None


async def test_lines_that_were_drawn_once_do_not_grow_old(tmp_path: Path) -> None:
    """What looks at new objects alone has to find them: nobody looks at old ones for ten minutes."""
    screen = Tidy()
    screen.start()
    async with console(tmp_path) as c:
        for _ in range(12):
            c.clock.at += 1
            now = f"{int(c.clock.at) % 60:02d} |"  # row 1's clock
            await c.until(lambda now=now: now in c.rows()[0])
            screen.look()
        assert sum(isinstance(one, Strip) for one in gc.get_objects()) < 300, "a screen has 40 lines"
