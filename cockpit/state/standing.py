"""Where each task stands now: the words that follow from plan, state and the clock together. Pure.

A standing is never stored: it is derived for the engine's decisions, the screen and `status` alike, so that they agree.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """word: a task state of `spec/commands.md`; why: what it waits for, in words, or ""."""

    word: str
    why: str = ""
    needs: tuple[str, ...] = ()  # unmet needs, task ids
