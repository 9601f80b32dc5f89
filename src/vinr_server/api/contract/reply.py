"""What all answers are made of: their base, and the parts that answers of several resources have in common.

Instants are Unix seconds, money is in minor units, references are ids. A field that defaults to UNSET appears only when
it says something; every other field always appears. tests/api/test_replies.py compares these types with real answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from vinr_server.core.campaigns.challenges.targets import Measure

Json = dict[str, Any]
# An object whose fields depend on the event's type.
Data = Annotated[Json, Meta(extra_json_schema={"format": "object"})]
# Results of the engine, in fields that depend on the case.
Figures = Annotated[Json, Meta(extra_json_schema={"format": "figures"})]
# The id of another object. The TypeScript SDK reads it with and without Id: account, accountId.
Reference = Annotated[str, Meta(extra_json_schema={"format": "reference"})]
# A rate in its normal form: 2, or "1.5".
ShownRate = int | str
# The statuses of programs and rewards.
CatalogueStatus = Literal["active", "archived"]


class Reply(Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of all answers."""


class BulkReply(Reply):
    """What a call in bulk answers: its own list, with a result for each item in its place."""

    object: Literal["list"]
    url: str
    has_more: bool
    created: int
    existing: int
    failed: int


class Unmet(Reply):
    condition: str
    message: str
    change: str | None


class Award(Reply):
    account: Reference
    points_transaction: Reference
    points: int
    status: Literal["pending", "available"]
    available_at: int | None
    rule: Reference | UnsetType = UNSET
    offer: Reference | UnsetType = UNSET


class Skipped(Reply):
    account: Reference | None
    unmet: list[Unmet]
    customer: Reference | UnsetType = UNSET
    rule: Reference | UnsetType = UNSET
    offer: Reference | UnsetType = UNSET


class ProgressWindow(Reply):
    from_: int = field(name="from")
    to: int


class ProgressExpiry(Reply):
    at: int
    amount: int


class ProgressStreak(Reply):
    length: int
    best: int
    freezes: int
    period_ends_at: int | None


class ChallengeProgress(Reply):
    """How far a member has come in the attempt that runs: in its window, what of it ends next, how long a streak is."""

    measure: Measure
    current: int
    target: int
    remaining: int
    percent: int
    attempt: int
    completed: int
    window: ProgressWindow | None
    next_expiry: ProgressExpiry | None
    streak: ProgressStreak | UnsetType = UNSET


class CampaignReaction(Reply):
    """What a campaign did with an event, or why it did nothing."""

    campaign: Reference
    enrolment: Reference | UnsetType = UNSET
    did: Literal["entered", "progressed", "completed", "converted", "heard", "exited"] | UnsetType = UNSET
    progress: ChallengeProgress | UnsetType = UNSET
    unmet: list[Unmet] | UnsetType = UNSET


class Deleted(Reply):
    id: str
    object: str
    deleted: Literal[True]


class Error(Reply):
    type: str
    code: str
    message: str
    doc_url: str
    request_id: str
    param: str | UnsetType = UNSET
    details: Figures | UnsetType = UNSET
