"""Let members into campaigns by schedules, and page after page of those whom a scan goes through."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vinr_server.core.campaigns.commands import BeginEntries, EnterPage
from vinr_server.core.kernel.commands import Command
from vinr_server.storage.campaigns.scans import next_members, open_campaign_scans, scheduled_campaigns

# So many scans go on at a time, a page of each in one round.
SCANS_MAX = 4

Commands = list[tuple[int, bool, Command]]


async def begin_entries(pool: Any, now: datetime, *, limit: int) -> Commands:
    """Each campaign whose schedule lets members in by now."""
    found = await scheduled_campaigns(pool, now, limit=limit)
    return [(due.realm, due.livemode, BeginEntries(due.campaign_id)) for due in found]


async def let_in(pool: Any, now: datetime, *, limit: int) -> Commands:
    """The next page of each scan, of up to `limit` members; none where nothing is under way."""
    pages: Commands = []
    for scan in await open_campaign_scans(pool, now, limit=SCANS_MAX):
        members = await next_members(pool, scan, limit=limit)
        place = (scan.cursor_at, scan.cursor)
        is_last = len(members) < limit
        page = EnterPage(scan.campaign_id, scan.name, place, tuple(members), is_last=is_last, data=scan.data)
        pages.append((scan.realm, scan.livemode, page))
    return pages
