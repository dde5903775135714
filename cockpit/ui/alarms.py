"""When the bell rings: once for each thing that newly needs a person. The thing itself stays on the screen until it is seen to.

Knows keys of needs; refuses to know the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.state import alarms
from cockpit.views import needs
from cockpit.views.model import Night
from cockpit.views.needs import Need

FORGOTTEN_AFTER = 600.0  # s: what has been away for longer and comes again is another; a lateness around nought is not


class Bell:
    """What already stood when the screen was opened rings nobody, and what went and soon came back rings once. That an alarm
    is over, or a lateness has become smaller, is no news."""

    def __init__(self) -> None:
        self._last: dict[str, float] | None = None  # key -> when it was last there

    def rings(self, night: Night) -> bool:
        here = {key: night.now for need in needs.items(night) for key in _keys(need)}
        known = here if self._last is None else self._last
        self._last = {key: at for key, at in known.items() if night.now - at < FORGOTTEN_AFTER} | here
        return bool(here.keys() - known.keys())


def _keys(need: Need) -> Iterator[str]:
    """What is known with it: of an alarm its occurrence, of a lateness all the steps that it has passed, of one that is over
    nothing."""
    name, _, mark = need.key.partition("#")
    if need.kind == "ended":
        return
    if name == alarms.LATE:
        yield from (alarms.occurrence(name, step) for step in alarms.LATE_STEPS if step <= int(mark))
    else:
        yield need.key if need.alarm else f"{need.key}@{need.since}"
