"""Members who enter many at once, as it is stored: how far those have been gone through who may."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime, timedelta
from typing import Literal

from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

# How members enter many at once: by a schedule, because they are in a segment when the campaign begins, or by a call.
ScanType = Literal["schedule", "segment", "call"]
ScanStatus = Literal["running", "done", "stopped", "missed"]
# Nobody was anywhere by then; a finite instant, also to PostgreSQL.
BEFORE_ALL = FIRST_INSTANT + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CampaignScan(Row):
    """How far those have been gone through who enter a campaign at one time, and were there then (`as_of`).

    They come in the order in which they came into the segment, or, where there is none, enrolled in the program; the
    last one that was reached is `cursor`, which was there since `cursor_at`. `is_missed`: its time passed while the
    campaign was not active, or nobody worked. `is_stopped`: the campaign was not active any longer on the way.
    `data`: what each entry is given by the caller.
    """

    id: str
    campaign_id: str
    name: str
    entry_type: ScanType
    program_id: str
    segment_id: str | None
    as_of: datetime
    started_at: datetime
    cursor_at: datetime = BEFORE_ALL
    cursor: str = ""
    done_at: datetime | None = None
    is_missed: bool = False
    entered: int = 0
    refused: int = 0
    is_stopped: bool = False
    data: Json = field(default_factory=dict)

    @property
    def status(self) -> ScanStatus:
        """What has become of it."""
        if self.is_missed:
            return "missed"
        if self.done_at is None:
            return "running"
        return "stopped" if self.is_stopped else "done"

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands in the order."""
        return (self.cursor_at, self.cursor)


@dataclass(frozen=True, slots=True)
class EntryPace(Row):
    """How fast members enter a campaign that bounds it, by all its scans together (R51).

    `entered`: how many in the stretch that goes on; it is over a minute after the last one, at `last_at`. `due_at`:
    when the next may enter. The id is the campaign's.
    """

    owns = False
    id: str
    entered: int
    last_at: datetime
    due_at: datetime


def scan_id(campaign_id: str, name: str) -> str:
    """The id of a campaign's scan."""
    return f"scan_{campaign_id}.{name}"
