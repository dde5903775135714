"""Samples in, time left out: each profile in `profiles/` is a transfer second by second and what is to be said of it.

`moves`: seconds, bytes a second, files a second and the phase (copy) of each stretch, `repeat`ed, and `then` others. `tell`:
the second, and either a word or the seconds left and how far from them is near enough. `turns`: how often at most the end
may be set anew after it was first told.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cockpit.forecast.rates import Transfer
from cockpit.journal.records import Sample
from cockpit.views.transfers import eta_words

PROFILES = sorted((Path(__file__).parent / "profiles").glob("*.toml"))


def samples(profile: dict[str, Any]) -> list[Sample]:
    made, at, size, files, phase = [], 0.0, 0.0, 0.0, "copy"
    for seconds, rate, of_files, *other in profile["moves"] * profile.get("repeat", 1) + profile.get("then", []):
        if other and other[0] == "verify":
            size = 0.0
        phase = other[0] if other else phase
        for _ in range(int(seconds)):
            made.append((at, size, files, phase))
            at, size, files = at + 1, size + rate, files + of_files
    made.append((at, size, files, phase))
    return [
        Sample(at, "transfer/x", {
            "phase": phase, "bytes_done": int(size), "bytes_total": profile["total"], "n": 1,
            "files_done": int(files) if "files" in profile else None, "files_total": profile.get("files"),
        }) for at, size, files, phase in made
    ]  # fmt: skip


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_what_is_said(path: Path) -> None:
    profile = tomllib.loads(path.read_text())
    tell, fold = {when: rest for when, *rest in profile["tell"]}, Transfer("x")
    ends: list[float] = []
    for sample in samples(profile):
        fold.feed(sample)
        now = fold.at(sample.at)
        assert now is not None
        if now.eta is not None:
            assert now.eta_p90 is not None and now.eta_p90 >= now.eta
            ends += [sample.at + now.eta] if not ends or abs(ends[-1] - sample.at - now.eta) > 0.01 else []
        match tell.pop(sample.at, None):
            case [str(word)]:
                assert eta_words(now, sample.at).startswith(word)
            case [left, near]:
                assert now.eta == pytest.approx(left, abs=near)
    assert not tell, "seconds that no sample has"
    assert len(ends) - 1 <= profile.get("turns", len(ends))


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_a_stale_rate_is_never_a_promise(path: Path) -> None:
    """Whenever the samples end: from then on the end only moves away, until nobody knows it."""
    made = samples(tomllib.loads(path.read_text()))
    for cut in range(5, len(made), 37):
        fold = Transfer("x")
        for sample in made[:cut]:
            fold.feed(sample)
        end = 0.0
        for later in range(0, 200, 7):
            now = made[cut - 1].at + later
            moving = fold.at(now)
            assert moving is not None
            if moving.pace is not None:
                assert now + moving.pace >= end - 1e-6
                end = now + moving.pace
