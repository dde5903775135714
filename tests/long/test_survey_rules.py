"""What the survey leaves out is what rsync leaves out: over more random trees than the short suite has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.copy import test_survey_rules as rules
from tests.copy.test_survey_rules import without_python

__all__ = ["without_python"]


@pytest.mark.parametrize("seed", range(3, 12))
def test_as_rsync(seed: int, tmp_path: Path, without_python: dict[str, str]) -> None:
    rules.test_as_rsync(seed, tmp_path, without_python)
