"""What long tests get: that of nights, and of images on block devices."""

from __future__ import annotations

from tests.copy.loops import loop
from tests.night.fixtures import cockpit, place

__all__ = ["cockpit", "loop", "place"]
