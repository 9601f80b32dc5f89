"""Commands on test clocks."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class CreateTestClock(Command):
    """A clock that stands still. `id`: that of the sandbox's own; callers don't choose one."""

    frozen_at: datetime
    name: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class AdvanceTestClock(Command):
    clock_id: str
    frozen_at: datetime


@dataclass(frozen=True, slots=True)
class FinishTestClock(Command):
    """Sent by the worker once all work due by the clock's instant is written."""

    clock_id: str
    frozen_at: datetime


@dataclass(frozen=True, slots=True)
class DeleteTestClock(Command):
    clock_id: str
