"""Bugs in carts: allocation, order of application, stacking, the index of offers."""

from __future__ import annotations

from mutant import Mutant, scenario


def case(what: str) -> str:
    """The id of a case of the table of carts."""
    return f"core/test_carts.py::test_a_cart_gets[{what}]"


ON_RECORD = "A payment on record completes its session, and a whole refund frees the member's use (R15)"
ALLOCATION = [
    Mutant(
        "shares in floats, each rounded half up",
        "split",
        "parts = [0] * len(weights)",
        """
        return [int(amount * weight / sum(weights) + 0.5) if weight else 0 for weight in weights]
        parts = [0] * len(weights)
        """,
        "properties/test_property_carts.py::test_a_discount_is_shared_to_the_cent_on_every_random_cart",
    ),
    Mutant(
        "the leftover cent goes to the last line",
        "_share",
        "(-remainders[index], -weights[index], index)",
        "(-remainders[index], -weights[index], -index)",
        case("of equal lines the earlier sku takes the cent"),
    ),
    Mutant(
        "the earlier line is the one that stands first in the cart",
        "Cart.ranked",
        "self.lines[position].rank",
        "position",
        case("of equal lines the earlier sku takes the cent"),
    ),
    Mutant(
        "a discount larger than the cart makes it negative",
        "_off_order",
        "min(wanted, base)",
        "wanted",
        case("never more than the cart costs"),
    ),
    Mutant(
        "a percentage is rounded line by line",
        "_off_order",
        "parts = [amount] if len(weights) == 1 else split(amount, weights)",
        "parts = [one * effect.percent_e4 // 1000000 for one in weights] if effect.percent_e4 else "
        "split(amount, weights)",
        case("one rounding for the whole, not one for each line"),
    ),
]

EFFECTS = [
    Mutant(
        "an odd unit of a pair is free as well",
        "_free_units",
        "groups * effect.get + min(max(rest - effect.buy, 0), effect.get)",
        "-(-units // (effect.buy + effect.get)) * effect.get",
        case("five: two are free"),
    ),
    Mutant(
        "the dearest units are free",
        "_cheapest",
        "priced_units.sort()",
        "priced_units.sort(reverse=True)",
        case("the cheapest half of all units"),
    ),
    Mutant(
        "a free unit is free once more",
        "Run._apply",
        "paid_units[line] -= freed",
        "",
        case("what is free is not free again"),
    ),
    Mutant(
        "a unit that is bought is got as well",
        "_given_units",
        "rest = units - (times + 1) * effect.buy",
        "rest = gettable",
        scenario("buy_and_get: A unit that is bought is not got, and one that is got was not bought (R79)"),
    ),
    Mutant(
        "what is bought is given away",
        "_buy_and_get",
        "scarce=bought,",
        "scarce=(),",
        scenario("buy_and_get: A unit that is bought is not got, and one that is got was not bought (R79)"),
    ),
    Mutant(
        "rackets alone make a free one",
        "_buy_and_get",
        "got = [line for line in lines if effect.got.selects(priced.lines[line])]",
        "got = list(lines)",
        scenario("buy_and_get: Six rackets never make one free ball, let alone a racket (R79)"),
    ),
    Mutant(
        "it is given more often than once an order",
        "_given_units",
        "return count if effect.max_times is None else min(count, effect.max_times * effect.get)",
        "return count",
        scenario("buy_and_get: The cheapest is got, or the dearest, and so often in one order (R79)"),
    ),
    Mutant(
        "a cart finds what it may get by what it must buy alone",
        "Effect.either",
        "Selection(self.bought.skus | self.got.skus, self.bought.categories | self.got.categories)",
        "Selection(self.bought.skus, self.bought.categories)",
        scenario("buy_and_get: Six rackets never make one free ball, let alone a racket (R79)"),
    ),
    Mutant(
        "a session whose metadata changed is left as it was",
        "decide_update_checkout_session",
        "if session == present and not command.sets_credit and command.codes is None:",
        "if session == replace(present, metadata=metadata):",
        scenario("checkout: A session is evaluated again when its metadata says something else (R81)"),
    ),
    Mutant(
        "a session is given from one customer to another",
        "_with_customer",
        "if session.customer_id is not None:",
        "if not customer_id:",
        scenario("guest_sessions: A session has one customer, and naming it again changes nothing (R81)"),
    ),
    Mutant(
        "what a guest's session holds is not counted for the customer it was given",
        "decide_update_checkout_session",
        "draft.put(session)  # what it holds is counted for its customer",
        "",
        scenario("guest_sessions: A session given to somebody without an account counts for it (R81)"),
    ),
    Mutant(
        "a session that was given its customer holds only what a guest can",
        "Reading.addresses_of_parent",
        """
        if way == "session_id":
            buckets |= self._places_of_uses(realm, id, beside, seen)
        """,
        "",
        scenario("guest_sessions: A session that was given its customer gives back all it holds (R81)", "postgres"),
    ),
    Mutant(
        "what a session holds does not ask for its metadata again",
        "_Buyer.unmet",
        "return self._unmet_of_promise(offer, cart)",
        "return ()",
        scenario("checkout: A session is evaluated again when its metadata says something else (R81)"),
    ),
    Mutant(
        "a session asks its member again",
        "_is_promised",
        "is_of_member(asked.field) or asked.field in ('order.is_first', 'occurred_at')",
        "asked.field in ('order.is_first', 'occurred_at')",
        scenario("conditions: A session keeps what the member was, and asks the cart again (R78)"),
    ),
    Mutant(
        "a session never asks the cart again",
        "_Buyer._unmet_of_promise",
        "(reason for where in left for reason in unmet_in(where, values))",
        "()",
        scenario("conditions: A session keeps what the member was, and asks the cart again (R78)"),
    ),
    Mutant(
        "a threshold of discounted prices counts undiscounted ones",
        "Run._unmet_threshold",
        "(self._discounted or self.priced.minor)[line]",
        "self._cart.lines[line].price_minor",
        scenario("conditions: A threshold counts prices after the item and BOGO phases, if it says so (R78)"),
    ),
    Mutant(
        "a threshold of discounted prices counts those of the moment",
        "Run._unmet_threshold",
        "(self._discounted or self.priced.minor)[line]",
        "self.priced.minor[line]",
        scenario("conditions: A threshold of discounted prices does not look at what comes off the order (R78)"),
    ),
    Mutant(
        "of rivals one is chosen that asks too much of discounted prices",
        "Run._would_take_now",
        "if self._unmet_threshold(candidate) is not None:",
        "if False:",
        scenario("conditions: Of rivals one that asks too much of discounted prices is none (R78)"),
    ),
    Mutant(
        "a discount that is larger than the order is used up",
        "_off_order",
        "0 if effect.is_whole and wanted > base else min(wanted, base)",
        "min(wanted, base)",
        scenario("points_as_money: A discount that is larger than what is left to pay stays issued"),
    ),
    Mutant(
        "a discount's part of the order is rounded up",
        "_off_order",
        "floor_div(goods * effect.most_percent_e4, 100 * SCALE)",
        "ceil_div(goods * effect.most_percent_e4, 100 * SCALE)",
        scenario("points_as_money: A discount takes at most its part of the order"),
    ),
    Mutant(
        "a variable discount is worth the same after an order that needed less",
        "return_unused",
        "draft.put(replace(discount, worth_minor=taken_minor))",
        "",
        scenario("points_as_money: A variable reward is worth what is left of it on the next order"),
    ),
    Mutant(
        "points that an order left unused return to the same lot again",
        "uses_to_return",
        "min(points, before_points)",
        "0",
        scenario("points_as_money: Unused points return to the lots that paid, the last used first (R5)"),
    ),
    Mutant(
        "a payment whose lines don't add up is too small for a discount",
        "goods_minor",
        "return prices if paid.lines and come_to in (paid.amount_minor, paid.amount_minor - paid.tax_minor) else None",
        "return prices",
        scenario("points_as_money: A payment without a session is asked too, where its lines say enough"),
    ),
    Mutant(
        "what a repriced payment no longer earns stays used",
        "reprice",
        """
        for left in uses:
            if all(use.id != left.id for use in used):
                withdraw_redemption(draft, context, left, now=now)
        """,
        "",
        scenario("repricing: What a repriced payment no longer earns is free for everybody"),
    ),
    Mutant(
        "a repriced payment may be of any amount",
        "total_refusal",
        "if amended.amount_minor == due_minor:",
        "if amended.amount_minor >= 0:",
        scenario("repricing: A repriced payment is of what its cart comes to now"),
    ),
    Mutant(
        "a repriced cart forgets what it was promised",
        "reprice",
        "promised=[promised_offer(draft, use) for use in uses],",
        "promised=[],",
        scenario("repricing: What a repriced payment used stays promised, and is not used twice"),
    ),
    Mutant(
        "two credits pay one shipping twice",
        "_free_shipping",
        "min(effect.value_minor, base)",
        "effect.value_minor",
        case("two credits never pay twice"),
    ),
    Mutant(
        "thresholds count the whole cart",
        "unmet_by_cart",
        "sum(cart.lines[at].price_minor for at in matching)",
        "cart.subtotal_minor",
        case("only matching lines count"),
    ),
]

ORDER = [
    Mutant(
        "the order comes before its units",
        "PHASES",
        '("item", "bogo", "order", "shipping")',
        '("order", "item", "bogo", "shipping")',
        case("units, then pairs, then the order"),
    ),
    Mutant(
        "an exclusive offer keeps out only those of its phase",
        "Run._take_turn",
        "other = self._blocker(promotion)",
        """
        if place and self._in_order[place - 1].phase != candidate.phase:
            self._exclusive.clear()
        other = self._blocker(promotion)
        """,
        case("in every phase"),
    ),
    Mutant(
        "the best of a group is its oldest",
        "Run._choose",
        "winner = max(useful, key=lambda rival: amounts[rival.promotion.id])",
        "winner = useful[0]",
        case("the best of a group"),
    ),
    Mutant(
        "an older exclusive offer applies although another gives more",
        "_exclusive_rank",
        "(-promotion.priority, -amount_minor, promotion.created_at, promotion.id)",
        "(-promotion.priority, promotion.created_at, promotion.id)",
        case("of two exclusive ones the better"),
    ),
    Mutant(
        "what an offer would give in a later phase is what it would give now",
        "Run._would_take",
        "if rival.phase == here or self._is_trial:",
        "if True:",
        case("the best of all phases by what is left there"),
    ),
    Mutant(
        "the best of a group is chosen in each phase",
        "Run._choose",
        "rivals = self._rivals[rivalry]",
        "rivals = [one for one in self._rivals[rivalry] if one.phase == self._in_order[place].phase]",
        case("the best of all phases"),
    ),
    Mutant(
        "what rounds to nothing is said to be free",
        "no_effect",
        "effect.percent_e4 and base_minor and effect.max_minor != 0",
        "False",
        scenario("checkout: What rounds to nothing says so, and from where on it gives something (R80)"),
    ),
    Mutant(
        "a cart's offer is used beyond its cap",
        "cart_limit_refusal",
        "full = _cap_refusal(draft, offer)",
        "full = None",
        scenario("checkout: A checkout offer is used so often and not once more (R15, R80)"),
    ),
    Mutant(
        "a cart without a customer uses what each customer has a limit for",
        "cart_limit_refusal",
        "if customer_id is None:",
        "if False:",
        scenario("checkout: A checkout offer is used so often by each customer, with an account or without (R15, R80)"),
    ),
    Mutant(
        "a customer's use of a cart's offer is not counted",
        "_customer_of",
        "offer is None or offer.per_member_limit is None",
        "True",
        scenario("checkout: A checkout offer is used so often by each customer, with an account or without (R15, R80)"),
    ),
    Mutant(
        "the lower priority comes first",
        "Promotion.rank",
        "-self.priority, self.created_at",
        "self.priority, self.created_at",
        case("priority before age"),
    ),
]

INDEX = [
    Mutant(
        "an offer whose threshold is just reached is not found",
        "_Ladder.within",
        "return self._slots[: bisect_right(self._thresholds, reach)]",
        "return self._slots[: bisect_right(self._thresholds, reach - 1)]",
        "scenarios/test_scenarios.py::test_scenario"
        "[checkout: An offer is there at its very threshold, whatever more the others ask (R17) [core]]",
    ),
    Mutant(
        "an offer for a segment is for everybody",
        "OfferIndex.__init__",
        "for audience in promotion.audience or (EVERYBODY,):",
        "for audience in (EVERYBODY,):",
        "core/test_carts.py::TestMembers::test_an_offer_for_a_segment_is_looked_up_for_its_members_only",
    ),
    Mutant(
        "a line found by sku and by category counts twice",
        "OfferIndex.find",
        """
        if lines[-1] != position:
            lines.append(position)
        """,
        "lines.append(position)",
        case("a line that matches twice counts once"),
    ),
]


def session(test: str, group: str = "TestSessions") -> str:
    """The id of a test of checkouts over HTTP."""
    return f"api/test_checkout.py::{group}::{test}"


SESSIONS = [
    Mutant(
        "a session that expires keeps what it held",
        "give_up",
        "held_by(draft, session)",
        "()",
        session("test_hold_the_only_use_until_it_is_given_back"),
    ),
    Mutant(
        "a session whose offer was edited is priced again",
        "decide_update_checkout_session",
        "promised=[promised_offer(draft, redemption) for redemption in held],",
        "promised=[],",
        session("test_stay_as_they_were_promised"),
    ),
    Mutant(
        "what a changed cart no longer gets stays held",
        "_hold",
        """
        for left in held.values():
            release_redemption(draft, context, left, now=now)
        """,
        "",
        session("test_give_back_what_a_changed_cart_no_longer_gets"),
    ),
    Mutant(
        "a payment of less completes a session",
        "_amount_refusal",
        "if amount_minor == expected_minor:",
        "if amount_minor <= expected_minor:",
        session("test_are_paid_by_their_customer_in_full_and_once"),
    ),
    Mutant(
        "tax on top of the prices is not paid",
        "CheckoutSession.due_minor",
        "self.total_minor + tax_minor",
        "self.total_minor",
        scenario("tax_on_top: A payment is the session's total and its tax, and only the total earns (R73)"),
    ),
    Mutant(
        "a payment on record completes a session whatever its tax",
        "_spent_refusal",
        "tax_minor=payment.tax_minor",
        "tax_minor=payment.amount_minor - session.total_minor",
        scenario("tax_on_top: A payment on record completes a session with its tax on top (R73)"),
    ),
    Mutant(
        "lines take tax out of prices that hold none",
        "tax_refusal",
        'if line.get("tax"):',
        "if False:",
        scenario("tax_on_top: What is paid less or more than the total and the tax is refused, with the figures (R73)"),
    ),
    Mutant(
        "an order that was refunded whole still was the first",
        "is_first_order",
        "payment.kept_minor > 0",
        "True",
        "core/test_first_order.py::test_only_what_is_kept_is_an_order",
    ),
    Mutant(
        "an order on record that was refunded whole still was the first",
        "BUYERS",
        "p.amount_minor > p.refunded_minor",
        "true",
        scenario("first_order: A purchase that is refunded whole leaves the next one the first (R82)", "postgres"),
    ),
    Mutant(
        "the second payment of an order comes after its first",
        "is_first_order",
        "(order_id is None or payment.order_id != order_id)",
        "True",
        "core/test_first_order.py::test_other_payments_of_the_order_are_left_out",
    ),
    Mutant(
        "a held discount can be named twice",
        "usable_discount",
        "return discount if discount.session_id == session_id else held_by_session(discount, param=param)",
        "return discount",
        session("test_hold_discounts_and_consume_them"),
    ),
    Mutant(
        "a whole refund frees only what its payment redeemed by itself",
        "redemptions_of",
        "parents = (payment.id, payment.session_id)",
        "parents = (payment.id,)",
        scenario(f"checkout: {ON_RECORD}"),
    ),
    Mutant(
        "a payment on record does not remember its session",
        "decide_complete_checkout_session",
        "draft.put(with_session(payment, completed))",
        "pass",
        scenario(f"checkout: {ON_RECORD}"),
    ),
    Mutant(
        "a payment completes any number of sessions",
        "_spent_refusal",
        "return first_listed(_credit_conflict(session, payment), other, belongs, refunded)",
        "return first_listed(other, refunded)",
        scenario("checkout: A payment completes one session, and a session has one payment (R15)"),
    ),
    Mutant(
        "a payment that was given back whole completes a session",
        "_spent_refusal",
        "return first_listed(_credit_conflict(session, payment), other, belongs, refunded)",
        "return first_listed(other, belongs)",
        scenario("checkout: A payment that was given back whole completes nothing (R15)"),
    ),
    Mutant(
        "what a session redeemed on a payment of record is not shown with it",
        "with_session",
        'outcome={**payment.outcome, "offer_redemptions": shown} if shown else payment.outcome,',
        "outcome=payment.outcome,",
        session("test_are_completed_by_a_payment_on_record_as_by_one_that_names_them"),
    ),
    Mutant(
        "a session lives on for the fraction of a second that is not shown",
        "whole_second",
        "return instant.replace(microsecond=0)",
        "return instant",
        session("test_are_over_at_the_second_that_they_show"),
    ),
]

MUTANTS = [*ALLOCATION, *EFFECTS, *ORDER, *INDEX, *SESSIONS]
