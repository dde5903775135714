"""When the bell rings: once for each thing that newly needs a person. The thing itself stays on the screen until it is seen to.

Knows keys of needs; refuses to know the terminal.
"""

from __future__ import annotations

from cockpit.views import needs
from cockpit.views.model import Night


class Bell:
    """What already stood when the screen was opened rings nobody, and what went and came back (a lateness around nought, an
    alarm that has ended and is not acknowledged) rings once."""

    def __init__(self) -> None:
        self._known: set[str] | None = None

    def rings(self, night: Night) -> bool:
        here = {f"{n.key}@{n.since}" for n in needs.items(night)}
        known, self._known = self._known, here | (self._known or set())
        return known is not None and bool(here - known)
