"""Numbers on the command line that click reads more widely than anything here can use."""

from __future__ import annotations

import math
from typing import Any

import click


class Between(click.FloatRange):
    """A range that "nan" is not in: it is neither below nor above anything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number
