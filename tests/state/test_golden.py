"""Folds tested from data: each file in golden/ is a story of facts and what must be known after it.

A file: `[[facts]]` with `kind`, optional `at`, `who`, `why`, and the event's fields (in `event`, where a
name would clash); `[expect]`, of which every value given
must be in the state's JSON (lists whole, tables in part; "absent" for a key that must not be there).
"""

import json
import tomllib
from pathlib import Path

import pytest

from cockpit.journal.events import Fact, decode
from cockpit.state.fold import fold
from cockpit.state.snapshot import digest, from_json, to_json

STORIES = sorted((Path(__file__).parent / "golden").glob("*.toml"))


def facts_of(story):
    for seq, given in enumerate(story["facts"], 1):
        row = dict(given)
        kind, at = row.pop("kind"), float(row.pop("at", seq))
        who, why = row.pop("who", None), row.pop("why", None)
        yield Fact(seq, at, decode(kind, row.pop("event", {}) | row), who, why)


def differences(want, got, where=""):
    if want == "absent":
        return [f"{where}: there"] if got is not None else []
    if isinstance(want, dict) and isinstance(got, dict):
        return [d for key, value in want.items() for d in differences(value, got.get(key), f"{where}.{key}")]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [d for i, (w, g) in enumerate(zip(want, got, strict=True)) for d in differences(w, g, f"{where}[{i}]")]
    return [] if want == got else [f"{where}: want {want!r}, got {got!r}"]


@pytest.mark.parametrize("path", STORIES, ids=lambda p: p.stem)
def test_story(path):
    story = tomllib.loads(path.read_text())
    state = fold(facts_of(story))
    assert differences(story["expect"], json.loads(to_json(state))) == []
    assert digest(from_json(to_json(state))) == digest(state)


def test_there_are_stories():
    assert len(STORIES) >= 10
