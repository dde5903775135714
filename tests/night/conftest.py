"""What nights get."""

from __future__ import annotations

from tests.night.fixtures import cockpit, place

__all__ = ["cockpit", "place"]
