"""On which line of a TOML text each key stands: what tomllib doesn't say.

tree-sitter reads the same text once more and gives every key its place; tomllib alone says what the values are and
whether the text is TOML at all. So a disagreement between the two can cost a line number and never a value.
(tomlkit keeps comments but no positions, and taplo has no Python binding.)
Knows no plan. A path is a tuple of keys and indexes: ("steps", 3, "verify", 0, "tcp").
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

Path = tuple[str | int, ...]

_KEYS = ("bare_key", "quoted_key", "dotted_key")
_DEEP = 20  # no key of a plan lies deeper; a key with a million dots must not cost their square
_TABLES = ("table", "table_array_element")


class Positions:
    """Line numbers (from 1) of keys; a path that is not written itself has the line of the table around it."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines

    def line(self, path: Path) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def locate(text: str) -> Positions:
    """Positions of all keys of a text that tomllib has accepted."""
    import tree_sitter_toml  # here: a plan of the journal is read without positions
    from tree_sitter import Language, Parser

    root = Parser(Language(tree_sitter_toml.language())).parse(text.encode("utf-8", "replace")).root_node
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    for node in root.children:
        if node.type == "pair":
            _note(node, (), lines)
        elif node.type in _TABLES:
            path = _table_path(node, counts)
            lines.setdefault(path, _line(node))
            for child in node.children:
                if child.type == "pair":
                    _note(child, path, lines)
    return Positions(lines)


def _table_path(node: Node, counts: dict[Path, int]) -> Path:
    """The path of `[a.b]` or `[[a.b]]`, with the newest index put after every array of tables on the way."""
    names = _key_of(node)
    path: Path = ()
    for i, name in enumerate(names):
        path = (*path, name)
        if i == len(names) - 1 and node.type == "table_array_element":
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _note(pair: Node, table: Path, lines: dict[Path, int]) -> None:
    """Notes a pair and all that stands inside its value, without recursion: depth is the writer's, not ours."""
    todo = [(pair, table)]
    while todo:
        node, path = todo.pop()
        if node.type == "pair":
            for name in _key_of(node):
                path = (*path, name)
                lines.setdefault(path, _line(node))
            todo.append((node.children[-1], path))
        elif node.type == "inline_table":
            todo.extend((child, path) for child in node.children if child.type == "pair")
        elif node.type == "array" and len(path) < _DEEP:
            for i, item in enumerate(_items(node)):
                lines.setdefault((*path, i), _line(item))
                todo.append((item, (*path, i)))


def _items(array: Node) -> Iterator[Node]:
    return (child for child in array.children if child.is_named and child.type != "comment")


def _key_of(node: Node) -> list[str]:
    """The names of a node's key, outermost first: `a."b c".d` gives a, b c, d."""
    for child in node.children:
        if child.type in _KEYS:
            return _names(child)
    return []


def _names(key: Node) -> list[str]:
    """At most _DEEP of them: a dotted key is nested to the left, one node for each dot."""
    parts = []
    while key.type == "dotted_key":
        inner = [child for child in key.children if child.type in _KEYS]
        parts.append(inner[-1])
        key = inner[0]
    return [_name(part) for part in [key, *reversed(parts)][:_DEEP]]


def _name(key: Node) -> str:
    written = (key.text or b"").decode("utf-8", "replace")
    if key.type == "bare_key":
        return written
    try:
        return str(tomllib.loads(f"key = {written}")["key"])
    except (ValueError, RecursionError):
        return written


def _line(node: Node) -> int:
    return int(node.start_point[0]) + 1
