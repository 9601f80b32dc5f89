"""Test clocks as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from vinr_server.core.kernel.rows import Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class ScanBegun:
    """A scan for a segment's new conditions (`Watched.scan`) that was under way when a clock was advanced: since when.

    The clock stood at that instant when the conditions changed.
    """

    scan: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TestClock(Row):
    """A frozen clock in test mode, and whether the work due by its instant is still being written.

    `target_at`: where it is going, if it has to stop on its way, because members enter a campaign many at once.
    """

    immutable_fields = ("name",)
    __test__: ClassVar[bool] = False  # despite its name, not a test class for pytest
    id: str
    name: str | None
    frozen_at: datetime
    status: str
    created_at: datetime
    deleted_at: datetime | None = None
    scans_begun: tuple[ScanBegun, ...] | None = None
    target_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClockStops(Row):
    """At which instants a clock on its way has to stop, by program: campaigns let members in by a schedule (R58).

    Gathered once for each revision of the catalogue; never stored.
    """

    is_catalogue = True
    id: str
    programs: Mapping[str, datetime]


STOPS = "stops"


@dataclass(frozen=True, slots=True)
class ClockScans(Row):
    """When the next members enter by scans under way in the programs of a clock; None: none are. Never stored."""

    owns = False
    id: str
    next_at: datetime | None
