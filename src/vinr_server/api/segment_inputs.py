"""What callers may send about segments."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.inputs import INTEGER_MAX, AccountId, Count, Input, Instant, Key, Metadata, Minor, Name
from vinr_server.core.segments.conditions import CONDITIONS_MAX

ACCOUNTS_MAX = 1000
# A century.
DAYS_MAX = 36_525

SegmentId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", max_length=100)]
Window = Annotated[int, Meta(ge=1, le=DAYS_MAX)]
DayCount = Annotated[int, Meta(ge=0, le=DAYS_MAX)]
Points = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]


class DaysInput(Input):
    gte: DayCount | None = None
    lte: DayCount | None = None


class BalanceInput(Input):
    gte: Points | None = None
    lte: Points | None = None


class PaymentCountInput(Input):
    gte: Count | None = None
    lte: Minor | None = None
    days: Window | None = None


class SpendInput(Input):
    currency: str
    gte: Count | None = None
    lte: Minor | None = None
    days: Window | None = None


class SegmentConditionsInput(Input):
    days_since_last_purchase: DaysInput | None = None
    never_purchased: bool | None = None
    payments: PaymentCountInput | None = None
    spend: SpendInput | None = None
    tier: Key | Annotated[list[Key], Meta(min_length=1, max_length=50)] | None = None
    balance: BalanceInput | None = None
    metadata: Metadata | None = None
    enrolled_before: Instant = None
    enrolled_after: Instant = None
    days_since_enrolled: DaysInput | None = None
    all: Annotated[list[SegmentConditionsInput], Meta(max_length=CONDITIONS_MAX)] = []
    any: Annotated[list[SegmentConditionsInput], Meta(max_length=CONDITIONS_MAX)] = []


class CreateSegmentInput(Input):
    name: Name
    type: Literal["static", "dynamic"]
    id: SegmentId | None = None
    conditions: SegmentConditionsInput | None = None
    metadata: Metadata = {}


class UpdateSegmentInput(Input):
    name: Name | UnsetType = UNSET
    conditions: SegmentConditionsInput | UnsetType = UNSET
    metadata: Metadata = {}


class PreviewSegmentInput(Input):
    conditions: SegmentConditionsInput


class SegmentAccountsInput(Input):
    accounts: Annotated[list[AccountId], Meta(min_length=1, max_length=ACCOUNTS_MAX)]
