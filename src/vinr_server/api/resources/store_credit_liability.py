"""What a merchant owes in store credit as of an instant, for its books."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from vinr_server.api.contract.operation import ListOf, Operation
from vinr_server.api.contract.pages import Listing, moment, text
from vinr_server.api.contract.reply import Figures, Reply
from vinr_server.api.edge.call import Call
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.storage.reads.liability import Liability, liabilities

URL = "/v1/store_credit/liability"


class CreditEnd(Reply):
    until: int | None
    amount: int


class CreditLiability(Reply):
    object: Literal["credit_liability"]
    currency: str
    as_of: int
    granted: int
    returned: int
    spent: int
    reversed: int
    expired: int
    adjusted: int
    outstanding: int
    held: int
    origins: Figures
    ends: list[CreditEnd]
    livemode: bool


LIABILITY = Listing(Wallet, {"currency": ("currency", text), "as_of": ("as_of", moment)}, is_paged=False)


async def list_liability(call: Call) -> dict[str, Any]:
    """One liability for each currency in which there is store credit."""
    given = LIABILITY.query(call.query).equal
    now = datetime.now(UTC)
    as_of = given.get("as_of")
    found = await liabilities(call.reader, call.caller.realm, now, as_of=as_of, currency=given.get("currency"))
    data = [_shown(liability, as_of or now, livemode=call.caller.livemode) for liability in found]
    return {"object": "list", "url": URL, "has_more": False, "data": data}


def _shown(liability: Liability, as_of: datetime, *, livemode: bool) -> Wire:
    ends = sorted(liability.ends.items(), key=lambda end: (end[0] is None, end[0]))
    return {
        "object": "credit_liability",
        "currency": liability.currency,
        "as_of": unix(as_of),
        "granted": liability.granted,
        "returned": liability.returned,
        "spent": liability.spent,
        "reversed": liability.reversed,
        "expired": liability.expired,
        "adjusted": liability.adjusted,
        "outstanding": liability.outstanding,
        "held": liability.held,
        "origins": dict(sorted(liability.origins.items())),
        "ends": [{"until": None if until is None else unix(until), "amount": amount} for until, amount in ends],
        "livemode": livemode,
    }


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="list_credit_liability",
        method="GET",
        path=URL,
        sdk="storeCredit.liability",
        summary="What is owed in store credit as of an instant, by currency: how it came to be, and when it ends.",
        read=list_liability,
        listing=LIABILITY,
        reply=ListOf(CreditLiability),
    ),
)
