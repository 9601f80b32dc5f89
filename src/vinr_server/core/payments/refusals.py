"""Why a refund is refused, with the figures, and what it comes to where it names no amount (R7, R71, R72)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from vinr_server.core.kernel.answers import Rejected, first_listed, invalid
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.payments.commands import RefundPayment
from vinr_server.core.payments.credit.splits import split_refusal
from vinr_server.core.payments.purchases.kept import kept_of, paid_for_lines, places_of, returned_shares, share_taken
from vinr_server.core.payments.rows import Payment, Refund, RefundLine


def refunded_minor(command: RefundPayment, payment: Payment) -> int:
    """The amount of a refund: its own, what is missing of the total, what was paid for its lines, or all that is left.

    What was paid for lines rounds down. Expects that every line the refund names is there.
    """
    left_minor = payment.amount_minor - payment.refunded_minor
    if command.amount_minor is not None:
        return command.amount_minor
    if command.total_refunded_minor is not None:
        return command.total_refunded_minor - payment.refunded_minor
    if not command.lines:
        return left_minor
    paid = paid_for_lines(payment)
    shares = returned_shares(payment, command.lines)
    total = sum((Fraction(minor) * share for minor, share in zip(paid, shares, strict=True)), Fraction(0))
    return min(_floor(total), left_minor)


def refund_refusal(command: RefundPayment, payment: Payment, standing: Sequence[Refund]) -> Rejected | None:
    """Why the payment can't be refunded so. `standing`: its refunds that were not canceled."""
    strange = next((place for place, line in enumerate(command.lines) if not places_of(payment.lines, line)), None)
    if strange is not None:
        return _no_such_line(command.lines[strange], payment, strange)
    return first_listed(
        _eligible_refusal(command, payment, standing),
        _lines_refusal(command, payment, standing),
        _amount_refusal(command, payment),
    ) or split_refusal(payment, standing, command, amount_minor=max(refunded_minor(command, payment), 0))


def _no_such_line(line: RefundLine, payment: Payment, place: int) -> Rejected:
    name = f"id {line.id!r}" if line.id is not None else f"sku {line.sku!r}"
    there = ", ".join(str(known.get("id") or known.get("sku")) for known in payment.lines) or "none"
    message = f"lines[{place}]: payment {payment.id} has no line with {name}. Its lines are: {there}."
    return invalid(message, param=f"lines[{place}]")


def _eligible_refusal(command: RefundPayment, payment: Payment, standing: Sequence[Refund]) -> Rejected | None:
    if command.eligible_minor is None:
        return None
    kept_minor = kept_of(payment, standing, payment.eligible_minor).eligible_minor
    most = min(refunded_minor(command, payment), _floor(kept_minor))
    if command.eligible_minor <= most:
        return None
    return invalid(f"The eligible part of this refund is at most {most}.", param="eligible_amount")


def _lines_refusal(command: RefundPayment, payment: Payment, standing: Sequence[Refund]) -> Rejected | None:
    """Refuse what goes beyond what is left of a line, by all refunds that name it."""
    returned = returned_shares(payment, [line for refund in standing for line in refund.lines])
    for place, line in enumerate(command.lines):
        share = share_taken(payment, line)
        for at in places_of(payment.lines, line):
            if returned[at] + share > 1:
                return _beyond_line(payment, line, place, left=1 - returned[at])
            returned[at] += share
    return None


def _beyond_line(payment: Payment, line: RefundLine, place: int, *, left: Fraction) -> Rejected:
    places = places_of(payment.lines, line)
    name = line.id if line.id is not None else line.sku
    if line.amount_minor is not None:
        paid_minor = sum(Fraction(minor) for at, minor in enumerate(paid_for_lines(payment)) if at in places)
        asked, most = line.amount_minor, _floor(paid_minor * left)
        unit = f"{payment.currency}, minor units"
    else:
        whole = sum(payment.lines[at]["quantity"] for at in places)
        asked, most = line.quantity if line.quantity is not None else whole, _floor(whole * left)
        unit = "quantity"
    message = (
        f"lines[{place}]: cannot refund {asked} of line {name} of payment {payment.id};"
        f" at most {most} ({unit}) is left to refund."
    )
    details = {"line": name, "asked": asked, "refundable": most}
    return Rejected("refund_exceeds_payment", message, param=f"lines[{place}]", details=details)


def _floor(exact: int | Fraction) -> int:
    return floor_div(exact.numerator, exact.denominator)


def _amount_refusal(command: RefundPayment, payment: Payment) -> Rejected | None:
    left_minor = payment.amount_minor - payment.refunded_minor
    asked_minor = refunded_minor(command, payment)
    if command.total_refunded_minor is not None:
        if command.total_refunded_minor <= payment.amount_minor:
            return None
    elif asked_minor <= left_minor and not payment.is_refunded_whole:
        return None
    message = (
        f"Cannot refund {asked_minor}: {payment.refunded_minor} of payment {payment.id}'s {payment.amount_minor}"
        f" ({payment.currency}, minor units) is already refunded. At most {left_minor} can be refunded."
    )
    details = {"amount": payment.amount_minor, "amount_refunded": payment.refunded_minor, "refundable": left_minor}
    param = "total_refunded" if command.total_refunded_minor is not None else "amount"
    return Rejected("refund_exceeds_payment", message, param=param, details=details)
