"""What the relay leaves out is what rsync leaves out: the same patterns over the same tree, rsync being the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cockpit.fleet.tree import Excludes
from tests.hosts.tools import require

NAMES = [
    "a/x.tmp", "a/b/x.tmp", "b/cache/f", "cache/f", "cache.d/f", "log/a.log", "log/deep/b.log", "keep/x",
    "e[1]", "star*", "f1", "f2",
]  # fmt: skip


@pytest.mark.parametrize("pattern", [
    "*.tmp", "/a/*.tmp", "a/*.tmp", "cache", "cache/", "/cache/", "log/**", "/log/*.log", "**/x.tmp", "f?", "f[12]", "f[!1]",
    "e\\[1\\]", "star\\*", "f[[:digit:]]", "[[:alpha:]]1", "e[[]1[]]", "e[]1[]?]", "f[^[:alpha:]]", "e[]", "[![:upper:]]2",
    "b/cache/***", "/src/a", "none", "deep/b.log", "keep/x/",
])  # fmt: skip
@pytest.mark.parametrize("slash", ["/", ""])
def test_as_rsync(pattern: str, slash: str, tmp_path: Path) -> None:
    require("rsync")
    root = tmp_path / "src"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    subprocess.run(["rsync", "-a", f"--exclude={pattern}", f"{root}{slash}", f"{tmp_path}/there/"], check=True)
    there = tmp_path / "there" / ("" if slash else "src")
    expected = {str(path.relative_to(there)) for path in there.rglob("*")}
    excludes = Excludes([pattern], b"" if slash else b"src")

    def shown(path: Path) -> bool:
        above = [path, *path.parents]
        inside = [p for p in above if p != root and root in p.parents]
        return not any(excludes.hides(str(p.relative_to(root)).encode(), is_dir=p.is_dir()) for p in inside)

    assert {str(path.relative_to(root)) for path in root.rglob("*") if shown(path)} == expected
