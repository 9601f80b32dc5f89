"""What bodies are made of: their base, and the types, with their bounds, that several resources share.

Shapes only: core decides what depends on the state.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

INTEGER_MAX = 2**53 - 1

Count = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Minor = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
# Skus or categories.
Names = Annotated[list[Name], Meta(max_length=1000)]
# How long something lasts, such as 14d (`read_span`).
Span = Annotated[str, Meta(min_length=2, max_length=8)]
# Calendar days before points that were earned can be spent.
PendingDays = Annotated[int, Meta(ge=0, le=365)]
# Of credit, at most a century.
Months = Annotated[int, Meta(ge=1, le=1200)]
Key = Annotated[str, Meta(min_length=1, max_length=100)]
# Read by `read_email` (edge/identity.py), which knows more of addresses than a schema can say.
Email = Annotated[str, Meta(min_length=3, max_length=254, extra_json_schema={"format": "email"})]

ProgramId = Annotated[str, Meta(pattern="^prog_.", max_length=255)]
CustomerId = Annotated[str, Meta(pattern="^cust_.", max_length=255)]
AccountId = Annotated[str, Meta(pattern="^loy_.", max_length=255)]
RewardId = Annotated[str, Meta(pattern="^rwd_.", max_length=255)]
OfferId = Annotated[str, Meta(pattern="^ofr_.", max_length=255)]
CodeBatchId = Annotated[str, Meta(pattern="^cbt_.", max_length=255)]
CodeText = Annotated[str, Meta(min_length=1, max_length=200)]
EntryId = Annotated[str, Meta(pattern="^ptx_.", max_length=255)]
WalletId = Annotated[str, Meta(pattern="^crd_.", max_length=255)]
CreditEntryId = Annotated[str, Meta(pattern="^crt_.", max_length=255)]
PaymentId = Annotated[str, Meta(pattern="^pay_.", max_length=255)]
RefundId = Annotated[str, Meta(pattern="^re_.", max_length=255)]
SessionId = Annotated[str, Meta(pattern="^cs_.", max_length=255)]
DiscountId = Annotated[str, Meta(pattern="^disc_.", max_length=255)]
EventId = Annotated[str, Meta(pattern="^evt_.", max_length=255)]
ClockId = Annotated[str, Meta(pattern="^clock_.", max_length=255)]

# Checked by hand: a decimal of at most four places, an instant, free-form metadata.
Rate = Any
Instant = Any
Metadata = dict[str, Any]


class Input(Struct, kw_only=True):
    """The base of all bodies."""


class NoInput(Input):
    pass


def sent(body: Struct, *names: str) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name in names if (value := getattr(body, name)) is not UNSET}
