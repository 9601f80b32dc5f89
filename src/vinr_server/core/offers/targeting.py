"""Who can use an offer: the member must meet its whole targeting, as of just before the command (R17)."""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.conditions.judging import Unmet, differences, unmet_in
from vinr_server.core.conditions.membership import values_of
from vinr_server.core.conditions.tree import Condition, Predicate, asked_by, predicates_of
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Targeting


def tree_of(targeting: Targeting) -> Condition | None:
    """All that is asked of a member, the short forms first; None where nothing is."""
    asked: list[Predicate] = []
    if targeting.segments:
        asked.append(Predicate("segment", one_of=targeting.segments, name="segments"))
    if targeting.tiers:
        asked.append(Predicate("tier", one_of=targeting.tiers, name="tiers"))
    if targeting.min_balance_points is not None:
        asked.append(Predicate("balance", gte=targeting.min_balance_points, name="min_balance"))
    if targeting.max_balance_points is not None:
        asked.append(Predicate("balance", lte=targeting.max_balance_points, name="max_balance"))
    if targeting.enrolled_before is not None:
        asked.append(Predicate("account.enrolled_at", lt=targeting.enrolled_before, name="enrolled_before"))
    if targeting.metadata:
        asked += differences("account.metadata.", targeting.metadata)
    parts = [Condition(predicate=predicate) for predicate in asked]
    if targeting.where is not None:
        parts.append(targeting.where)
    return Condition(all_of=tuple(parts)) if parts else None


def unmet_targeting(draft: Layer, context: Context, targeting: Targeting, account: Account) -> list[Unmet]:
    """List the conditions that the member does not meet, each with the smallest change that would meet it.

    An attribute that the member lacks fails its condition; it is never an error.
    """
    tree = tree_of(targeting)
    if tree is None:
        return []
    return unmet_in(tree, values_of(draft, context, account, asked_by(predicates_of(tree))))


def not_eligible(offer_id: str, unmet: Sequence[Unmet]) -> Rejected:
    """Refuse, with the conditions that fail and what would meet them."""
    reasons = [{"condition": reason.condition, "message": reason.message, "change": reason.change} for reason in unmet]
    details = {"condition": unmet[0].condition, "change": unmet[0].change, "unmet": reasons}
    message = f"Offer {offer_id} is not for this member. {' '.join(reason.message for reason in unmet)}"
    return Rejected("not_eligible", message, param="account", details=details)
