"""Shards: very many names, and a change of pace where --inplace may not be, under the other shells."""

from __future__ import annotations

import pytest

from tests.copy import test_shards as shards
from tests.copy.test_shards import Ground, ground

__all__ = ["ground"]


def test_two_hundred_thousand_names_are_cheap() -> None:
    shards.test_many_names_are_cheap(200_000, 16 << 20, 20)


@pytest.mark.parametrize("ground", ["bash", "busybox"], indirect=True)
def test_pause_and_pace_take_effect_within_a_long_shard(ground: Ground) -> None:
    shards.test_pause_and_pace_take_effect_within_a_long_shard(ground)
