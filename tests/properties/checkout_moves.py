"""What can happen to carts in a history: sessions paid in every way, refunds after them, caps taken away and set."""

from __future__ import annotations

from typing import Any

from planner import Planner
from steps import Ref
from worlds import CUSTOMERS

from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.checkout.commands import CompleteCheckoutSession, CreateCheckoutSession, ExpireCheckoutSession
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.payments import commands as payments_commands


def check_out(plan: Planner) -> None:
    """A cart is promised its discount and paid for in one way or another, while the offer's caps change; then again."""
    dice = plan.dice
    for _time in range(1 + dice.roll(2)):
        # Prices hold their tax, or it comes on top.
        cart = Cart("EUR", (CartLine("cart", dice.pick((1_000, 999))),), 0, dice.pick((True, False)))
        plan.do(CreateCheckoutSession(cart, dice.pick(CUSTOMERS)))
        if dice.one_in(3):
            edit_offer(plan)
    if not plan.known.sessions:
        return
    session = plan.recent(plan.known.sessions)
    settle(plan, session)
    if plan.known.payments and dice.one_in(2):
        plan.do(payments_commands.RefundPayment(plan.known.payments[-1][0], amount_minor=dice.pick((None, None, 100))))
    if dice.one_in(2):
        edit_offer(plan)
    if dice.one_in(3):
        settle(plan, session)
    elif dice.one_in(2):
        pay_twice(plan, session[2])


def pay_twice(plan: Planner, customer: str) -> None:
    """Two carts that come to the same are to be paid with one payment, which may be given back before or between."""
    cart, dice = Cart("EUR", (CartLine("cart", 1_000),)), plan.dice
    plan.do(payments_commands.CreatePayment(1_000, "EUR", 100, id=f"pay_{len(plan.steps)}", customer_id=customer))
    given_back = dice.roll(3)
    for time in range(2):
        if given_back == time + 1 and plan.known.payments:
            plan.do(payments_commands.RefundPayment(plan.known.payments[-1][0]))
        # Limits that are used up leave the carts at their full price.
        plan.do(offer_commands.UpdateOffer("engagement", "ofr_half", term_changes={"max_redemptions": 1}))
        plan.do(CreateCheckoutSession(cart, customer))
        if plan.known.sessions and plan.known.payments:
            session: Any = plan.known.sessions[-1][0]
            plan.do(CompleteCheckoutSession(session, plan.known.payments[-1][0]))


def edit_offer(plan: Planner) -> None:
    """The offer's cap, or its members' limit, is taken away, set and changed."""
    limit = plan.dice.pick(("max_redemptions", "max_redemptions", "per_member_limit"))
    changes = {limit: plan.dice.pick((None, 2, 1, 4))}
    plan.do(offer_commands.UpdateOffer("engagement", "ofr_half", term_changes=changes))


def settle(plan: Planner, session: tuple[Ref, int, str]) -> None:
    """A session is completed: by a payment that names it, one on record, an older one, none; or it is given up."""
    id, total, customer = session
    way = plan.dice.pick(("record", "report", "record", "older", "nothing", "expire"))
    if way in ("record", "report"):
        line = {"sku": "cart", "unit_price": total, "quantity": 1, "categories": []}
        names: Any = {"session_id": id} if way == "report" else {}
        tax = plan.dice.pick((0, 0, 190))
        names["tax_minor"] = tax
        plan.do(payments_commands.CreatePayment(total + tax, "EUR", 100, customer_id=customer, lines=(line,), **names))
    if way == "expire":
        plan.do(ExpireCheckoutSession(id))  # type: ignore[arg-type]
    elif way == "nothing" or not plan.known.payments:
        plan.do(CompleteCheckoutSession(id))  # type: ignore[arg-type]
    elif way != "report":
        payments = plan.known.payments
        paid = payments[-1] if way == "record" else plan.recent(payments)
        plan.do(CompleteCheckoutSession(id, paid[0]))  # type: ignore[arg-type]
