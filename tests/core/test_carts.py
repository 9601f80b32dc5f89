"""What carts get, case by case, as a marketer would say it (R13, R14, R23). Amounts are currency units."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations

import pytest
from cart_words import (
    START,
    bogo,
    cart,
    cents,
    changes,
    gift,
    line,
    names,
    off,
    off_each,
    percent,
    priced,
    promotion,
    ships_free,
)

from vinr_server.core.carts.cart import Cart, Effect, Promotion, Selection
from vinr_server.core.carts.index import NEAR_MAX, segment_key
from vinr_server.core.conditions.judging import Unmet


@dataclass(frozen=True)
class Case:
    """A cart, what is offered, and what comes off each line and the shipping."""

    what: str
    lines: str
    offered: list[Promotion] = field(default_factory=list)
    comes_off: str = ""
    shipping: str = "0.00"
    off_shipping: str = "0.00"
    applied: str | None = None


CASES = [
    Case("nothing offered, nothing off", "shoe 30.00", [], "0.00"),
    # ---- a sum off the order
    Case("a sum is shared by price", "shoe 30.00, hat 10.00", [off("a", "4.00")], "3.00 1.00"),
    Case("no cent is lost", "A 33.33, B 33.33, C 33.34", [off("a", "10.00")], "3.33 3.33 3.34"),
    Case("of equal lines the earlier sku takes the cent", "C 1.00, A 1.00, B 1.00", [off("a", "1.00")], "0.33 0.34 0.33"),
    Case("never more than the cart costs", "shoe 30.00", [off("a", "50.00")], "30.00"),
    Case("a free line takes no part", "shoe 30.00, bag 0.00", [off("a", "10.00")], "10.00 0.00"),
    Case("it lands on the lines it is for", "shoe 30.00, hat 10.00", [off("a", "4.00", of="hat")], "0.00 4.00"),
    Case("a category will do", "shoe 30.00 #sport, hat 10.00", [off("a", "4.00", of="#sport")], "4.00 0.00"),
    Case("a line that matches twice counts once", "shoe 8.00 #sport #men, hat 5.00", [off("a", "4.00", of="shoe #sport #men", over="9.00")], "0.00 0.00"),
    # ---- a sum off every unit
    Case("a sum off every unit", "3 shoe 30.00, hat 10.00", [off_each("a", "2.00", of="shoe")], "6.00 0.00"),
    Case("a unit never costs less than nothing", "3 pen 1.00, hat 10.00", [off_each("a", "2.00")], "3.00 2.00"),
    # ---- a percentage
    Case("twenty percent", "shoe 50.00", [percent("a", 20)], "10.00"),
    Case("capped", "shoe 100.00", [percent("a", 20, at_most="15.00")], "15.00"),
    Case("the cap is shared too", "A 50.00, B 25.00", [percent("a", 50, at_most="15.00")], "10.00 5.00"),
    Case("a fraction of a cent stays with the merchant", "pen 0.99", [percent("a", 50)], "0.49"),
    Case("one rounding for the whole, not one for each line", "A 0.99, B 0.99", [percent("a", 50)], "0.50 0.49"),
    Case("a hundred percent", "A 0.99, B 0.98", [percent("a", 100)], "0.99 0.98"),
    Case("over a hundred is a hundred", "shoe 50.00", [percent("a", 120)], "50.00"),
    Case("12.5 %, exactly", "shoe 0.80", [percent("a", 12.5)], "0.10"),
    Case("not off the shipping", "shoe 50.00", [percent("a", 20)], "10.00", shipping="5.00"),
    # ---- buy one, get one
    Case("one of a pair", "2 shoe 30.00", [bogo("a")], "30.00"),
    Case("one alone", "1 shoe 30.00", [bogo("a")], "0.00"),
    Case("five: two are free", "5 shoe 30.00", [bogo("a")], "60.00"),
    Case("the cheapest half of all units", "shoe 30.00, hat 10.00, bag 20.00, tie 40.00", [bogo("a")], "0.00 10.00 20.00 0.00"),
    Case("of equally cheap ones the earlier sku", "B 10.00, A 10.00", [bogo("a")], "0.00 10.00"),
    Case("buy two, get one", "5 shoe 30.00", [bogo("a", buy=2)], "30.00"),
    Case("buy two, get one, twice", "6 shoe 30.00", [bogo("a", buy=2)], "60.00"),
    Case("buy one, get two: the second of two is free", "2 shoe 30.00", [bogo("a", get=2)], "30.00"),
    Case("buy one, get two: of five, three", "5 shoe 30.00", [bogo("a", get=2)], "90.00"),
    Case("only among what matches", "shoe 30.00, hat 10.00", [bogo("a", of="shoe")], "0.00 0.00"),
    Case("what is free is not free again", "2 shoe 30.00", [bogo("a"), bogo("b")], "30.00", applied="a"),
    Case("nor is it discounted again", "2 shoe 30.00", [bogo("a"), percent("b", 100)], "60.00", applied="a b"),
    Case("a price cents can't halve", "3 pen 1.00", [off_each("a", "0.33"), bogo("b")], "1.66", applied="a b"),
    # ---- gifts and shipping
    Case("one unit for nothing", "3 mug 8.00, hat 10.00", [gift("a", "mug")], "8.00 0.00"),
    Case("the cheapest of two lines", "mug 8.00, mug 7.00", [gift("a", "mug")], "0.00 7.00"),
    Case("a credit is worth its value", "shoe 60.00", [ships_free("a", "7.99")], "0.00", "12.00", "7.99"),
    Case("and not more than the shipping", "shoe 60.00", [ships_free("a", "7.99")], "0.00", "5.00", "5.00"),
    Case("without a value it is all", "shoe 60.00", [ships_free("a")], "0.00", "12.00", "12.00"),
    Case("two credits never pay twice", "shoe 60.00", [ships_free("a", "7.99"), ships_free("b", "7.99")], "0.00", "12.00", "12.00"),
    # ---- thresholds
    Case("at the threshold", "shoe 50.00", [off("a", "10.00", over="50.00")], "10.00"),
    Case("a cent below it", "shoe 49.99", [off("a", "10.00", over="50.00")], "0.00"),
    Case("only matching lines count", "shoe 30.00, hat 30.00", [off("a", "10.00", of="shoe", over="50.00")], "0.00 0.00"),
    Case("at undiscounted prices", "shoe 50.00", [off_each("a", "5.00"), off("b", "10.00", over="50.00")], "15.00", applied="a b"),
    Case("units", "2 shoe 30.00, hat 1.00", [off("a", "10.00", of="shoe", units=3)], "0.00 0.00"),
    Case("units over two lines", "2 shoe 30.00, boot 30.00", [off("a", "9.00", of="shoe boot", units=3)], "6.00 3.00"),
    Case("another currency", "shoe 50.00", [off("a", "10.00", currency="USD")], "0.00"),
    # ---- order of application
    Case("units, then pairs, then the order", "2 shoe 10.00", [percent("a", 50), bogo("b"), off_each("c", "1.00")], "15.50", applied="c b a"),
    Case("each finds the price the one before left", "shoe 100.00", [percent("a", 10), percent("b", 10)], "19.00", applied="a b"),
    Case("the older first", "shoe 100.00", [percent("b", 10), off("a", "50.00")], "55.00", applied="a b"),
    Case("priority before age", "shoe 100.00", [percent("b", 10, priority=1), off("a", "50.00")], "60.00", applied="b a"),
    Case("never below nothing", "shoe 10.00", [off("a", "8.00"), off("b", "8.00"), off("c", "8.00")], "10.00", applied="a b"),
    # ---- stacking
    Case("an exclusive one stands alone", "shoe 100.00", [off("a", "5.00"), off("b", "9.00", stacking="exclusive")], "9.00", applied="b"),
    Case("of two exclusive ones the better", "shoe 100.00", [off("b", "9.00", stacking="exclusive"), off("a", "5.00", stacking="exclusive")], "9.00", applied="b"),
    Case("of two equally good exclusive ones the older", "shoe 100.00", [off("b", "9.00", stacking="exclusive"), percent("a", 9, stacking="exclusive")], "9.00", applied="a"),
    Case("the better exclusive one of a later phase", "shoe 100.00", [off_each("a", "5.00", stacking="exclusive"), off("b", "9.00", stacking="exclusive"), off_each("c", "1.00")], "9.00", applied="b"),
    Case("the best of all phases", "shoe 100.00", [off_each("a", "5.00", stacking="best"), percent("b", 9, stacking="best")], "9.00", applied="b"),
    Case("the best of all phases by what is left there", "2 shoe 50.00", [off_each("a", "3.00", stacking="best"), bogo("b"), percent("c", 10, stacking="best")], "53.00", applied="a b"),
    Case("only within its group", "shoe 100.00", [off("a", "5.00"), off("b", "9.00", stacking="exclusive", group="g")], "14.00", applied="b a"),
    Case("in every phase", "shoe 100.00", [off_each("a", "5.00", stacking="exclusive"), off("b", "9.00"), ships_free("c")], "5.00", "3.00", applied="a"),
    Case("and not after another of its group", "shoe 100.00", [off_each("a", "5.00"), off("b", "9.00", stacking="exclusive")], "5.00", applied="a"),
    Case("one without effect keeps nobody out", "shoe 100.00", [off("a", "0.00", stacking="exclusive"), off("b", "9.00")], "9.00", applied="b"),
    Case("the best of a group", "shoe 100.00", [off("a", "5.00", stacking="best"), percent("b", 9, stacking="best")], "9.00", applied="b"),
    Case("the best, beside the others", "shoe 100.00", [off("a", "5.00", stacking="best"), off("b", "9.00", stacking="best"), off("c", "1.00")], "10.00", applied="b c"),
    Case("of equally good ones the older", "shoe 100.00", [off("b", "9.00", stacking="best"), percent("a", 9, stacking="best")], "9.00", applied="a"),
    Case("the best by what it takes off here", "shoe 10.00", [off("a", "5.00", stacking="best"), percent("b", 9, stacking="best")], "5.00", applied="a"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_a_cart_gets(case: Case) -> None:
    bought = cart(case.lines, shipping=case.shipping)
    got = priced(bought, *case.offered)
    assert list(got.line_discounts_minor) == [cents(one) for one in case.comes_off.split()]
    assert got.shipping_discount_minor == cents(case.off_shipping)
    assert got.total_minor == bought.subtotal_minor + bought.shipping_minor - got.discount_minor
    if case.applied is not None:
        assert names(got) == case.applied


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_neither_the_order_of_lines_nor_of_offers_matters(case: Case) -> None:
    bought = cart(case.lines, shipping=case.shipping)
    straight = priced(bought, *case.offered)
    for lines in permutations(range(len(bought.lines))):
        for offered in permutations(case.offered):
            turned = priced(Cart("EUR", tuple(bought.lines[at] for at in lines), bought.shipping_minor), *offered)
            assert list(turned.line_discounts_minor) == [straight.line_discounts_minor[at] for at in lines]
            assert names(turned) == names(straight)
            assert changes(turned) == changes(straight)


WHY = [
    ("shoe 49.58", off("a", "1.00", over="50.00"), "min_subtotal: spend 42 more"),
    ("shoe 49.58 #s", off("a", "1.00", of="#s", over="50.00"), "min_subtotal: spend 42 more on s"),
    ("2 shoe 1.00", off("a", "1.00", of="shoe", units=5), "min_quantity: add 3 more of shoe"),
    ("shoe 1.00", bogo("a", of="shoe"), "no_effect: add 1 more of shoe"),
    ("shoe 1.00", bogo("a", buy=2), "no_effect: add 2 more"),
    ("shoe 1.00", off("a", "1.00", of="shoe", currency="USD"), "currency: pay in USD"),
    ("shoe 1.00", off("a", "1.00", currency="USD"), "currency: pay in USD"),
    ("shoe 0.00", off("a", "1.00"), "no_effect: None"),
    ("shoe 1.00", ships_free("a"), "no_effect: None"),
]


@pytest.mark.parametrize(("lines", "offered", "why"), WHY)
def test_what_gives_nothing_says_what_would_qualify(lines: str, offered: Promotion, why: str) -> None:
    assert changes(priced(cart(lines), offered)) == {"a": [why]}


class TestVouchers:
    def test_stand_beside_an_exclusive_offer(self) -> None:
        got = priced(cart("shoe 100.00"), off("a", "9.00", stacking="exclusive"), off("v", "5.00", is_voucher=True))
        assert names(got) == "a v"
        assert got.discount_minor == 1400

    def test_go_in_order_of_creation_among_the_offers(self) -> None:
        got = priced(cart("shoe 100.00"), percent("b", 10), off("a", "50.00", is_voucher=True), off("c", "1.00"))
        assert names(got) == "a b c"

    def test_are_told_apart_where_the_currency_differs(self) -> None:
        got = priced(cart("shoe 100.00"), off("v", "5.00", currency="USD", is_voucher=True))
        assert changes(got) == {"v": ["currency: pay in USD"]}


class TestMembers:
    def test_an_offer_for_a_segment_is_looked_up_for_its_members_only(self) -> None:
        offered = off("a", "9.00", audience=(segment_key("vip"),))
        assert names(priced(cart("shoe 100.00"), offered, audiences=[segment_key("vip")])) == "a"
        assert names(priced(cart("shoe 100.00"), offered)) == ""

    def test_what_is_refused_gives_nothing_and_says_why(self) -> None:
        def refuse(promotion: Promotion) -> list[Unmet]:
            return [Unmet("tiers", "The member holds silver.", "needs tier gold")] if promotion.name == "a" else []

        got = priced(cart("shoe 100.00"), off("a", "9.00"), off("b", "5.00"), refuse=refuse)
        assert (names(got), changes(got)) == ("b", {"a": ["tiers: needs tier gold"]})

    def test_every_condition_in_the_way_is_told(self) -> None:
        got = priced(
            cart("shoe 1.00"), off("a", "9.00", over="2.00", units=3), refuse=lambda _one: [Unmet("tiers", "", "t")]
        )
        assert changes(got) == {"a": ["min_subtotal: spend 100 more", "min_quantity: add 2 more", "tiers: t"]}


class TestWindows:
    def test_open_at_their_start_and_shut_at_their_end(self) -> None:
        offered = off("a", "9.00", starts_at=START + timedelta(hours=1), ends_at=START + timedelta(hours=2))
        for seconds, applied in ((3599, ""), (3600, "a"), (7199, "a"), (7200, "")):
            got = priced(cart("shoe 100.00"), offered, now=START + timedelta(seconds=seconds))
            assert (names(got), len(got.rejected)) == (applied, 0)


class TestReach:
    """What the cart can't reach is not looked at, but for the nearest few."""

    def test_only_the_nearest_are_explained(self) -> None:
        offered = [off(f"{n:03d}", "1.00", over=f"{n}.00", created=n) for n in range(2, 400)]
        got = priced(cart("shoe 1.00"), *offered)
        assert list(changes(got)) == ["002", "003", "004"]

    def test_never_more_than_a_few_of_many_lists(self) -> None:
        skus = [f"sku{n:02d}" for n in range(40)]
        offered = [off(sku, "1.00", of=sku, over=f"{50 + n}.00", created=n) for n, sku in enumerate(skus)]
        got = priced(Cart("EUR", tuple(line(f"{sku} 1.00") for sku in skus)), *offered)
        assert list(changes(got)) == [f"sku{n:02d}" for n in range(NEAR_MAX)]

    def test_offers_of_other_skus_are_not_found_at_all(self) -> None:
        got = priced(cart("shoe 1.00"), off("a", "1.00", of="hat"))
        assert (names(got), changes(got)) == ("", {})

    def test_an_offer_may_ask_for_some_lines_and_discount_others(self) -> None:
        offered = percent("a", 50, of="shoe", lines=Selection(frozenset(["hat"])))
        got = priced(cart("shoe 30.00, hat 10.00"), offered)
        assert list(got.line_discounts_minor) == [0, 500]

    def test_what_is_left_out_is_neither_bought_nor_given(self) -> None:
        new = Selection(frozenset(["ball"]), exclude_categories=frozenset(["used"]))
        effect = Effect("bogo", percent_e4=1_000_000, buy=2, bought=new, got=new)
        got = priced(cart("5 ball 0.00, ball 9.00 #used, hat 9.00"), promotion("a", effect, of="ball"))
        assert list(got.line_discounts_minor) == [0, 0, 0]
