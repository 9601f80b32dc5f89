"""What offers take of their budgets: asked with a redemption, moved with each of its states (R56, R66).

A redemption remembers its counter, and so its period, and what it has taken there. A budget of an amount gets its
amount back with a whole refund, in the period it came from; uses and points stay used.
"""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.budgets.counting import Left, count, counter_at, exhausted, left_of
from vinr_server.core.budgets.rows import Budget
from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import HOME, Home
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Offer, OfferRedemption, OfferTerms
from vinr_server.core.programs.members import accounts_of, acting_customer
from vinr_server.core.programs.rows import Program


def zone_of_offer(layer: Layer, offer: Offer) -> str:
    """The zone that the offer's periods are of: its program's, or the tenant's for one of every program."""
    program = layer.get(Program, offer.program_id) if offer.program_id is not None else None
    if program is not None:
        return program.timezone
    home = layer.get(Home, HOME)
    return home.timezone if home is not None else "UTC"


def members_of(offer: Offer, account: Account) -> tuple[str, ...]:
    """Whose uses of a budget for each member count together: the member's, and those of all it was before (R85)."""
    if offer.program_id is None:
        return tuple(dict.fromkeys(buyer.customer_id for buyer in account.buyers))
    return account.account_ids


def spenders(draft: Layer, offer: Offer, account: Account | None, customer_id: str | None) -> tuple[str, ...]:
    """Whose budgets a redemption would take from: a member's, or a customer's with an offer that needs no account.

    Expects all accounts of the customer.
    """
    if account is not None:
        return members_of(offer, account)
    if customer_id is None or offer.terms.budget is None:
        return ()
    buyers = (buyer for theirs in accounts_of(draft, customer_id) for buyer in theirs.buyers)
    return tuple(dict.fromkeys((acting_customer(draft, customer_id), *(buyer.customer_id for buyer in buyers))))


def left_for(draft: Layer, context: Context, offer: Offer, member_ids: Sequence[str]) -> Left | None:
    """What the offer's budget has left in the running period, by the offer's own time; None without a budget."""
    budget = offer.terms.budget
    if budget is None:
        return None
    program = draft.get(Program, offer.program_id) if offer.program_id is not None else None
    at = context.now(program.clock_id if program is not None else None)
    return left_of(draft, budget, offer.id, member_ids=member_ids, at=at, zone=zone_of_offer(draft, offer))


def least_cost(terms: OfferTerms) -> int:
    """What the next redemption takes of the budget at least: all of it, where that is known beforehand."""
    is_of_points = terms.budget is not None and terms.budget.measure == "points"
    return terms.bonus.points if is_of_points and terms.bonus is not None else 1


def budget_refusal(
    draft: Layer, context: Context, offer: Offer, member_ids: Sequence[str], *, required: int | None = None
) -> Rejected | None:
    """Refuse if the budget has not all of it left, nor, where nobody says how much that is, the least that it takes."""
    budget = offer.terms.budget
    if budget is None:
        return None
    if budget.is_per_member and not member_ids:
        message = f"Offer {offer.id} has a budget for each customer; the cart names no customer."
        details = {"budget": budget.measure, "change": "name the customer"}
        return Rejected("budget_exhausted", message, param="customer", details=details)
    left = left_for(draft, context, offer, member_ids)
    asked = least_cost(offer.terms) if required is None else required
    if left is None or asked <= left.remaining:
        return None
    return replace(exhausted(budget, left, owner=f"offer {offer.id}", required=asked), param="offer")


def unmet_budget(
    draft: Layer, context: Context, offer: Offer, member_ids: Sequence[str], *, required: int | None = None
) -> list[Unmet]:
    """As `budget_refusal`, as a condition that is not met."""
    refusal = budget_refusal(draft, context, offer, member_ids, required=required)
    return [] if refusal is None else [_unmet(refusal)]


def over_budget(
    draft: Layer, context: Context, offer: Offer, member_ids: Sequence[str], currency: str, discount_minor: int
) -> Unmet | None:
    """Why the discount doesn't fit whole into what the offer's budget has left; None where it does."""
    budget = offer.terms.budget
    if budget is None or budget.measure != "amount":
        return None
    if budget.currency != currency:
        message = f"The budget of offer {offer.id} is in {budget.currency}; the cart is in {currency}."
        return Unmet("budget_exhausted", message, f"pay in {budget.currency}")
    refusal = budget_refusal(draft, context, offer, member_ids, required=discount_minor)
    return None if refusal is None else _unmet(refusal)


def over_promise(draft: Layer, use: OfferRedemption, discount_minor: int) -> Unmet | None:
    """Why what a session was promised can't be so much now: its period's budget has not so much left."""
    offer = draft.get(Offer, use.offer_id)
    if offer is None or offer.terms.budget is None or not is_of_amount(offer, use):
        return None
    room = room_of(draft, offer, use)
    if room is None or discount_minor <= room:
        return None
    assert use.budget_counter is not None, f"nothing counts {use.id}"
    counter = counter_at(draft, use.budget_counter)
    others = counter.used + counter.reserved - use.budget_taken
    period = use.budget_counter.rpartition(":")[2]
    left = Left(use.budget_counter, period, offer.terms.budget.most, others, 0, None)
    return _unmet(exhausted(offer.terms.budget, left, owner=f"offer {offer.id}", required=discount_minor))


def _unmet(refusal: Rejected) -> Unmet:
    return Unmet(refusal.code, refusal.message, refusal.details.get("change"))


# ---- what redemptions take


def take(
    draft: Layer, context: Context, use: OfferRedemption, offer: Offer, member_ids: Sequence[str], cost: int
) -> OfferRedemption:
    """The redemption takes so much of the running period's budget; it is new. Expects that there is so much."""
    left = left_for(draft, context, offer, member_ids)
    assert left is not None and left.counter_id is not None, f"{offer.id} has no budget for {member_ids}"
    use = replace(use, budget_counter=left.counter_id, budget_taken=cost)
    held, used = (cost, 0) if use.status == "reserved" else (0, cost)
    own = member_ids[:1] if offer.terms.budget is not None and offer.terms.budget.is_per_member else ()
    count(draft, context, left.counter_id, offer.id, *own, used=used, reserved=held)
    return use


def follow_use(draft: Layer, context: Context, before: OfferRedemption, after: OfferRedemption) -> None:
    """The counter of the redemption's period says what the redemption has taken in its state now."""
    if before.budget_counter is not None:
        (was_used, was_held), (used, held) = _counted(before), _counted(after)
        count(draft, context, before.budget_counter, used=used - was_used, reserved=held - was_held)


def _counted(use: OfferRedemption) -> tuple[int, int]:
    return (0, use.budget_taken) if use.status == "reserved" else (use.budget_taken, 0)


def room_of(draft: Layer, offer: Offer, use: OfferRedemption) -> int | None:
    """What the redemption could take in its own period, with what it has taken; None where nothing counts it."""
    budget = offer.terms.budget
    if use.budget_counter is None or budget is None:
        return None
    counter = counter_at(draft, use.budget_counter)
    return max(budget.most - counter.used - counter.reserved + use.budget_taken, 0)


def is_of_amount(offer: Offer | None, use: OfferRedemption) -> bool:
    """Whether the redemption takes an amount of a budget, which a whole refund gives back."""
    budget = offer.terms.budget if offer is not None else None
    return use.budget_counter is not None and budget is not None and budget.measure == "amount"


def cost_of(budget: Budget | None, *, discount_minor: int | None, points: int) -> int:
    """What a redemption takes of its budget: the discount, the points it adds, or one use."""
    if budget is None or budget.measure == "uses":
        return 1
    return (discount_minor or 0) if budget.measure == "amount" else points
