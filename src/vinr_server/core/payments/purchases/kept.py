"""What is kept of a payment after its refunds, in exact rationals, whatever their order (R7, R70, R71)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from vinr_server.core.earning.lines import CountedLine, counted_lines, eligible_minor
from vinr_server.core.kernel.numbers import Exact
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.payments.rows import Payment, Refund, RefundLine
from vinr_server.core.programs.rows import Program


@dataclass(frozen=True, slots=True)
class Kept:
    """The eligible part that is kept, and each line with what it counts for now. Units: minor units, exact."""

    eligible_minor: Exact
    lines: Sequence[CountedLine]


def kept_of(payment: Payment, refunds: Iterable[Refund], eligible_minor: int) -> Kept:
    """What earning rules count of the payment now, of an eligible part that may differ from program to program.

    A refund by line takes its share of these lines, one that names its eligible part takes that; any other lessens all
    that those leave by its share of the money that was paid: what returns to store credit has earned nothing (R26b).
    Expects: the refunds that were not canceled, in any order.
    """
    counted = counted_lines(payment.lines, eligible_minor)
    standing = list(refunds)
    if not standing:
        return Kept(eligible_minor, counted)
    if payment.is_refunded_whole:
        return Kept(0, [(sku, categories, 0) for sku, categories, _minor in counted])
    returned = returned_shares(payment, [line for refund in standing for line in refund.lines])
    left = [minor * (1 - share) for (_sku, _categories, minor), share in zip(counted, returned, strict=True)]
    base_minor = eligible_minor - (sum(minor for _sku, _categories, minor in counted) - sum(left))
    rest_minor = payment.money_minor - sum(refund.money_minor for refund in standing if refund.lines)
    kept_minor = Fraction(base_minor)
    for refund in standing:
        if refund.lines:
            continue
        if refund.eligible_minor is not None:
            kept_minor -= refund.eligible_minor
        elif rest_minor:
            kept_minor -= base_minor * Fraction(refund.money_minor, rest_minor)
    kept_minor = max(kept_minor, Fraction(0))
    share = kept_minor / base_minor if base_minor else Fraction(0)
    lines = [(line[0], line[1], minor * share) for line, minor in zip(counted, left, strict=True)]
    return Kept(kept_minor, lines)


def counted_amount(payment: Payment, refunds: Iterable[Refund], program: Program) -> Exact | None:
    """What the payment counts towards tiers; None: nothing, for another metric or currency (R12b)."""
    policy = program.tier_policy
    if policy.metric == "payment_count":
        return 0 if payment.is_refunded_whole else 1
    if policy.metric != "spend" or payment.currency != policy.currency:
        return None
    eligible = eligible_minor(payment.earnable_minor, payment.tenders, program.earning_tenders)
    return kept_of(payment, refunds, eligible).eligible_minor


def kept_share(payment: Payment, refunds: Iterable[Refund]) -> Fraction:
    """The kept share of the eligible part; of a payment with none, that of the amount."""
    if payment.is_refunded_whole:
        return Fraction(0)
    if payment.eligible_minor:
        return Fraction(kept_of(payment, refunds, payment.eligible_minor).eligible_minor) / payment.eligible_minor
    return Fraction(payment.amount_minor - payment.refunded_minor, payment.amount_minor or 1)


def returned_shares(payment: Payment, taken: Iterable[RefundLine]) -> list[Fraction]:
    """The share of each line of the payment that these lines of refunds take; at most 1 of accepted refunds."""
    shares = [Fraction(0)] * len(payment.lines)
    for line in taken:
        share = share_taken(payment, line)
        for place in places_of(payment.lines, line):
            shares[place] += share
    return shares


def places_of(lines: Sequence[Json], taken: RefundLine) -> list[int]:
    """The lines that are meant: the one of the id, or all of the sku."""
    name, value = ("id", taken.id) if taken.id is not None else ("sku", taken.sku)
    return [place for place, line in enumerate(lines) if line.get(name) == value]


def share_taken(payment: Payment, taken: RefundLine) -> Fraction:
    """The share of the lines that are meant, each alike, which is taken of them."""
    places = places_of(payment.lines, taken)
    if taken.amount_minor is not None:
        paid_minor = sum(paid for place, paid in enumerate(paid_for_lines(payment)) if place in places)
        return Fraction(taken.amount_minor) / paid_minor if paid_minor else Fraction(0)
    quantity = sum(payment.lines[place]["quantity"] for place in places)
    return Fraction(taken.quantity if taken.quantity is not None else quantity, quantity or 1)


def paid_for_lines(payment: Payment) -> list[Exact]:
    """What was paid for each line, tax in its price included: its price, or its share where less was paid in all."""
    prices = [line["unit_price"] * line["quantity"] - line.get("discount", 0) for line in payment.lines]
    total = sum(prices)
    if total <= payment.amount_minor:
        return list(prices)
    return [price * Fraction(payment.amount_minor, total) for price in prices]
