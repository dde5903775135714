"""The shapes of a forecast. Times are UTC epoch seconds; unknown is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class TransferNow:
    """One running (or newest) transfer of a task, as its samples say."""

    task: str
    phase: str  # scan | copy | sync | verify
    bytes_done: int
    bytes_total: int | None
    files_done: int | None
    files_total: int | None
    rate: float | None  # bytes/s now; None when it is not known or stale
    rate_10m: float | None  # over 10 minutes, or as long as it is measured
    trend: tuple[float, ...]  # recent rates, oldest first, for a sparkline
    eta: float | None  # seconds left, as likely later as sooner; None: measuring, stalled or settling
    stalled_since: float | None  # when the last byte arrived, once that is too long ago
    at: float  # of the newest sample
    pace: float | None = None  # seconds left, stalled or not; inf: nobody knows; None: unmeasured
    pace_p90: float | None = None
    eta_p90: float | None = None  # seconds left in which nine of ten such transfers end
    rate_1m: float | None = None
    moved_at: float | None = None  # when the count of bytes last rose
    phase_done: int | None = None  # bytes of a phase that counts its own (a proof), beside the transfer's
    phase_total: int | None = None

    def unheard(self) -> TransferNow:
        """As it was seen last: whether it moves now nobody knows, and so nobody says that it stands."""
        return replace(self, rate=None, eta=None, eta_p90=None, stalled_since=None)

    @property
    def share(self) -> float | None:
        """0..1, never more than 1 and None without a total."""
        if not self.bytes_total:
            return None
        return min(1.0, self.bytes_done / self.bytes_total)

    @property
    def phase_share(self) -> float | None:
        """0..1 of a phase that counts its own bytes; None for any other."""
        return min(1.0, (self.phase_done or 0) / self.phase_total) if self.phase_total else None


@dataclass(frozen=True, slots=True)
class Forecast:
    finish: float | None = None
    finish_p90: float | None = None
    slack: float | None = None  # seconds to `closes`
    critical: tuple[str, ...] = ()  # task ids, first to last, that decide the finish
    starts: Mapping[str, float] = field(default_factory=dict)  # task -> forecast start (actual where known)
    ends: Mapping[str, float] = field(default_factory=dict)
    server_slack: Mapping[str, float] = field(default_factory=dict)
    transfers: Mapping[str, TransferNow] = field(default_factory=dict)
    paused: int = 0  # transfers that a person has paused and that are not over
    backout_possible: bool = False
    backout_duration: float | None = None
    backout_latest: float | None = None  # turn back by
