"""Redemptions of offers, each counted against its caps in the transaction that makes it (R15).

An offer's counters, of all uses and of each member's, are locked before anybody reads them: exactly min(demand, cap)
uses are granted. A checkout session holds a slot as `reserved` and confirms or releases it; all others confirm at once.
The use that fills the cap ends the offer in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.codes.rows import Code
from vinr_server.core.codes.uses import count_use
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.caps import count_for_all, count_for_member, full_for_all, full_for_member
from vinr_server.core.kernel.commands import EMPTY, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.rows import CapOwner
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.budgets import cost_of, follow_use, is_of_amount, room_of, spenders, take
from vinr_server.core.offers.changes import announce_end, shown_offer
from vinr_server.core.offers.grants.states import free_grant, is_free, take_grant
from vinr_server.core.offers.payloads import offer_redemption_payload
from vinr_server.core.offers.rows import Offer, OfferGrant, OfferRedemption
from vinr_server.core.payments.rows import Payment
from vinr_server.core.rewards.redemptions import issue
from vinr_server.core.rewards.rows import Redemption, Reward

Json = Mapping[str, Any]


def limit_refusal(draft: Layer, offer: Offer, account: Account, *, now: datetime) -> Rejected | None:
    """Refuse if the offer, or this member, can't redeem now: by its state, its window, its cap, the member's limit.

    Of an offer that is granted, the limit counts grants, and not here. Expects the locked counters.
    """
    if offer.deleted_at is not None or offer.status != "published":
        state = "deleted" if offer.deleted_at is not None else offer.status
        message = f"Offer {offer.id} is {'a draft' if state == 'draft' else state}."
        if state != "deleted":
            message += " Publish it to let members use it."
        return Rejected("offer_not_active", message, param="offer", details={"status": state})
    window = _window_refusal(offer, now)
    if window is not None:
        return window
    full = _cap_refusal(draft, offer)
    return full if full is not None or offer.is_granted else member_refusal(draft, offer, offer.member_id(account))


def cart_limit_refusal(draft: Layer, offer: Offer, customer_id: str | None) -> Rejected | None:
    """Refuse if a checkout offer's cap is full, or the customer's limit; a limit for each needs to know whose (R80).

    Expects the locked counters.
    """
    full = _cap_refusal(draft, offer)
    if full is not None or offer.per_member_limit is None:
        return full
    if customer_id is None:
        message = f"Each customer can use offer {offer.id} {offer.per_member_limit} times; the cart names no customer."
        details = {"limit": "per_member", "per_member_limit": offer.per_member_limit, "change": "name the customer"}
        return Rejected("offer_limit_reached", message, param="customer", details=details)
    return member_refusal(draft, offer, customer_id)


def limit_condition(refusal: Rejected) -> str:
    """What `limit_refusal` refuses for, as what is not met is named: by the offer's field, or `window`, or `status`."""
    limit = str(refusal.details.get("limit", "status"))
    return {"global": "max_redemptions", "per_member": "per_member_limit"}.get(limit, limit)


def _window_refusal(offer: Offer, now: datetime) -> Rejected | None:
    if offer.starts_at is not None and now < offer.starts_at:
        at = offer.starts_at
        change, word = f"wait until {at.isoformat()}", "starts"
    elif offer.ends_at is not None and now >= offer.ends_at:
        at = offer.ends_at
        change, word = None, "ended"
    else:
        return None
    details = {"limit": "window", "starts_at": offer.starts_at and unix(offer.starts_at)}
    details |= {"ends_at": offer.ends_at and unix(offer.ends_at), "change": change}
    message = f"Offer {offer.id} {word} at {at.isoformat()}; it is {now.isoformat()} now."
    return Rejected("offer_limit_reached", message, param="offer", details=details)


def _cap_refusal(draft: Layer, offer: Offer) -> Rejected | None:
    full = full_for_all(draft, offer)
    if full is None:
        return None
    held = f" ({full.reserved} reserved by open checkout sessions)" if full.reserved else ""
    message = f"All {full.most} redemptions of offer {offer.id} are taken{held}."
    details = {"limit": full.limit, "max_redemptions": full.most, "used": full.used, "reserved": full.reserved}
    return Rejected("offer_limit_reached", message, param="offer", details=details)


def member_refusal(
    draft: Layer, offer: Offer, member_id: str, *, counted_as: CapOwner | None = None, has_already: str = "used"
) -> Rejected | None:
    """Refuse if the member has had all uses of the offer that it may have, or all that is `counted_as` something else.

    Expects the locked counter.
    """
    full = full_for_member(draft, offer, member_id, counted_as=counted_as)
    if full is None:
        return None
    whose = "Account" if offer.program_id is not None else "Customer"
    message = f"{whose} {member_id} has already {has_already} offer {offer.id} (limit: {full.most})."
    details = {"limit": full.limit, "per_member_limit": full.most, "used": full.used, "reserved": full.reserved}
    return Rejected("offer_limit_reached", message, param="account", details=details)


def redeem_offer(
    draft: Layer,
    context: Context,
    offer: Offer,
    account: Account | None,
    *,
    receipt: Json,
    now: datetime,
    entry_id: str | None = None,
    redemption_id: str | None = None,
    payment_id: str | None = None,
    session_id: str | None = None,
    discount_minor: int | None = None,
    currency: str | None = None,
    is_reserved: bool = False,
    bucket: int = 0,
    grant: OfferGrant | None = None,
    code_id: str | None = None,
    points: int = 0,
    customer_id: str | None = None,
) -> OfferRedemption:
    """Redeem the offer: count, record and announce the use; or only reserve it for a checkout session.

    Expects that neither `limit_refusal` nor `budget_refusal` has an objection. `bucket` is for a redemption without a
    member, and `customer_id` whose it is; `grant`: the one it uses; `points`: what the use adds;
    `code_id`: the code that opened the offer, of which a use is taken too.
    """
    bucket = account.bucket if account is not None else bucket
    redemption = OfferRedemption(
        bucket=bucket,
        id=context.make_id("ordm", bucket),
        offer_id=offer.id,
        offer_revision=offer.revision,
        account_id=account.id if account is not None else None,
        status="reserved" if is_reserved else "confirmed",
        entry_id=entry_id,
        redemption_id=redemption_id,
        payment_id=payment_id,
        session_id=session_id,
        discount_minor=discount_minor,
        currency=currency,
        receipt={"offer": offer.id, "revision": offer.revision, **receipt},
        created_at=now,
        redeemed_at=None if is_reserved else now,
        grant_id=grant.id if grant is not None else None,
        code_id=code_id,
        counts_for_code=code_id is not None,
    )
    if offer.terms.budget is not None:
        cost = cost_of(offer.terms.budget, discount_minor=discount_minor, points=points)
        who = spenders(draft, offer, account, customer_id)
        redemption = take(draft, context, redemption, offer, who, cost)
    draft.put(redemption)
    take_grant(draft, redemption)
    if is_reserved:
        _count(draft, context, redemption, offer, reserved=1)
    else:
        _count(draft, context, redemption, offer, used=1)
        _announce_redeemed(draft, context, redemption, account, now)
    return redemption


def redeem_gift(
    draft: Layer,
    context: Context,
    offer: Offer,
    account: Account,
    *,
    now: datetime,
    receipt: Json = EMPTY,
    payment_id: str | None = None,
    grant: OfferGrant | None = None,
    code_id: str | None = None,
) -> tuple[OfferRedemption, Redemption]:
    """Redeem an offer of a gift: the member has the reward at no points.

    `receipt`: what the purchase counted for, where it was one. Expects that neither `limit_refusal` nor `gift_refusal`
    (activation.py) has an objection.
    """
    assert offer.terms.gift is not None, f"{offer.id} is no gift"
    reward = draft.get(Reward, offer.terms.gift.reward_id)
    assert reward is not None, "rewards are archived, never deleted"
    redemption_id = context.make_id("rdm", account.bucket)
    redemption, _payload = issue(
        draft,
        context,
        account,
        reward,
        reward.benefit,
        redemption_id=redemption_id,
        paid_by=None,
        metadata={},
        now=now,
    )
    given = {"reward": reward.id, "reward_revision": reward.revision, **receipt, "points": 0}
    use = redeem_offer(
        draft,
        context,
        offer,
        account,
        receipt=given,
        now=now,
        redemption_id=redemption_id,
        payment_id=payment_id,
        grant=grant,
        code_id=code_id,
    )
    return use, redemption


def confirm_redemption(
    draft: Layer,
    context: Context,
    redemption: OfferRedemption,
    account: Account | None,
    *,
    payment_id: str | None,
    now: datetime,
) -> OfferRedemption:
    """Use what a session reserved, on this payment. It was promised, so neither window nor pause matters now."""
    assert redemption.status == "reserved", f"{redemption.id} is {redemption.status}"
    confirmed = replace(redemption, status="confirmed", payment_id=payment_id, redeemed_at=now)
    draft.put(confirmed)
    follow_use(draft, context, redemption, confirmed)
    take_grant(draft, confirmed)
    _count(draft, context, confirmed, draft.get(Offer, redemption.offer_id), used=1, reserved=-1)
    _announce_redeemed(draft, context, confirmed, account, now)
    return confirmed


def release_redemption(
    draft: Layer, context: Context, redemption: OfferRedemption, *, now: datetime
) -> OfferRedemption:
    """Free what a session reserved, for everybody."""
    assert redemption.status == "reserved", f"{redemption.id} is {redemption.status}"
    released = replace(redemption, status="released", freed_at=now, counts_for_code=False, budget_taken=0)
    draft.put(released)
    follow_use(draft, context, redemption, released)
    free_grant(draft, released)
    _count(draft, context, released, draft.get(Offer, redemption.offer_id), reserved=-1)
    return released


def withdraw_redemption(
    draft: Layer, context: Context, redemption: OfferRedemption, *, now: datetime
) -> OfferRedemption:
    """Take back a use that a repriced payment no longer earns: it is free for the member, and for everybody (R75)."""
    assert redemption.status == "confirmed", f"{redemption.id} is {redemption.status}"
    withdrawn = replace(
        redemption, status="released", payment_id=None, freed_at=now, counts_for_code=False, budget_taken=0
    )
    draft.put(withdrawn)
    follow_use(draft, context, redemption, withdrawn)
    free_grant(draft, withdrawn)
    _count(draft, context, withdrawn, draft.get(Offer, redemption.offer_id), used=-1)
    return withdrawn


def take_other_discount(
    draft: Layer, context: Context, redemption: OfferRedemption, *, discount_minor: int, receipt: Json
) -> OfferRedemption:
    """The redemption takes another discount off its cart, and so of its budget. Expects that it fits."""
    is_counted = is_of_amount(draft.get(Offer, redemption.offer_id), redemption)
    taken = discount_minor if is_counted else redemption.budget_taken
    changed = replace(redemption, discount_minor=discount_minor, receipt=receipt, budget_taken=taken)
    draft.put(changed)
    follow_use(draft, context, redemption, changed)
    return changed


def free_member_slot(draft: Layer, context: Context, redemption: OfferRedemption, *, now: datetime) -> None:
    """Frees the member's slot, its grant and its amount of a budget; the global count stays (R15). Idempotent.

    A code that is for a single use, or one member's, can be used again; of a shared one the use stays taken (R63).
    """
    if redemption.status != "confirmed":
        return
    code = draft.get(Code, redemption.code_id) if redemption.code_id is not None else None
    gives_back = redemption.counts_for_code and code is not None and code.comes_back
    counts = redemption.counts_for_code and not gives_back
    is_given_back = is_of_amount(draft.get(Offer, redemption.offer_id), redemption)
    taken = 0 if is_given_back else redemption.budget_taken
    refunded = replace(redemption, status="refunded", freed_at=now, budget_taken=taken, counts_for_code=counts)
    draft.put(refunded)
    follow_use(draft, context, redemption, refunded)
    free_grant(draft, redemption)
    if gives_back and code is not None:
        count_use(draft, context, code.id, used=-1, account_id=redemption.account_id, now=now)
    member_id = _member_of(draft, redemption)
    if member_id is not None:
        count_for_member(draft, "offer", redemption.offer_id, member_id, bucket=redemption.bucket, used=-1)


def retake_member_slot(draft: Layer, context: Context, redemption: OfferRedemption, *, now: datetime) -> None:
    """Takes again what a whole refund freed, if limit and budget have room, or its grant is free. Idempotent.

    Its code's use is taken again where one is left.
    """
    if redemption.status != "refunded" or not is_free(draft, redemption) or not _fits_again(draft, redemption):
        return
    offer, member_id = draft.get(Offer, redemption.offer_id), _member_of(draft, redemption)
    if offer is None or member_id is None or offer.is_granted:
        full = None
    else:
        full = full_for_member(draft, offer, member_id)
    if full is not None:
        return
    code = draft.get(Code, redemption.code_id) if redemption.code_id is not None else None
    takes_again = code is not None and not redemption.counts_for_code and not code.is_full
    counts = redemption.counts_for_code or takes_again
    is_of_budget = is_of_amount(offer, redemption)
    taken = (redemption.discount_minor or 0) if is_of_budget else redemption.budget_taken
    retaken = replace(redemption, status="confirmed", freed_at=None, budget_taken=taken, counts_for_code=counts)
    draft.put(retaken)
    follow_use(draft, context, redemption, retaken)
    take_grant(draft, retaken)
    if takes_again and code is not None:
        count_use(draft, context, code.id, used=1, account_id=redemption.account_id, now=now)
    if member_id is not None:
        count_for_member(draft, "offer", redemption.offer_id, member_id, bucket=redemption.bucket, used=1)


def _fits_again(draft: Layer, redemption: OfferRedemption) -> bool:
    """Whether the budget has room for an amount that a whole refund gave back to it."""
    offer = draft.get(Offer, redemption.offer_id)
    if offer is None or not is_of_amount(offer, redemption):
        return True
    room = room_of(draft, offer, redemption)
    return room is None or (redemption.discount_minor or 0) <= room


def _member_of(draft: Layer, redemption: OfferRedemption) -> str | None:
    """Return the member whose uses are counted; None for a redemption that counts for nobody."""
    if redemption.account_id is None:
        return _customer_of(draft, redemption)
    offer, account = draft.get(Offer, redemption.offer_id), draft.get(Account, redemption.account_id)
    assert offer is not None, "offers for members are never deleted"
    assert account is not None, "accounts are never deleted"
    return offer.member_id(account)


def _customer_of(draft: Layer, redemption: OfferRedemption) -> str | None:
    """The customer of a checkout offer, if the offer has a limit for each: that of the session, or of its payment."""
    offer = draft.get(Offer, redemption.offer_id)
    if offer is None or offer.per_member_limit is None:
        return None
    session_id, payment_id = redemption.session_id, redemption.payment_id
    used_by: CheckoutSession | Payment | None = draft.find(CheckoutSession, session_id) if session_id else None
    if used_by is None and payment_id is not None:
        used_by = draft.get(Payment, payment_id)
    if used_by is None or used_by.customer_id is None:
        return None
    customer = draft.find(Customer, used_by.customer_id)
    return (customer.merged_into if customer is not None else None) or used_by.customer_id


def _count(
    draft: Layer,
    context: Context,
    redemption: OfferRedemption,
    offer: Offer | None,
    *,
    used: int = 0,
    reserved: int = 0,
) -> None:
    """Move the counters of the offer's caps, and its code's; the use that fills the global one ends the offer."""
    if redemption.code_id is not None:
        at = redemption.freed_at or redemption.redeemed_at or redemption.created_at
        whose = redemption.account_id
        count_use(draft, context, redemption.code_id, used=used, reserved=reserved, account_id=whose, now=at)
    member_id = _member_of(draft, redemption)
    if member_id is not None:
        is_of_account = redemption.account_id is not None
        bucket = redemption.bucket if is_of_account else context.bucket_of(member_id)
        count_for_member(draft, "offer", redemption.offer_id, member_id, bucket=bucket, used=used, reserved=reserved)
    if offer is None or not count_for_all(draft, context, offer, used=used, reserved=reserved):
        return
    if offer.closed_at is None and offer.deleted_at is None:
        payload = shown_offer(draft, context, offer)
        announce_end(draft, context, payload, reason="max_redemptions", now=redemption.redeemed_at or context.wall_now)


def _announce_redeemed(
    draft: Layer, context: Context, redemption: OfferRedemption, account: Account | None, now: datetime
) -> None:
    account = draft.get(Account, account.id) if account is not None else None
    sequence = {"sequence": account.sequence} if account is not None else {"sequence": None}
    data = {**offer_redemption_payload(redemption, livemode=context.livemode), **sequence}
    announce(
        draft,
        context,
        type="loyalty.offer.redeemed",
        account=account,
        bucket=redemption.bucket,
        data=data,
        now=now,
    )
