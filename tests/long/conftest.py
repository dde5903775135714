"""What long tests get: that of nights, of images on block devices, and of cockpit as it is installed."""

from __future__ import annotations

from tests.copy.loops import loop
from tests.long.installed import installed, wheel
from tests.night.fixtures import cockpit, place

__all__ = ["cockpit", "installed", "loop", "place", "wheel"]
