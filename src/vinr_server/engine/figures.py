"""What a process counts while it works. Plain integers and lists on the hot path; others make metrics of them.

All counting for a request takes 0.6 µs; one labeled Histogram of prometheus_client takes 2.7 µs (docs/decisions/0009).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Distribution:
    """Observations counted by upper bounds, with a last class above all bounds; and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count an observation; a value equal to a bound is within it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def _seconds() -> Distribution:
    return Distribution(SECONDS)


@dataclass(slots=True)
class EngineFigures:
    """Figures of one writer: its batches, what they waited for, and how often they were run again."""

    batch_size: Distribution = field(default_factory=lambda: Distribution(SIZES))
    batch_seconds: Distribution = field(default_factory=_seconds)
    lock_seconds: Distribution = field(default_factory=_seconds)
    commit_seconds: Distribution = field(default_factory=_seconds)
    retries: Counter[str] = field(default_factory=Counter)
    reloads: int = 0
    halvings: int = 0
    lost_connections: int = 0
    catalogue_reads: int = 0


@dataclass(slots=True)
class RequestFigures:
    """Figures of one process' API: latency by operation and status, refusals by code."""

    latency: dict[tuple[str, int], Distribution] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    def observe(self, operation: str, status: int, seconds: float, code: str | None) -> None:
        """Count an answer."""
        found = self.latency.get((operation, status))
        if found is None:
            found = self.latency[operation, status] = _seconds()
        found.observe(seconds)
        if code is not None:
            self.refusals[code] += 1


@dataclass(slots=True)
class DueFigures:
    """Figures of one worker: what it wrote, and how late the latest of it was (test clocks aside)."""

    accounts: int = 0
    clocks: int = 0
    lag_seconds: float = 0.0


@dataclass(slots=True)
class DeliveryFigures:
    """Figures of one sender of webhooks: its attempts, how long receivers took, and what waits.

    `lag_seconds` runs from an event's commit to the answer of its first attempt; later attempts don't count.
    """

    attempts: Counter[str] = field(default_factory=Counter)
    lag_seconds: Distribution = field(default_factory=_seconds)
    attempt_seconds: Distribution = field(default_factory=_seconds)
    disabled: int = 0
    due: int = 0
    due_seconds: float = 0.0
