"""What tests of images on block devices get."""

from __future__ import annotations

from tests.copy.loops import loop

__all__ = ["loop"]
