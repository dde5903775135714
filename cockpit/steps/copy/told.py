"""How far a copy is, as people are told: what was done once stays done on the screen, and nothing passes its total.

A job that is begun again looks through what has arrived and counts from nothing: as long as it has not come to where it was,
that is a scan. Knows no part and no server.
"""

from __future__ import annotations

from cockpit.steps.api import StepContext


def scan(ctx: StepContext, size: int | None = None, files: int | None = None) -> None:
    """Before anything moves, the first time or again. size, files: of the survey, once it is there."""
    last = ctx.reached()
    tell(ctx, "scan", 0, last.bytes_total if size is None else size, 0, last.files_total if files is None else files)


def tell(
    ctx: StepContext, phase: str, done: int, size: int | None, files_done: int | None, files: int | None, *,
    largest: int | None = None, moved: int | None = None, proof: tuple[int, int] | None = None,
) -> None:  # fmt: skip
    """A sample. done and files_done: as counted now, which may be less than what is known. proof: bytes proven, and to be."""
    last = ctx.reached()
    known = _within(max(done, last.bytes_done), size)
    seen = None if files_done is None else _within(max(files_done, last.files_done or 0), files)
    if done < known and phase == "copy":
        phase = "scan"
    proven, to_prove = proof or (None, None)
    ctx.progress(phase, known, size, seen, files, largest=largest, moved=moved, phase_done=proven, phase_total=to_prove)


def _within(count: int, total: int | None) -> int:
    return count if total is None else min(count, total)
