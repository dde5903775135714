"""Moving data beside the bare tools: large files, small files, seven at once, surveys. One table."""

from __future__ import annotations

from tests.bench import data_image, data_seven, data_survey, data_tree
from tests.bench.measure import Row
from tests.bench.peers import versions


def run(rounds: int) -> list[Row]:
    rows = versions("rsync", "tar", "dd, cat, sync", "find", "ssh", "python3")
    return rows + [row for part in (data_image, data_tree, data_seven, data_survey) for row in part.run(rounds)]
