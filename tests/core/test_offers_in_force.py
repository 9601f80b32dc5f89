"""Which counters and claims a cart has looked up: those of offers within its reach, however many others there are."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from cart_words import cart

from vinr_server.core.carts.cart import Cart
from vinr_server.core.carts.index import NEAR_MAX
from vinr_server.core.checkout.evaluation import evaluate_cart
from vinr_server.core.checkout.needs import name_buyer, name_changed_cart
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.numbers import SCALE
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.promotions import OfferShelf
from vinr_server.core.offers.rows import CheckoutTerms, Offer, OfferClaim, OfferTerms, PercentageDiscount
from vinr_server.core.programs.rows import Program

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MEMBER, CUSTOMER, PROGRAM = "loy_1", "cust_1", "prg_1"
CART = cart("2 shoe 30.00, hat 9.00")
SHOES, OTHERS = 70, 1_000


def percentage(id: str, sku: str, *, min_minor: int | None = None, program: str | None = None) -> Offer:
    """A percentage off a thing, once for each member and of a cap."""
    terms = OfferTerms(
        percentage=PercentageDiscount(SCALE),
        conditions=Conditions(skus=(sku,), min_amount_minor=min_minor),
        max_redemptions=1_000_000,
        per_member_limit=1,
    )
    return offer(id, terms, program=program)


def offer(id: str, terms: OfferTerms, *, program: str | None = None) -> Offer:
    """A published offer without a window."""
    kind = "engagement" if terms.checkout is None else "checkout"
    return Offer(
        id, kind, program, 1, id, terms, None, None, "published", {}, NOW, is_counted=terms.max_redemptions is not None
    )


def looked_up(
    *offers: Offer, is_held: bool = False, member: str | None = MEMBER, changed_from: Cart | None = None
) -> tuple[Layer, Needs]:
    """A batch of one cart among these offers, as it stands when it is loaded; nothing was counted before.

    `changed_from`: the cart of an open session until the batch changes it.
    """
    world = Layer()
    world.put(Program(PROGRAM, "Shop", "points", None, "none", "UTC", (), "active", None, {}, NOW))
    for one in offers:
        world.put(one)
    catalogue = Layer()
    catalogue.merge(world)
    catalogue.put(OfferShelf(catalogue))
    batch, needs = Layer(catalogue), Needs()
    accounts = [Account(1, id, PROGRAM, CUSTOMER, 0, 0, 0, None, None, "active", {}, NOW) for id in [member] if id]
    for account in accounts:
        batch.put(account)
    needs.children(Account, CUSTOMER)
    if changed_from is None:
        name_buyer(needs, batch, CUSTOMER, [CART], is_held=is_held)
    else:
        nothing: Any = (0, 0, 0, (), 0, {}, (), (), (), None, None, {})
        session = CheckoutSession(1, "cs_1", CUSTOMER, changed_from, "open", *nothing, NOW, NOW)
        needs.plans.carts[session.id] = [{"lines": CART.lines}]
        name_changed_cart(needs, batch, session, [])
    batch.cover(needs)
    return batch, needs


def claims(needs: Needs) -> set[str]:
    """The offers of which claims are declared."""
    return {offer_id for offer_id, _member in needs.rows.get(OfferClaim, ())}  # type: ignore[misc,attr-defined]


def caps(needs: Needs) -> set[object]:
    """The offers of which the caps are declared."""
    return set(needs.rows.get(Offer, ()))


def test_offers_of_other_things_cost_nothing() -> None:
    mine = [percentage(f"ofr_shoe{n}", "shoe") for n in range(SHOES)]
    far = [percentage(f"ofr_far{n}", "shoe", min_minor=1_000_000) for n in range(OTHERS)]
    others = [percentage(f"ofr_other{n}", f"thing{n}") for n in range(OTHERS)]
    anybodys = [offer(f"ofr_all{n}", OfferTerms(checkout=CheckoutTerms("free_shipping", None))) for n in range(OTHERS)]
    _batch, needs = looked_up(*mine, *far, *others, *anybodys)
    named = claims(needs)
    assert {one.id for one in mine} <= named
    assert len(named) <= SHOES + 2 * NEAR_MAX
    assert caps(needs) == named


def test_every_counter_that_deciding_asks_for_was_looked_for() -> None:
    mine = [percentage(f"ofr_shoe{n}", "shoe") for n in range(SHOES)]
    far = [percentage(f"ofr_far{n}", "hat", min_minor=1_000_000 + n) for n in range(SHOES)]
    batch, _needs = looked_up(*mine, *far)
    ids = count()
    context = Context(
        NOW,
        {},
        lambda prefix, _bucket: f"{prefix}_{next(ids)}",
        lambda _name: 1,
        lambda: "",
        lambda pattern, _letters: pattern,
    )
    checkout = evaluate_cart(batch.draft(), context, CART, customer_id=CUSTOMER, discount_ids=())
    assert not isinstance(checkout, Rejected)
    assert len(checkout.evaluation.applied) == SHOES
    assert len(checkout.evaluation.rejected) > 0


def test_a_changed_cart_is_looked_up_as_it_becomes() -> None:
    _batch, needs = looked_up(percentage("ofr_1", "shoe"), percentage("ofr_2", "scarf"), changed_from=cart("tie 9.00"))
    assert claims(needs) == caps(needs) == {"ofr_1"}


def test_offers_of_another_program_are_not_looked_up() -> None:
    _batch, needs = looked_up(percentage("ofr_1", "shoe", program="prg_2"), percentage("ofr_2", "hat", program=PROGRAM))
    assert [*needs.rows[OfferClaim]] == [("ofr_2", MEMBER)]
    assert caps(needs) == {"ofr_2"}


@pytest.mark.parametrize("is_held", [False, True])
def test_an_offer_without_limits_is_looked_up_where_its_use_is_counted(is_held: bool) -> None:
    free = offer("ofr_1", OfferTerms(percentage=PercentageDiscount(SCALE), conditions=Conditions(skus=("shoe",))))
    opt_in = offer("ofr_2", replace(free.terms, application="opt_in"))
    _batch, needs = looked_up(free, opt_in, percentage("ofr_3", "hat"), is_held=is_held)
    assert claims(needs) == {"ofr_2", "ofr_3"} | ({"ofr_1"} if is_held else set())


def test_a_stranger_looks_up_nothing() -> None:
    _batch, needs = looked_up(percentage("ofr_1", "shoe"), member=None)
    assert not claims(needs)
    assert not caps(needs)
