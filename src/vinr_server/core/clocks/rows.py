"""Test clocks as they are stored."""

from __future__ import annotations

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
    """A frozen clock in test mode, and whether the work due by its instant is still being written."""

    immutable_fields = ("name",)
    __test__: ClassVar[bool] = False  # despite its name, not a test class for pytest
    id: str
    name: str | None
    frozen_at: datetime
    status: str
    created_at: datetime
    deleted_at: datetime | None = None
    scans_begun: tuple[ScanBegun, ...] | None = None
