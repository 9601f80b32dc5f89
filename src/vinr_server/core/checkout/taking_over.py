"""Giving up what a session holds: when it expires, or when a new one of its customer takes it over (R63)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vinr_server.core.checkout.credit import release_credit
from vinr_server.core.checkout.needs import look_at_session, name_held
from vinr_server.core.checkout.presenting import Presented
from vinr_server.core.checkout.rows import CheckoutSession, Traces
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.offers.redemptions import release_redemption
from vinr_server.core.offers.rows import OfferRedemption
from vinr_server.core.rewards.rows import Discount


def held_by(draft: Layer, session: CheckoutSession) -> list[OfferRedemption]:
    """The redemptions that the session has reserved, oldest first."""
    redemptions = draft.children(OfferRedemption, session.id)
    return sorted((use for use in redemptions if use.status == "reserved"), key=lambda use: use.id)


def give_up(draft: Layer, context: Context, session: CheckoutSession, *, now: datetime) -> CheckoutSession:
    """The open session is expired, and all that it held is free."""
    for redemption in held_by(draft, session):
        release_redemption(draft, context, redemption, now=now)
    for id in session.held_ids:
        free_discount(draft, id, session)
    release_credit(draft, context, session)
    session = replace(session, status="expired", expired_at=now)
    draft.put(session)
    return session


def move_discount(draft: Layer, discount_id: str, *, status: str, session_id: str | None) -> Discount:
    """The discount is reserved by the session, or issued again."""
    discount = draft.get(Discount, discount_id)
    assert discount is not None, f"discount {discount_id} was not loaded"
    discount = replace(discount, status=status, session_id=session_id)
    draft.put(discount)
    return discount


def free_discount(draft: Layer, discount_id: str, session: CheckoutSession) -> None:
    """The session no longer reserves the discount. (One whose redemption expired meanwhile is void, and stays so.)"""
    discount = draft.get(Discount, discount_id)
    assert discount is not None, f"discount {discount_id} was not loaded"
    if discount.session_id == session.id:
        move_discount(draft, discount_id, status="issued", session_id=None)


# ---- by a new session of the same customer


def look_at_others(needs: Needs) -> None:
    """Declare a look at the sessions that a decision has asked for, with all they hold."""
    for row_type, key in needs.asked:
        if row_type is CheckoutSession:
            look_at_session(needs, str(key))


def name_others(needs: Needs, seen: Layer) -> None:
    """Declare what these sessions hold."""
    for row_type, key in needs.asked:
        if row_type is CheckoutSession:
            name_held(needs, seen, str(key))


def take_over(draft: Layer, context: Context, codes: Iterable[Presented], customer_id: str | None) -> bool:
    """Whether open sessions of the customer held what the codes need: these are expired now.

    What they need is the code itself where it is held, and the member's use of its offer where that is taken.
    """
    refused = [(each, each.objection.reason) for each in codes if each.objection is not None]
    held = [each.code for each, reason in refused if reason == "code_held"]
    full = [each.offer for each, reason in refused if reason == "offer_limit_reached"]
    code_ids, offer_ids = ({row.id for row in rows if row is not None} for rows in (held, full))
    if customer_id is None or not (code_ids or offer_ids):
        return False
    given_up = False
    for session in _open_sessions(draft, customer_id):
        if any(use.code_id in code_ids or use.offer_id in offer_ids for use in held_by(draft, session)):
            give_up(draft, context, session, now=context.now(session.clock_id))
            given_up = True
    return given_up


def _open_sessions(draft: Layer, customer_id: str) -> list[CheckoutSession]:
    """The customer's open sessions, oldest first. They are seldom asked for, so the batch is loaded again with them."""
    draft.require_asked(Traces, customer_id)
    traces = draft.find(Traces, customer_id)
    stored = traces.session_ids if traces is not None else ()
    missing = [id for id in stored if draft.is_covered and not draft.declares(CheckoutSession, id)]
    if missing:
        raise AlsoRows(CheckoutSession, missing)
    sessions = {id: draft.find(CheckoutSession, id) for id in stored}
    sessions |= {session.id: session for session in draft.all_here(CheckoutSession)}
    mine = [session for session in sessions.values() if session is not None and session.customer_id == customer_id]
    return sorted((session for session in mine if session.status == "open"), key=lambda session: session.id)
