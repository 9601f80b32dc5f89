"""Who can use an offer: the member must meet its whole targeting, as of just before the command (R17)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.earning.rules import Unmet, metadata_differences
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Targeting
from vinr_server.core.segments.membership import outside_segments, spendable_points


def unmet_targeting(
    draft: Layer, context: Context, targeting: Targeting, account: Account, *, now: datetime
) -> list[Unmet]:
    """List the conditions that the member does not meet, each with the smallest change that would meet it.

    An attribute that the member lacks fails its condition; it is never an error.
    """
    member = draft.before(Account, account.id) or account
    unmet: list[Unmet] = []
    if targeting.segments:
        unmet += outside_segments(draft, context, account, targeting.segments)
    if targeting.tiers and member.tier not in targeting.tiers:
        wanted = " or ".join(targeting.tiers)
        message = f"The offer is for tier {wanted}; account {member.id} holds {member.tier or 'no tier'}."
        unmet.append(Unmet("tiers", message, f"needs tier {wanted}"))
    if targeting.min_balance_points is not None:
        balance_points = spendable_points(draft.below, member, now)
        short_points = targeting.min_balance_points - balance_points
        if short_points > 0:
            message = f"Account {member.id} holds {balance_points} points; {targeting.min_balance_points} are needed."
            unmet.append(Unmet("min_balance", message, f"earn {short_points} more"))
    if targeting.enrolled_before is not None and member.created_at >= targeting.enrolled_before:
        at = targeting.enrolled_before.isoformat()
        message = f"Account {member.id} enrolled at {member.created_at.isoformat()} (required: before {at})."
        unmet.append(Unmet("enrolled_before", message, None))
    return unmet + metadata_differences(targeting.metadata, member.metadata)


def not_eligible(offer_id: str, unmet: Sequence[Unmet]) -> Rejected:
    """Refuse, with the conditions that fail and what would meet them."""
    reasons = [{"condition": reason.condition, "message": reason.message, "change": reason.change} for reason in unmet]
    details = {"condition": unmet[0].condition, "change": unmet[0].change, "unmet": reasons}
    message = f"Offer {offer_id} is not for this member. {' '.join(reason.message for reason in unmet)}"
    return Rejected("not_eligible", message, param="account", details=details)
