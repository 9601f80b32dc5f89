"""What steps gave is withdrawn: grants, rewards and codes that nobody has used (R49, R55)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.codes.issuing import withdraw_code
from vinr_server.core.codes.rows import Code
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.grants.granting import withdraw_grant
from vinr_server.core.offers.in_force import name_gift, name_grants_ever
from vinr_server.core.offers.rows import Offer, OfferGrant
from vinr_server.core.rewards.redemptions import is_kept, take_gift_back
from vinr_server.core.rewards.rows import Discount, Redemption

Json = Mapping[str, Any]


def name_given(needs: Needs, seen: Layer, account_id: str, results: Iterable[Json]) -> None:
    """All is declared that withdrawing what these steps gave may change, but for points."""
    owner_id = needs.acting(account_id)
    owner = seen.find(Account, owner_id)
    for given in results:
        offer = seen.get(Offer, given["offer"]) if "grant" in given else None
        if offer is not None and owner is not None:
            needs.row(OfferGrant, given["grant"])
            name_grants_ever(needs, offer, owner)
        if "code_id" in given:
            needs.row(Code, given["code_id"])
        if "reward" in given:
            needs.row(Redemption, given["redemption"])
            name_gift(needs, given["reward"], owner_id)
            if given["discount"] is not None:
                needs.row(Discount, given["discount"])
        if "budget" in given:
            needs.counter(given["budget"]["counter"])


def _take_grant_back(draft: Layer, _context: Context, grant_id: str, at: datetime) -> bool:
    grant = draft.get(OfferGrant, grant_id)
    assert grant is not None, f"grant {grant_id} was not loaded"
    if grant.status == "open":
        withdraw_grant(draft, grant, now=at)
    return grant.status != "redeemed"


def _take_reward_back(draft: Layer, context: Context, redemption_id: str, at: datetime) -> bool:
    return take_gift_back(draft, context, redemption_id, now=at) or not is_kept(draft, redemption_id)


# By the name under which a step keeps what it gave: withdraws it, and answers whether it was not used before.
TAKEN_BACK: Mapping[str, Callable[[Layer, Context, str, datetime], bool]] = {
    "grant": _take_grant_back,
    "redemption": _take_reward_back,
    "code_id": lambda draft, _context, code_id, _at: withdraw_code(draft, code_id),
}
