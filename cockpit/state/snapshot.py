"""A state as plain JSON and back, as a packed checkpoint, and as a hash. Pure."""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from cockpit.state.model import Attempt, Ended, Note, Prompt, Proof, ServerState, State, Task

RULES = 2  # raise it whenever folding the same facts gives another state: older checkpoints are then passed over

_NAMES = {cls: tuple(f.name for f in fields(cls)) for cls in (State, Task, Attempt, ServerState, Prompt, Proof, Note, Ended)}
_VALUES = {cls: attrgetter(*names) for cls, names in _NAMES.items()}
_KEYED = (("tasks", Task), ("servers", ServerState), ("prompts", Prompt), ("proofs", Proof), ("ended", Ended))
_FORM = [sys.byteorder, *((cls.__name__, names) for cls, names in _NAMES.items())]
_SHAPE = hashlib.sha256(repr(_FORM).encode()).hexdigest()[:16]


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
    """A checkpoint for the journal, which knows nothing of what is in it. What there are thousands of (proofs) stands in columns,
    and times as bytes: as rows of text a seek would wait twice as long until they are read."""
    values = dict(zip(_NAMES[State], _VALUES[State](state), strict=True))
    for name, cls in _KEYED:
        columns = zip(*map(_VALUES[cls], values[name].values()), strict=True)
        values[name] = [list(values[name]), *map(_packed, columns)]
    rows = json.dumps(list(values.values()), default=lambda value: _VALUES[type(value)](value), separators=(",", ":"))
    return f"{RULES} {_SHAPE}\n".encode() + zlib.compress(rows.encode(), 1)


def _packed(column: tuple[Any, ...]) -> str | tuple[Any, ...]:
    """Text stands for floats alone: any other column is a list."""
    return b64encode(array("d", column).tobytes()).decode() if all(type(value) is float for value in column) else column


def _unpacked(column: str | list[Any]) -> Sequence[Any]:
    return column if isinstance(column, list) else array("d", b64decode(column))


def unpack(blob: bytes) -> State | None:
    """None for a checkpoint of other rules or another shape: it is only a cache, and the facts are there."""
    head, _, body = blob.partition(b"\n")
    if head != f"{RULES} {_SHAPE}".encode():
        return None
    try:
        return _from_columns(json.loads(zlib.decompress(body)))
    except (zlib.error, ValueError, TypeError, KeyError):
        return None


def _from_columns(values: list[Any]) -> State:
    data = dict(zip(_NAMES[State], values, strict=True))
    for name, cls in _KEYED:
        keys, *columns = data[name]
        data[name] = dict(zip(keys, map(cls, *map(_unpacked, columns)), strict=True)) if keys else {}
    for task in data["tasks"].values():
        task.attempts = [Attempt(*row) for row in task.attempts]
    data["notes"] = [Note(*row) for row in data["notes"]]
    return State(**data)
