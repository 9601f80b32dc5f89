"""Codes that a cart presents: each is applied, or refused for the first reason of a fixed order (R62).

What lies outside the cart is asked before it is evaluated: whether there is such a code, whether it and its offer are
open, whose it is, and whether a use is left. A session's own holds never count against it: what it holds was promised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from vinr_server.core.carts.cart import Evaluation, Promotion, Unqualified
from vinr_server.core.checkout.rows import CheckoutSession, PresentedCode
from vinr_server.core.codes.holders import holder_of, is_cut_off, look_at_key, name_key, now_of, offer_of
from vinr_server.core.codes.keys import fold
from vinr_server.core.codes.rows import Code, CodeHold, CodeHolds
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import Wire, given, unix_or_none
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.promotions import promotion_of
from vinr_server.core.offers.rows import Offer, OfferRedemption

Reason = Literal[
    "code_attempts_exceeded",
    "code_unknown",
    "code_disabled",
    "code_not_started",
    "code_expired",
    "offer_not_active",
    "code_of_another_member",
    "customer_required",
    "code_exhausted",
    "code_held",
    "offer_limit_reached",
    "budget_exhausted",
    "not_eligible",
    "same_offer",
    "not_combinable",
    "no_effect",
]
# What a shopper is not to find out: whether a code exists, and whose it is.
HIDDEN: frozenset[Reason] = frozenset(
    ("code_unknown", "code_disabled", "code_not_started", "code_expired", "code_exhausted", "code_of_another_member")
)
# Conditions that offers give for their limits, their state and their place among others.
CARTS = ("checkout", "cart")
_LIMITS = ("max_redemptions", "per_member_limit")
_CLOSED = ("status", "window")
_WITHOUT_EFFECT = ("no_effect", "rounds_to_zero", "larger_than_order")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a code does not apply, the change that would help if there is one, and when the use is free that holds it."""

    reason: Reason
    change: str | None = None
    frees_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Presented:
    """A code as it was given, with its holder and the offer that it opens; `objection`: why it does not apply."""

    text: str
    code: Code | None = None
    offer: Offer | None = None
    objection: Objection | None = None

    @property
    def opens(self) -> Offer | None:
        """The offer that it opens."""
        return self.offer if self.objection is None else None


# ---- what is needed


def look_at_codes(needs: Needs, texts: Iterable[str]) -> None:
    """Declare a look at the holders of these codes' keys: one indexed read, however many codes there are."""
    for text in texts:
        look_at_key(needs, fold(text))


def name_codes(needs: Needs, seen: Layer, texts: Iterable[str]) -> list[Offer]:
    """Declare the codes with their offers, which are returned. Expects the look."""
    offers: list[Offer] = []
    for text in texts:
        key = fold(text)
        name_key(needs, seen, key)
        holder = holder_of(seen, key)
        offer = offer_of(seen, holder) if holder is not None else None
        if offer is not None:
            offers.append(offer)
    return offers


# ---- before the cart is evaluated


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who presents codes: the customer with its accounts, and what the shopper's session holds already.

    `is_shut_out`: too many of its codes were unknown. `held`: by key, the code and the use of its offer.
    """

    customer_id: str | None
    accounts: Sequence[Account]
    is_shut_out: bool
    held: Mapping[str, tuple[Code, OfferRedemption]]

    @property
    def account_ids(self) -> frozenset[str | None]:
        """The customer's accounts, and those that were merged into them."""
        return frozenset(buyer.account_id for account in self.accounts for buyer in account.buyers)


def present(draft: Layer, context: Context, texts: Sequence[str], shopper: Shopper) -> list[Presented]:
    """The codes, each once: with what stands against it that is not in the cart.

    Of several that open one offer the oldest does, or the one that is held; which was named first never matters.
    """
    by_key = {fold(text): text for text in reversed(texts)}
    found = [_judge(draft, context, key, by_key[key], shopper) for key in dict.fromkeys(map(fold, texts))]
    opening: dict[str, Presented] = {}
    for each in found:
        if each.opens is not None and each.code is not None:
            other = opening.get(each.opens.id)
            if other is None or other.code is None or _rank(each.code, shopper) < _rank(other.code, shopper):
                opening[each.opens.id] = each
    return [
        replace(each, objection=Objection("same_offer"))
        if each.opens is not None and opening[each.opens.id] is not each
        else each
        for each in found
    ]


def _rank(code: Code, shopper: Shopper) -> tuple[Any, ...]:
    return (code.folded not in shopper.held, code.created_at, code.id)


def _judge(draft: Layer, context: Context, key: str, text: str, shopper: Shopper) -> Presented:
    held = shopper.held.get(key)
    if held is not None:
        code, use = held
        return Presented(text, code, draft.get(Offer, use.offer_id) or _gone(use))
    if shopper.is_shut_out:
        return Presented(text, objection=Objection("code_attempts_exceeded"))
    holder = holder_of(draft, key)
    if holder is None or holder.offer_id is None:
        return Presented(text, objection=Objection("code_unknown"))
    offer = offer_of(draft, holder)
    against = objection_to(draft, context, holder, offer, shopper)
    if against is None and offer is not None and (offer.is_granted or offer.terms.comes_with not in CARTS):
        against = Objection("no_effect", "redeem the code for an account")
    return Presented(text, holder, offer, against)


def _gone(use: OfferRedemption) -> Offer:
    raise AssertionError(f"offer {use.offer_id} of {use.id} is gone")


def objection_to(draft: Layer, context: Context, code: Code, offer: Offer | None, shopper: Shopper) -> Objection | None:
    """The first reason against a code that lies outside the cart: its window, its offer, its member, its uses."""
    now = now_of(draft, context, offer)
    own = _of_window(draft, code, now)
    if own is not None:
        return own
    if offer is None or not _is_open(offer, now):
        return Objection("offer_not_active")
    if shopper.customer_id is None:
        if code.account_id is not None or offer.kind == "engagement" or _counts_members(offer):
            return Objection("customer_required", "name the customer")
    elif code.account_id is not None and code.account_id not in shopper.account_ids:
        return Objection("code_of_another_member")
    return of_uses(draft, code)


def _of_window(draft: Layer, code: Code, now: datetime) -> Objection | None:
    if code.status == "disabled" or is_cut_off(draft, code):
        return Objection("code_disabled")
    if code.starts_at is not None and now < code.starts_at:
        return Objection("code_not_started", f"wait until {code.starts_at.isoformat()}")
    if code.expires_at is not None and now >= code.expires_at:
        return Objection("code_expired")
    return None


def _counts_members(offer: Offer) -> bool:
    """Whether the offer has a limit, or a budget, for each member."""
    budget = offer.terms.budget
    return offer.per_member_limit is not None or (budget is not None and budget.is_per_member)


def _is_open(offer: Offer, now: datetime) -> bool:
    """Whether the offer's window is open and it is published; its caps are asked with the cart."""
    return offer.status_at(now, used=0) == "active"


def of_uses(draft: Layer, code: Code) -> Objection | None:
    """Why no use of the code is left: all are used, or open sessions hold what is left of them."""
    if code.is_used_up:
        return Objection("code_exhausted")
    if not code.is_full:
        return None
    frees_at = min((hold.expires_at for hold in holds_of(draft, code)), default=None)
    return Objection("code_held", None if frees_at is None else f"wait until {frees_at.isoformat()}", frees_at)


def holds_of(draft: Layer, code: Code) -> list[CodeHold]:
    """The holds of the code: those that were stored, and those of the current batch."""
    draft.require_asked(CodeHolds, code.id)
    stored = draft.find(CodeHolds, code.id)
    here = {use.id: use for use in draft.all_here(OfferRedemption) if use.code_id == code.id}
    holds = [hold for hold in (stored.holds if stored is not None else ()) if hold.id not in here]
    for use in here.values():
        session = draft.find(CheckoutSession, use.session_id) if use.session_id is not None else None
        if use.status == "reserved" and session is not None:
            holds.append(CodeHold(use.id, session.expires_at))
    return holds


# ---- after the cart is evaluated


def opened(presented: Iterable[Presented], promised: Iterable[Promotion]) -> list[Promotion]:
    """The offers that the codes open, as the cart sees them, without those that were promised before."""
    known = {promotion.id for promotion in promised}
    offers = {each.opens.id: each.opens for each in presented if each.opens is not None}
    return [promotion_of(offer) for id, offer in offers.items() if id not in known]


def judged(presented: Iterable[Presented], evaluation: Evaluation) -> tuple[Presented, ...]:
    """The codes, with what the cart says of their offers."""
    applied = {applied.promotion.id for applied in evaluation.applied}
    rejected = {rejected.promotion.id: rejected for rejected in evaluation.rejected}

    def judge(each: Presented) -> Presented:
        if each.offer is None or each.offer.id in applied:
            return each
        is_second = each.objection is not None and each.objection.reason == "same_offer"
        if each.objection is not None and not is_second:
            return each
        found = _of_cart(rejected.get(each.offer.id))
        return each if is_second and found.reason in ("not_combinable", "no_effect") else replace(each, objection=found)

    return tuple(map(judge, presented))


def _of_cart(rejected: Unqualified | None) -> Objection:
    """Why the cart does not get the offer, by the first reason in their order."""
    unmet = rejected.unmet if rejected is not None else []
    conditions = {reason.condition for reason in unmet}
    change = "; ".join(reason.change for reason in unmet if reason.change is not None) or None
    if conditions.intersection(_CLOSED):
        return Objection("offer_not_active", change)
    if conditions.intersection(_LIMITS):
        return Objection("offer_limit_reached", change)
    if "budget_exhausted" in conditions:
        return Objection("budget_exhausted", change)
    if not conditions or conditions.intersection(_WITHOUT_EFFECT):
        return Objection("no_effect", change)
    return Objection("not_combinable" if "stacking" in conditions else "not_eligible", change)


def refusal_of(presented: Sequence[Presented]) -> Rejected | None:
    """Refuse to promise a cart without a code that it presents: nothing is dropped in silence."""
    refused = [each for each in presented if each.objection is not None]
    if not refused:
        return None
    named = ", ".join(f"{each.text} ({each.objection.reason})" for each in refused if each.objection is not None)
    message = f"Not every code applies to this cart: {named}. Leave these out, or change what stands against them."
    details = {"codes": codes_payload(presented)}
    return Rejected("code_not_applicable", message, param="codes", details=details)


def codes_payload(presented: Iterable[Presented]) -> list[Wire]:
    """Every code that was presented: applied, or why not."""
    return [_payload(each) for each in presented]


def _payload(each: Presented) -> Wire:
    objection = each.objection
    if objection is None:
        return {"code": each.text, "status": "applied", "offer": each.offer.id if each.offer is not None else None}
    return given(
        {
            "code": each.text,
            "status": "rejected",
            "offer": each.offer.id if each.offer is not None else None,
            "reason": objection.reason,
            "shopper_reason": "invalid" if objection.reason in HIDDEN else objection.reason,
            "change": objection.change,
            "frees_at": unix_or_none(objection.frees_at),
        }
    )


def kept_codes(presented: Iterable[Presented]) -> tuple[PresentedCode, ...]:
    """The codes that apply, as a session keeps them."""
    applied = (each for each in presented if each.objection is None)
    return tuple(PresentedCode(each.text, each.code.id) for each in applied if each.code is not None)


def held_codes(draft: Layer, uses: Iterable[OfferRedemption]) -> dict[str, tuple[Code, OfferRedemption]]:
    """The codes of these uses by their keys, each with its use."""
    found: dict[str, tuple[Code, OfferRedemption]] = {}
    for use in uses:
        code = draft.get(Code, use.code_id) if use.code_id is not None else None
        if code is not None:
            found[code.folded] = (code, use)
    return found
