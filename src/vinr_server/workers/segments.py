"""Go on with the scans of segments: each round looks at the next members of each that is under way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vinr_server.core.kernel.commands import Command
from vinr_server.core.segments.commands import ScanSegment
from vinr_server.storage.due.segments import next_accounts, open_scans

# So many scans go on at a time, a page of each in one round.
SCANS_MAX = 4


async def scan_on(pool: Any, now: datetime, *, limit: int) -> list[tuple[int, bool, Command]]:
    """The next page of each scan, of up to `limit` members; none where nothing is under way."""
    pages: list[tuple[int, bool, Command]] = []
    for scan in (await open_scans(pool, now))[:SCANS_MAX]:
        ids = await next_accounts(pool, scan, limit=limit)
        page = ScanSegment(scan.segment_id, scan.revision, scan.cursor, tuple(ids), is_last=len(ids) < limit)
        pages.append((scan.realm, scan.livemode, page))
    return pages
