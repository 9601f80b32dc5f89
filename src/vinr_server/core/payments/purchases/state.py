"""A purchase: one payment, or all payments of an order, and what is kept of it (R70, R71, R74)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vinr_server.core.earning.caps import counters_at
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.lines import eligible_minor
from vinr_server.core.earning.rows import EarningRule, RuleRevision
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.ledger.needs import name_account, name_accounts
from vinr_server.core.ledger.rows import Entry, Lot, LotUse
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.in_force import name_gift, name_offers, name_use, redemptions_of
from vinr_server.core.offers.rows import OfferRedemption, OfferRevision
from vinr_server.core.payments.purchases.kept import kept_of
from vinr_server.core.payments.rows import Earning, Order, Payment, Refund, Revision, member_of_order
from vinr_server.core.programs.members import accounts_of, acting, program_of
from vinr_server.core.programs.rows import EARNING_TENDERS
from vinr_server.core.referrals.rows import Referral
from vinr_server.core.rewards.rows import Discount, Redemption


@dataclass(frozen=True, slots=True)
class Purchase:
    """Payments that are one purchase, in the order of their reports, with the refunds that stand; the first leads."""

    payments: Sequence[Payment]
    refunds: Mapping[str, Sequence[Refund]]
    earnings: tuple[Earning, ...]
    order: Order | None = None

    @property
    def is_refunded_whole(self) -> bool:
        """Whether every payment of it was given back."""
        return all(payment.is_refunded_whole for payment in self.payments)

    def occasion(self, earning_tenders: Sequence[str]) -> Occasion:
        """The purchase as earning rules see what is kept of it, in a program where these tenders earn."""
        first = self.payments[0]
        kept = [
            kept_of(
                payment,
                self.refunds.get(payment.id, ()),
                eligible_minor(payment.earnable_minor, payment.tenders, earning_tenders),
            )
            for payment in self.payments
        ]
        return Occasion(
            trigger="payment.completed",
            source_type="payment",
            source_id=first.id,
            occurred_at=first.occurred_at,
            currency=first.currency,
            eligible_minor=sum(each.eligible_minor for each in kept),
            minor_per_unit=first.minor_per_unit,
            metadata=first.metadata,
            lines=[line for each in kept for line in each.lines],
        )


def standing_refunds(draft: Layer, payment: Payment) -> list[Refund]:
    """The payment's refunds that were not canceled."""
    return [refund for refund in draft.children(Refund, payment.id) if refund.canceled_at is None]


def accounts_of_payment(draft: Layer, payment: Payment) -> list[Account]:
    """The account that the payment is linked to, else all of its customer's. Of a merged member, who acts for it."""
    linked = draft.get(Account, payment.account_id) if payment.account_id is not None else None
    if linked is not None:
        return [acting(draft, linked)]
    return accounts_of(draft, payment.customer_id) if payment.customer_id is not None else []


def as_counted(draft: Layer, payment: Payment, accounts: Sequence[Account]) -> Payment:
    """The payment with its eligible part, as the program of the first of its accounts counts it."""
    tenders = program_of(draft, accounts[0]).earning_tenders if accounts else EARNING_TENDERS
    return replace(payment, eligible_minor=eligible_minor(payment.earnable_minor, payment.tenders, tenders))


def purchase_with(draft: Layer, payment: Payment, *, refunds: Sequence[Refund] | None = None) -> Purchase:
    """The purchase that the payment belongs to, with the payment (and its refunds, where given) as they are now."""
    order = draft.get(Order, payment.purchase_key) if payment.purchase_key is not None else None
    ids = order.payment_ids if order is not None else (payment.id,)
    payments: list[Payment] = []
    standing: dict[str, Sequence[Refund]] = {}
    for id in dict.fromkeys((*ids, payment.id)):
        present = payment if id == payment.id else draft.get(Payment, id)
        assert present is not None, f"payment {id} of an order was not loaded"
        payments.append(present)
        if present.refund_count:
            standing[id] = standing_refunds(draft, present)
    if refunds is not None:
        standing[payment.id] = refunds
    return Purchase(payments, standing, order.earnings if order is not None else payment.earnings, order)


def put_purchase(draft: Layer, purchase: Purchase, payment: Payment, earnings: tuple[Earning, ...]) -> Payment:
    """The payment stands with what its purchase has earned; an order keeps that for all its payments."""
    if purchase.order is None:
        payment = replace(payment, earnings=earnings)
    else:
        ids = tuple(dict.fromkeys((*purchase.order.payment_ids, payment.id)))
        draft.put(replace(purchase.order, payment_ids=ids, earnings=earnings))
    draft.put(payment)
    return payment


# ---- what is needed of a purchase


def look_at_order(needs: Needs, key: str | Of) -> None:
    """The payments of an order are looked at, and what they redeemed; the order itself is the caller's to name."""
    payments = Of(Order, key, "payment_ids")
    needs.look_along(Payment, payments)
    needs.look_along(OfferRedemption, payments, by="payment_id")
    needs.look_along(OfferRedemption, Of(Payment, payments, "session_id"), by="session_id")


def look_at_asked_orders(needs: Needs) -> None:
    """Orders that a decision has asked for by AlsoRows are looked at, with their payments."""
    for row_type, key in needs.asked:
        if row_type is Order:
            needs.row(Order, key, beside=member_of_order(str(key)), look=True)
            look_at_order(needs, str(key))


def look_at_purchase(needs: Needs, payment_id: str | Of, *, is_reinstating: bool = False) -> None:
    """What changing a purchase is about, but the payment: its order, uses of offers, awards, the customer's accounts.

    `is_reinstating`: also where the points of clawbacks came from.
    """
    needs.look_along(Account, Of(Payment, payment_id, "customer_id"), by="customer_id")
    converted = Of(Payment, payment_id, "referral_ids")
    needs.look_along(Referral, converted)
    needs.look_along(Account, Of(Referral, converted, "referrer_customer_id"), by="customer_id")
    needs.look_along(Account, Of(Referral, converted, "customer_id"), by="customer_id")
    key = Of(Payment, payment_id, "purchase_key")
    needs.look_along(Order, key)
    look_at_order(needs, key)
    needs.look_along(OfferRedemption, Of(Payment, payment_id, "session_id"), by="session_id")
    if isinstance(payment_id, Of):
        needs.look_along(OfferRedemption, payment_id, by="payment_id")
        needs.look_along(Entry, payment_id, by="source_id")
    else:
        needs.children(OfferRedemption, payment_id, by="payment_id", look=True)
        needs.children(Entry, payment_id, by="source_id", look=True)
    if is_reinstating:
        needs.look_along(LotUse, Of(Referral, converted, "clawback_ids"), by="entry_id")
        needs.look_along(LotUse, Of(Payment, payment_id, "clawback_ids"), by="entry_id")
        needs.look_along(LotUse, Of(Order, key, "clawback_ids"), by="entry_id")


def name_purchase(needs: Needs, seen: Layer, payment: Payment) -> None:
    """All that changing a purchase may move is declared, and the offers that it may redeem."""
    if payment.account_id is not None:
        name_account(needs, payment.account_id, lots=Part.FIRST, beside=payment.id)
    elif payment.customer_id is not None:
        name_accounts(needs, seen, payment.customer_id, lots=Part.FIRST)
    for award in seen.children(Entry, payment.id):
        if award.kind == "award":
            name_account(needs, award.account_id, lots=Part.FIRST, beside=award.id)
            needs.row(Lot, award.id)
    needs.children(Refund, payment.id)
    _name_uses(needs, seen, payment)
    order = seen.get(Order, payment.purchase_key) if payment.purchase_key is not None else None
    if order is not None:
        name_order(needs, seen, order)
    else:
        name_earnings(needs, seen, payment.earnings)
    accounts = accounts_of_payment(seen, payment)
    name_offers(needs, seen, "payment", accounts, customer_id=payment.customer_id, is_enrolling=False)


def name_order(needs: Needs, seen: Layer, order: Order) -> None:
    """The order's payments with their refunds and uses of offers are declared, and what its earnings may move."""
    needs.row(Order, order.id, beside=member_of_order(order.id))
    for id in order.payment_ids:
        needs.row(Payment, id, beside=order.id)
        needs.children(Refund, id, beside=order.id)
        payment = seen.get(Payment, id)
        if payment is not None:
            _name_uses(needs, seen, payment)
    name_earnings(needs, seen, order.earnings)


def _name_uses(needs: Needs, seen: Layer, payment: Payment) -> None:
    for use in redemptions_of(seen, payment):
        name_use(needs, seen, use, payment.customer_id)


def name_earnings(needs: Needs, seen: Layer, earnings: Sequence[Earning]) -> None:
    """What was frozen of these earnings is declared, and what their awards left in lots."""
    for earning in earnings:
        name_account(needs, earning.account_id, lots=Part.FIRST)
        for revision in earning.rules:
            needs.row(RuleRevision, revision)
            _name_cap(needs, seen, earning, revision)
        for revision in earning.offers:
            needs.row(OfferRevision, revision)
        for gift in earning.gifts:
            name_gift(needs, gift.reward_id, needs.acting(earning.account_id))
            needs.row(Redemption, gift.redemption_id, beside=earning.account_id)
            if gift.discount_id is not None:
                needs.row(Discount, gift.discount_id, beside=gift.redemption_id)
        for award in earning.awards:
            needs.row(Lot, award.entry_id)
            for clawback in award.clawbacks:
                for id in (clawback.entry_id, *clawback.reinstated_by):
                    for use in seen.here(LotUse, id):
                        needs.row(Lot, use.lot_id)


def _name_cap(needs: Needs, seen: Layer, earning: Earning, revision: Revision) -> None:
    """What the rule has given the account is declared, where the frozen revision may have a cap."""
    current = seen.get(EarningRule, revision[0])
    if current is not None and current.revision == revision[1] and current.caps is None:
        return
    account_id = needs.acting(earning.account_id)
    for counter_id in counters_at(revision[0], account_id, earning.occurred_at, earning.zone):
        needs.counter(counter_id, beside=account_id)


def accounts_of_earnings(draft: Layer, earnings: Sequence[Earning]) -> list[Account]:
    """The accounts that have earned by a purchase, or act for those that have."""
    ids = dict.fromkeys(earner_id(draft, earning) for earning in earnings)
    found = [draft.get(Account, id) for id in ids]
    return [account for account in found if account is not None]


def earner_id(draft: Layer, earning: Earning) -> str:
    """The account that has earned, or the one it was merged into."""
    account = draft.get(Account, earning.account_id)
    return (account.merged_into if account is not None else None) or earning.account_id
