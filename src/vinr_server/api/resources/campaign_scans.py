"""How members entered a campaign many at once: by which occurrence of its schedule, or as a segment stood."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.operation import FIND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of
from vinr_server.api.contract.reads import list_of, shown_by
from vinr_server.api.contract.reply import Reference, Reply
from vinr_server.core.campaigns.entries import rows
from vinr_server.core.campaigns.payloads import scan_payload
from vinr_server.core.campaigns.rows import Campaign
from vinr_server.storage.campaigns.reads import SCAN_STATUS

URL = "/v1/engagement/campaigns/{id}/scans"


class CampaignScan(Reply):
    """Members gone through, those who were there at `as_of`: how many have entered, and how many may not.

    `name`: the `source` of the entries by it. `missed`: an occurrence whose time passed while the campaign was not
    active, or that a later one had overtaken. `stopped`: the campaign was paused, or over, on the way.
    """

    id: str
    object: Literal["campaign_scan"]
    campaign: Reference
    name: str
    type: rows.ScanType
    segment: Reference | None
    status: rows.ScanStatus
    as_of: int
    entered: int
    refused: int
    created: int
    done_at: int | None
    livemode: bool


SCANS = Listing(
    rows.CampaignScan,
    {"status": (SCAN_STATUS, one_of(rows.ScanStatus)), "type": ("entry_type", one_of(rows.ScanType))},
    order=("started_at", "id"),
    created_column="started_at",
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="list_campaign_scans",
        method="GET",
        path=URL,
        sdk="engagement.campaigns.scans",
        summary="List how members entered many at once, newest first: occurrences of the schedule, missed ones too.",
        read=list_of(SCANS, URL, shown_by(scan_payload), of=("campaign_id", Campaign, "campaign")),
        listing=SCANS,
        reply=ListOf(CampaignScan),
        refusals=FIND,
    ),
)
