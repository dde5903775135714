"""A state as plain JSON and back, as a packed checkpoint, and as a hash. Pure."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import fields
from operator import attrgetter
from typing import Any

from cockpit.state.model import Attempt, Ended, Note, Prompt, Proof, ServerState, State, Task

RULES = 2  # raise it whenever folding the same facts gives another state: older checkpoints are then passed over

_NAMES = {cls: tuple(f.name for f in fields(cls)) for cls in (State, Task, Attempt, ServerState, Prompt, Proof, Note, Ended)}
_VALUES = {cls: attrgetter(*names) for cls, names in _NAMES.items()}
_KEYED = (("tasks", Task), ("servers", ServerState), ("prompts", Prompt), ("proofs", Proof), ("ended", Ended))
_SHAPE = hashlib.sha256(repr([(cls.__name__, names) for cls, names in _NAMES.items()]).encode()).hexdigest()[:16]


def _plain(value: Any) -> dict[str, Any]:
    cls = type(value)
    return dict(zip(_NAMES[cls], _VALUES[cls](value), strict=True))


def to_json(state: State) -> str:
    """Canonical: one state, one text. The order of its dicts is part of the state (prompts: oldest first)."""
    return json.dumps(state, default=_plain, separators=(",", ":"))


def from_json(text: str) -> State:
    """The inverse of `to_json`."""
    data = json.loads(text)
    for task in data["tasks"].values():
        task["attempts"] = [Attempt(**attempt) for attempt in task["attempts"]]
    for name, cls in _KEYED:
        data[name] = {key: cls(**value) for key, value in data[name].items()}
    data["notes"] = [Note(**note) for note in data["notes"]]
    return State(**data)


def digest(state: State) -> str:
    """sha256, as hex, of the canonical JSON."""
    return hashlib.sha256(to_json(state).encode()).hexdigest()


def pack(state: State) -> bytes:
    """A checkpoint for the journal, which knows nothing of what is in it. Values stand in the order of their fields: with their
    names, thousands of proofs would take twice as long to read, and a seek with them."""
    rows = json.dumps(state, default=lambda value: _VALUES[type(value)](value), separators=(",", ":"))
    return f"{RULES} {_SHAPE}\n".encode() + zlib.compress(rows.encode(), 1)


def unpack(blob: bytes) -> State | None:
    """None for a checkpoint of other rules or another shape: it is only a cache, and the facts are there."""
    head, _, body = blob.partition(b"\n")
    if head != f"{RULES} {_SHAPE}".encode():
        return None
    try:
        return _from_rows(json.loads(zlib.decompress(body)))
    except (zlib.error, ValueError, TypeError, KeyError):
        return None


def _from_rows(values: list[Any]) -> State:
    data = dict(zip(_NAMES[State], values, strict=True))
    for name, cls in _KEYED:
        data[name] = {key: cls(*row) for key, row in data[name].items()}
    for task in data["tasks"].values():
        task.attempts = [Attempt(*row) for row in task.attempts]
    data["notes"] = [Note(*row) for row in data["notes"]]
    return State(**data)
