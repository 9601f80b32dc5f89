"""How a refund is split between store credit and money: in proportion, exactly, by any path (R26)."""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.payments.commands import RefundPayment
from vinr_server.core.payments.rows import Payment, Refund


@dataclass(frozen=True, slots=True)
class Split:
    """What of a refund goes back to store credit, and what is granted of it in place of money. The rest is money."""

    returned_minor: int
    granted_minor: int


def split_of(payment: Payment, standing: Sequence[Refund], command: RefundPayment, *, amount_minor: int) -> Split:
    """How a refund of the amount is split between the tenders (R26, R26a). Expects `split_refusal` to be None.

    Of `standing` refunds and this one, credit has its share of all that is refunded, rounded down; so every path of
    refunds ends the same, and the fraction is the customer's, in money. A refund that names its credit returns what is
    left to return first, and grants the rest.
    """
    left = _left(payment, standing)
    if command.credit_minor is not None:
        returned_minor = min(command.credit_minor, left.returned_minor)
        return Split(returned_minor, command.credit_minor - returned_minor)
    returned_minor = payment.credit_minor - left.returned_minor
    refunded_minor = payment.refunded_minor + amount_minor
    share_minor = payment.credit_minor * refunded_minor // (payment.amount_minor or 1) - returned_minor
    least_minor, most_minor = max(amount_minor - left.granted_minor, 0), min(left.returned_minor, amount_minor)
    return Split(min(max(share_minor, least_minor), most_minor), 0)


def _left(payment: Payment, standing: Sequence[Refund]) -> Split:
    """What is left to return of the credit, and of the money, which may be granted as credit instead."""
    returned_minor = sum(refund.credit_returned_minor for refund in standing)
    money_minor = sum(refund.money_minor for refund in standing)
    return Split(payment.credit_minor - returned_minor, payment.money_minor - money_minor)


def split_refusal(
    payment: Payment, standing: Sequence[Refund], command: RefundPayment, *, amount_minor: int
) -> Rejected | None:
    """Refuse more credit than is refunded, credit for nobody, and more money than was paid: credit never becomes cash.

    Expects an amount that is left to refund.
    """
    if command.credit_minor is None:
        return None
    if command.credit_minor > amount_minor:
        message = f"store_credit: {command.credit_minor} is more than this refund of {amount_minor}. Send at most that."
        return invalid(message, param="store_credit")
    if command.credit_minor and payment.customer_id is None:
        message = f"store_credit: payment {payment.id} names no customer who could have credit. Refund it as money."
        return invalid(message, param="store_credit")
    money_minor, left_minor = amount_minor - command.credit_minor, _left(payment, standing).granted_minor
    if money_minor <= left_minor:
        return None
    message = (
        f"Of payment {payment.id}, {payment.credit_minor} was paid with store credit and {payment.money_minor}"
        f" otherwise ({payment.currency}, minor units). Of that {left_minor} can be refunded; {money_minor} was asked."
        f" Return at least {amount_minor - left_minor} as store_credit, or leave it out."
    )
    details = {"tender": "money", "refundable": left_minor}
    return Rejected("refund_exceeds_tender", message, param="store_credit", details=details)
