"""Checkout sessions: they hold what a cart was promised until it is paid for or the session expires (R15, R16).

Opening a session reserves a slot of every offer that applied, and the issued discounts that did; completing it uses
them; expiry gives them back. The promise stays the same, even if the offers change in the meantime. Only an update of
the cart is evaluated again: offers that the session holds are evaluated at the promised revisions. A guest's session
can be given its customer, once (R81).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vinr_server.core.carts.cart import Cart, Promotion
from vinr_server.core.checkout.commands import (
    CreateCheckoutSession,
    ExpireCheckoutSession,
    UpdateCheckoutSession,
)
from vinr_server.core.checkout.credit import (
    asked_refusal,
    hold_credit,
    look_at_credit,
    name_credit,
)
from vinr_server.core.checkout.evaluation import Checkout, evaluate_cart
from vinr_server.core.checkout.needs import (
    look_at_buyer,
    look_at_session,
    name_buyer,
    name_changed_cart,
    name_discounts,
    name_held,
)
from vinr_server.core.checkout.payloads import session_payload
from vinr_server.core.checkout.presenting import held_codes, kept_codes, look_at_codes, name_codes, refusal_of
from vinr_server.core.checkout.rows import CheckoutSession, CreditTender
from vinr_server.core.checkout.taking_over import (
    free_discount,
    give_up,
    held_by,
    look_at_others,
    move_discount,
    name_others,
    take_over,
)
from vinr_server.core.codes.keys import fold
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.calendar import whole_second
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.grants.states import grant_for
from vinr_server.core.offers.promotions import promotion_of
from vinr_server.core.offers.redemptions import redeem_offer, release_redemption, take_other_discount
from vinr_server.core.offers.rows import Offer, OfferRedemption, OfferRevision
from vinr_server.core.programs.members import clock_of
from vinr_server.core.rewards.authorized import hold_for_session

# ---- open


def needs_create_checkout_session(command: CreateCheckoutSession, needs: Needs) -> None:
    """Needs the buyer's accounts, and the discounts that the cart names."""
    look_at_buyer(needs, command.customer_id, command.discount_ids)
    look_at_credit(needs, command.customer_id, command.credit)
    look_at_codes(needs, command.codes)
    if command.takes_over and needs.asked:
        look_at_others(needs)


def follow_create_checkout_session(command: CreateCheckoutSession, seen: Layer, needs: Needs) -> None:
    """Needs what is known about the buyer, what the codes open, and whose the discounts are."""
    offers = name_codes(needs, seen, command.codes)
    name_buyer(needs, seen, command.customer_id, [command.cart], is_held=True, opened=offers)
    if command.takes_over and needs.asked:
        name_others(needs, seen)
    name_discounts(needs, seen, command.discount_ids)
    name_credit(needs, seen, command.customer_id, command.credit)


def decide_create_checkout_session(
    draft: Layer, command: CreateCheckoutSession, context: Context
) -> Accepted | Rejected:
    """The session promises the cart what it gets, and holds all of it."""
    checkout = _evaluate(draft, context, command)
    if isinstance(checkout, Rejected):
        return checkout
    if command.takes_over and take_over(draft, context, checkout.codes, command.customer_id):
        checkout = _evaluate(draft, context, command)
        assert isinstance(checkout, Checkout), "no discount became unusable by what was given up"
    refusal = asked_refusal(command.credit, command.customer_id) or refusal_of(checkout.codes)
    if refusal is not None:
        return refusal
    bucket = context.bucket_of(command.customer_id or "")
    clock_id = clock_of(draft, command.customer_id) if command.customer_id is not None else None
    now = context.now(clock_id)
    session = CheckoutSession(
        bucket=bucket,
        id=context.make_id("cs", bucket),
        customer_id=command.customer_id,
        cart=command.cart,
        status="open",
        subtotal_minor=0,
        discount_minor=0,
        total_minor=0,
        line_discounts_minor=(),
        shipping_discount_minor=0,
        evaluation={},
        discount_ids=command.discount_ids,
        held_ids=(),
        held_minor=(),
        payment_id=None,
        clock_id=clock_id,
        metadata=command.metadata,
        created_at=now,
        expires_at=whole_second(now + timedelta(minutes=command.minutes)),
    )
    draft.put(session)
    session = _hold(draft, context, session, checkout, command.credit, now=now)
    return Accepted(session_payload(session, livemode=context.livemode))


def _evaluate(draft: Layer, context: Context, command: CreateCheckoutSession) -> Checkout | Rejected:
    return evaluate_cart(
        draft,
        context,
        command.cart,
        customer_id=command.customer_id,
        discount_ids=command.discount_ids,
        metadata=command.metadata,
        codes=command.codes,
        is_shut_out=command.is_shut_out,
    )


def _hold(
    draft: Layer,
    context: Context,
    session: CheckoutSession,
    checkout: Checkout,
    credit: CreditTender | None,
    *,
    now: datetime,
) -> CheckoutSession:
    """Write the promise to the session and reserve it; release what the session no longer needs.

    `credit`: what store credit is to pay at most.
    """
    evaluation = checkout.evaluation
    held = {redemption.offer_id: redemption for redemption in held_by(draft, session)}
    held_ids: set[str] = set()
    code_ids = checkout.code_ids
    for applied in evaluation.applied:
        if applied.promotion.is_voucher:
            held_ids.add(applied.promotion.id)
            discount = move_discount(draft, applied.promotion.id, status="reserved", session_id=session.id)
            hold_for_session(draft, discount, until=session.expires_at)
            continue
        present = held.pop(applied.promotion.id, None)
        offer: Offer = applied.promotion.source
        receipt = {"offer": offer.id, "revision": offer.revision, **applied.receipt}
        if present is not None:
            take_other_discount(draft, context, present, discount_minor=applied.discount_minor, receipt=receipt)
            continue
        account = checkout.accounts.get(offer.id)
        redeem_offer(
            draft,
            context,
            offer,
            account,
            receipt=receipt,
            now=now,
            session_id=session.id,
            discount_minor=applied.discount_minor,
            currency=session.cart.currency,
            is_reserved=True,
            bucket=context.bucket_of(session.customer_id or ""),
            grant=grant_for(draft, context, offer, account),
            code_id=code_ids.get(offer.id),
            customer_id=session.customer_id,
        )
    for left in held.values():
        release_redemption(draft, context, left, now=now)
    for id in set(session.held_ids).difference(held_ids):
        free_discount(draft, id, session)
    session = hold_credit(draft, context, with_promise(session, checkout), credit)
    draft.put(session)
    return session


def with_promise(session: CheckoutSession, checkout: Checkout) -> CheckoutSession:
    """The session promises what the cart gets."""
    evaluation = checkout.evaluation
    vouchers = [applied for applied in evaluation.applied if applied.promotion.is_voucher]
    return replace(
        session,
        cart=evaluation.cart,
        subtotal_minor=evaluation.cart.subtotal_minor,
        discount_minor=evaluation.discount_minor,
        total_minor=evaluation.total_minor,
        line_discounts_minor=tuple(evaluation.line_discounts_minor),
        shipping_discount_minor=evaluation.shipping_discount_minor,
        evaluation=checkout.payload,
        codes=kept_codes(checkout.codes),
        held_ids=tuple(applied.promotion.id for applied in vouchers),
        held_minor=tuple(applied.discount_minor for applied in vouchers),
    )


def open_session(draft: Layer, context: Context, session_id: str, *, param: str) -> CheckoutSession | Rejected:
    """Return the session if it is open, otherwise a refusal that says why not."""
    session = draft.get(CheckoutSession, session_id)
    if session is None:
        return missing("checkout session", session_id, param=param)
    if session.status == "completed":
        paid = f" with payment {session.payment_id}" if session.payment_id is not None else ""
        message = f"Checkout session {session.id} was already completed{paid}. Open a new session for another cart."
        details = {"status": "completed", "checkout_session": session.id, "payment": session.payment_id}
        return Rejected("checkout_session_not_open", message, param=param, details=details)
    if session.is_over(context.now(session.clock_id)):
        at = session.expired_at or session.expires_at
        message = f"Checkout session {session.id} expired at {at.isoformat()}; all it held is free. Open a new session."
        expired = {"status": "expired", "expires_at": unix(session.expires_at)}
        return Rejected("checkout_session_not_open", message, param=param, details=expired)
    return session


# ---- update


def needs_update_checkout_session(command: UpdateCheckoutSession, needs: Needs) -> None:
    """Needs the session with all it holds, and the discounts that the changed cart names."""
    look_at_session(needs, command.session_id)
    look_at_buyer(needs, command.customer_id, command.discount_ids or ())
    look_at_credit(needs, command.customer_id, command.credit)
    look_at_codes(needs, command.codes or ())
    needs.look_along(Wallet, Of(CheckoutSession, command.session_id, "customer_id"), by="customer_id")
    needs.plans.carts.setdefault(command.session_id, []).append(command.changes)
    if command.customer_id is not None:
        needs.plans.buyers.setdefault(command.session_id, []).append(command.customer_id)


def follow_update_checkout_session(command: UpdateCheckoutSession, seen: Layer, needs: Needs) -> None:
    """Needs what the session holds, its buyer, and whose the newly named discounts are."""
    session = name_held(needs, seen, command.session_id)
    offers = name_codes(needs, seen, command.codes or ())
    if session is not None:
        name_changed_cart(needs, seen, session, offers)
        name_credit(needs, seen, session.customer_id, session.credit or command.credit)
    name_credit(needs, seen, command.customer_id, command.credit)
    name_discounts(needs, seen, command.discount_ids or ())


def decide_update_checkout_session(
    draft: Layer, command: UpdateCheckoutSession, context: Context
) -> Accepted | Rejected:
    """The session promises the changed cart what it gets now; what it no longer gets is free again."""
    present = open_session(draft, context, command.session_id, param="id")
    if isinstance(present, Rejected):
        return present
    session = _with_customer(draft, context, present, command.customer_id)
    if isinstance(session, Rejected):
        return session
    metadata = merge_metadata(session.metadata, command.metadata or {})
    if isinstance(metadata, Rejected):
        return metadata
    cart: Cart = replace(session.cart, **command.changes)
    discount_ids = session.discount_ids if command.discount_ids is None else command.discount_ids
    session = replace(session, metadata=metadata, cart=cart, discount_ids=discount_ids)
    credit = command.credit if command.sets_credit else session.credit
    refusal = asked_refusal(credit, session.customer_id)
    if refusal is not None:
        return refusal
    if session == present and not command.sets_credit and command.codes is None:
        return Accepted(session_payload(session, livemode=context.livemode), is_new=False)
    held = _without_dropped(draft, context, session, command.codes)
    checkout = evaluate_cart(
        draft,
        context,
        cart,
        customer_id=session.customer_id,
        discount_ids=discount_ids,
        metadata=metadata,
        promised=[promised_offer(draft, redemption) for redemption in held],
        session_id=session.id,
        codes=tuple(code.text for code in session.codes) if command.codes is None else command.codes,
        held=held_codes(draft, held),
        is_shut_out=command.is_shut_out,
    )
    if isinstance(checkout, Rejected):
        return checkout
    refusal = refusal_of(checkout.codes)
    if refusal is not None:
        return refusal
    accounts = {use.offer_id: account_of(draft, use.account_id) for use in held if use.account_id is not None}
    checkout = replace(checkout, accounts={**accounts, **checkout.accounts})
    draft.put(session)  # what it holds is counted for its customer
    session = _hold(draft, context, session, checkout, credit, now=context.now(session.clock_id))
    return Accepted(session_payload(session, livemode=context.livemode), is_new=False)


def _without_dropped(
    draft: Layer, context: Context, session: CheckoutSession, codes: tuple[str, ...] | None
) -> list[OfferRedemption]:
    """What the session holds, without the uses of codes that it no longer presents: these are free at once."""
    held = held_by(draft, session)
    if codes is None:
        return held
    keys = set(map(fold, codes))
    dropped = {use.id for key, (_code, use) in held_codes(draft, held).items() if key not in keys}
    for use in held:
        if use.id in dropped:
            release_redemption(draft, context, use, now=context.now(session.clock_id))
    return [use for use in held if use.id not in dropped]


def _with_customer(
    draft: Layer, context: Context, session: CheckoutSession, customer_id: str | None
) -> CheckoutSession | Rejected:
    """The session as the customer's, for good; itself if it is that already. Refuses another customer than its own.

    From then on it lives by the customer's clock, as all that is a customer's, for the time that it had left.
    """
    if customer_id is None or customer_id == session.customer_id:
        return session
    if session.customer_id is not None:
        message = (
            f"Checkout session {session.id} is of customer {session.customer_id}; it can't be {customer_id}'s too."
            " Open a new session for another customer."
        )
        details = {"customer": session.customer_id, "checkout_session": session.id}
        return Rejected("checkout_session_linked", message, param="customer", details=details)
    clock_id = clock_of(draft, customer_id)
    if clock_id is None:
        return replace(session, customer_id=customer_id)
    left = session.expires_at - context.wall_now
    expires_at = whole_second(context.now(clock_id) + left)
    return replace(session, customer_id=customer_id, clock_id=clock_id, expires_at=expires_at)


def account_of(draft: Layer, account_id: str) -> Account:
    """The account that redeemed an offer; it is there."""
    account = draft.get(Account, account_id)
    assert account is not None, f"account {account_id} is gone"
    return account


def promised_offer(draft: Layer, redemption: OfferRedemption) -> Promotion:
    """Restore the offer at the promised revision, even if it has changed since; its window no longer matters."""
    revision = draft.get(OfferRevision, (redemption.offer_id, redemption.offer_revision))
    assert revision is not None, f"revision {redemption.offer_revision} of {redemption.offer_id} was not loaded"
    present = draft.get(Offer, redemption.offer_id)
    offer = Offer(
        id=redemption.offer_id,
        kind="engagement" if revision.terms.checkout is None else "checkout",
        program_id=present.program_id if present is not None else None,
        revision=revision.revision,
        name=revision.name,
        terms=revision.terms,
        starts_at=None,
        ends_at=None,
        status="published",
        metadata={},
        created_at=present.created_at if present is not None else revision.created_at,
    )
    return promotion_of(offer)


# ---- expire


def needs_expire_checkout_session(command: ExpireCheckoutSession, needs: Needs) -> None:
    """Needs the session with all it holds."""
    look_at_session(needs, command.session_id)


def follow_expire_checkout_session(command: ExpireCheckoutSession, seen: Layer, needs: Needs) -> None:
    """Needs what the session holds."""
    name_held(needs, seen, command.session_id)


def decide_expire_checkout_session(
    draft: Layer, command: ExpireCheckoutSession, context: Context
) -> Accepted | Rejected:
    """What the session held is free again. Expiring again changes nothing; a completed session can't expire."""
    session = draft.get(CheckoutSession, command.session_id)
    if session is None:
        return missing("checkout session", command.session_id, param="id")
    now = context.now(session.clock_id)
    is_early = command.only_if_over and not session.is_over(now)
    if session.status == "completed" and not command.only_if_over:
        refusal = open_session(draft, context, session.id, param="id")
        assert isinstance(refusal, Rejected)
        return refusal
    if session.status == "open" and not is_early:
        session = give_up(draft, context, session, now=now)
    return Accepted(session_payload(session, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    CreateCheckoutSession: (
        needs_create_checkout_session,
        decide_create_checkout_session,
        follow_create_checkout_session,
    ),
    UpdateCheckoutSession: (
        needs_update_checkout_session,
        decide_update_checkout_session,
        follow_update_checkout_session,
    ),
    ExpireCheckoutSession: (
        needs_expire_checkout_session,
        decide_expire_checkout_session,
        follow_expire_checkout_session,
    ),
}
