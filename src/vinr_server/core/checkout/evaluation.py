"""What a cart gets from its realm's offers: who is buying, what they may use, and what it costs in the end.

Evaluations and sessions share this path: an evaluation only shows the result, a session also holds it. Targeting,
limits and windows of a member's offers are checked for each of the customer's accounts; the first account that
qualifies gets the offer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vinr_server.core.carts.cart import Cart, Evaluation, Promotion
from vinr_server.core.carts.evaluation import evaluate
from vinr_server.core.carts.index import MEMBERS, segment_key, tier_key
from vinr_server.core.carts.values import CartValues
from vinr_server.core.checkout.commands import EvaluateCart
from vinr_server.core.checkout.credit import applied_credit, asked_refusal, look_at_credit, name_credit
from vinr_server.core.checkout.first_order import is_first_order
from vinr_server.core.checkout.needs import look_at_buyer, name_buyer, name_discounts
from vinr_server.core.checkout.payloads import credit_tender_payload, evaluation_payload
from vinr_server.core.checkout.presenting import (
    Presented,
    Shopper,
    codes_payload,
    judged,
    look_at_codes,
    name_codes,
    opened,
    present,
)
from vinr_server.core.codes.rows import Code
from vinr_server.core.conditions.fields import is_of_member
from vinr_server.core.conditions.judging import Unmet, Values, distance, unmet_in
from vinr_server.core.conditions.membership import outside_segments, segments_of, values_of
from vinr_server.core.conditions.tree import Condition, Predicate, asked_by, assuming, predicates_of
from vinr_server.core.earning.conditions import Conditions, Occasion, metadata_differences, unmet_conditions
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import claim_of
from vinr_server.core.offers.budgets import over_budget, over_promise, spenders, unmet_budget
from vinr_server.core.offers.grants.states import no_grant, usable_grant
from vinr_server.core.offers.promotions import offer_index, voucher_of
from vinr_server.core.offers.redemptions import cart_limit_refusal, limit_condition, limit_refusal
from vinr_server.core.offers.rows import Criteria, Offer, OfferRedemption
from vinr_server.core.offers.targeting import unmet_targeting
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import accounts_of, instants_of
from vinr_server.core.rewards.discounts import payable_discount
from vinr_server.core.rewards.rows import Discount, Redemption, Reward

Json = Mapping[str, Any]
NOTHING: Json = {}


@dataclass(frozen=True, slots=True)
class Checkout:
    """A cart evaluated for its buyer. `accounts` maps each applied offer's id to the member's account."""

    evaluation: Evaluation
    accounts: Mapping[str, Account]
    codes: Sequence[Presented] = ()

    @property
    def code_ids(self) -> Mapping[str, str]:
        """The code that opened each offer, by the offer's id."""
        opening = (each for each in self.codes if each.objection is None)
        return {each.offer.id: each.code.id for each in opening if each.offer is not None and each.code is not None}

    @property
    def payload(self) -> Wire:
        """The cart with what it gets, and with every code that was presented."""
        return {
            **evaluation_payload(self.evaluation, self.accounts, self.code_ids),
            "codes": codes_payload(self.codes),
        }


def needs_evaluate_cart(command: EvaluateCart, needs: Needs) -> None:
    """Needs the buyer's accounts, and the discounts that the cart names."""
    look_at_buyer(needs, command.customer_id, command.discount_ids)
    look_at_credit(needs, command.customer_id, command.credit)
    look_at_codes(needs, command.codes)


def follow_evaluate_cart(command: EvaluateCart, seen: Layer, needs: Needs) -> None:
    """Needs what is known about the buyer, what the codes open, and whose the discounts are."""
    offers = name_codes(needs, seen, command.codes)
    name_buyer(needs, seen, command.customer_id, [command.cart], is_held=False, opened=offers)
    name_discounts(needs, seen, command.discount_ids)
    name_credit(needs, seen, command.customer_id, command.credit)


def decide_evaluate_cart(draft: Layer, command: EvaluateCart, context: Context) -> Accepted | Rejected:
    """The answer shows what the cart would get now; nothing is written."""
    checkout = evaluate_cart(
        draft,
        context,
        command.cart,
        customer_id=command.customer_id,
        discount_ids=command.discount_ids,
        metadata=command.metadata,
        codes=command.codes,
        is_shut_out=command.is_shut_out,
    )
    if isinstance(checkout, Rejected):
        return checkout
    refusal = asked_refusal(command.credit, command.customer_id)
    if refusal is not None:
        return refusal
    total_minor = checkout.evaluation.total_minor
    credit = applied_credit(
        draft,
        context,
        command.credit,
        customer_id=command.customer_id,
        currency=command.cart.currency,
        total_minor=total_minor,
    )
    return Accepted(
        {
            "object": "checkout_evaluation",
            "customer": command.customer_id,
            "discounts": list(command.discount_ids),
            **checkout.payload,
            **credit_tender_payload(credit, total_minor),
            "livemode": context.livemode,
        },
        is_new=False,
    )


def evaluate_cart(
    draft: Layer,
    context: Context,
    cart: Cart,
    *,
    customer_id: str | None,
    discount_ids: Sequence[str],
    metadata: Json = NOTHING,
    promised: Sequence[Promotion] = (),
    session_id: str | None = None,
    payment: Payment | None = None,
    codes: Sequence[str] = (),
    held: Mapping[str, tuple[Code, OfferRedemption]] = NOTHING,
    is_shut_out: bool = False,
) -> Checkout | Rejected:
    """Return the cart with everything it gets, or a refusal if a discount that it names can't be used.

    `promised` are the offers that the current session holds, at the promised revisions: for them only the cart
    and its metadata are checked again. `payment` paid for the cart before: it is no order before this one. `codes` are
    the texts of those that are presented; `held`, by key: those that the session holds, each with its use.
    """
    found = [payable_discount(draft, id, cart.currency, customer_id, session_id=session_id) for id in discount_ids]
    refusal = first_listed(*found)
    if refusal is not None:
        return refusal
    vouchers = [
        voucher_of(discount, name=_name_of(draft, discount)) for discount in found if isinstance(discount, Discount)
    ]
    accounts = accounts_of(draft, customer_id) if customer_id is not None else []
    active = [account for account in accounts if account.status == "active"]
    buyer = _Buyer(draft, context, customer_id, active, metadata)
    buyer.promised, buyer.payment = {promotion.id for promotion in promised}, payment
    buyer.session_id = session_id
    index = offer_index(draft)
    presented: Sequence[Presented] = ()
    if codes:
        presented = present(draft, context, codes, Shopper(customer_id, active, is_shut_out, held))
    evaluation = evaluate(
        cart,
        index,
        now=context.wall_now,
        named=[*vouchers, *promised, *opened(presented, promised)],
        audiences=list(buyer.audiences(index.segments)),
        refuse=lambda promotion: buyer.unmet(promotion, cart),
        explained=frozenset(each.offer.id for each in presented if each.offer is not None),
        over_budget=lambda promotion, discount_minor: buyer.over_budget(promotion, cart.currency, discount_minor),
    )
    return Checkout(evaluation, buyer.accounts_of_offers, judged(presented, evaluation) if presented else ())


def _name_of(draft: Layer, discount: Discount) -> str:
    """The name of the reward that the discount was redeemed for."""
    redemption = draft.get(Redemption, discount.redemption_id)
    reward = draft.get(Reward, redemption.reward_id) if redemption is not None else None
    return reward.name if reward is not None else "Discount"


class _Buyer:
    """Who is buying, and the reasons against an offer that lie outside the cart."""

    def __init__(
        self, draft: Layer, context: Context, customer_id: str | None, accounts: Sequence[Account], metadata: Json
    ) -> None:
        self._draft, self._context = draft, context
        self._customer_id, self._accounts, self._metadata = customer_id, accounts, metadata
        self._nows = dict(
            zip((account.id for account in accounts), instants_of(draft, context, accounts), strict=False)
        )
        self.accounts_of_offers: dict[str, Account] = {}
        self.promised: set[str] = set()
        self.payment: Payment | None = None
        self.session_id: str | None = None

    def audiences(self, segment_ids: frozenset[str]) -> Iterator[str]:
        """The groups that the customer belongs to: members, its tiers, and its accounts' segments."""
        if self._accounts:
            yield MEMBERS
        for account in self._accounts:
            if account.tier is not None:
                yield tier_key(account.tier)
            if segment_ids:
                yield from map(segment_key, segments_of(self._draft, self._context, account, segment_ids))

    def unmet(self, promotion: Promotion, cart: Cart) -> Sequence[Unmet]:
        """List the reasons against the promotion, except those in the cart."""
        offer = promotion.source
        if not isinstance(offer, Offer):
            return ()
        if promotion.id in self.promised:
            return self._unmet_of_promise(offer, cart)
        if offer.terms.checkout is not None:
            unmet = self._unmet_by_customer(offer.terms.checkout.criteria, cart)
            limit = cart_limit_refusal(self._draft, offer, self._customer_id)
            unmet = unmet if limit is None else [*unmet, _unmet_limit(limit)]
            return [*unmet, *self._unmet_budget(offer, None)] if offer.terms.budget is not None else unmet
        return self._unmet_by_members(offer, cart)

    def over_budget(self, promotion: Promotion, currency: str, discount_minor: int) -> Unmet | None:
        """Why the offer's budget has not all of the discount left. What a session holds of it is its own (R56)."""
        offer = promotion.source
        if not isinstance(offer, Offer):
            return None
        if promotion.id not in self.promised:
            if offer.terms.budget is None:
                return None
            account = self.accounts_of_offers.get(offer.id)
            who = spenders(self._draft, offer, account, self._customer_id)
            return over_budget(self._draft, self._context, offer, who, currency, discount_minor)
        held = self._draft.children(OfferRedemption, self.session_id)
        use = next(use for use in held if use.offer_id == offer.id and use.status in ("reserved", "confirmed"))
        return over_promise(self._draft, use, discount_minor)

    def _unmet_budget(self, offer: Offer, account: Account | None) -> list[Unmet]:
        """Nothing where the budget has something left: what is taken off is known later."""
        who = spenders(self._draft, offer, account, self._customer_id)
        return unmet_budget(self._draft, self._context, offer, who)

    def _unmet_of_promise(self, offer: Offer, cart: Cart) -> list[Unmet]:
        """Of what was promised only the cart is asked again, and its metadata."""
        terms = offer.terms
        values = self._values(cart)
        wheres = (terms.conditions.where, terms.checkout.criteria.where if terms.checkout is not None else None)
        left = (assuming(where, _is_promised) for where in wheres if where is not None)
        return [
            *metadata_differences(terms.conditions.metadata, self._metadata),
            *(reason for where in left for reason in unmet_in(where, values)),
        ]

    def _unmet_by_customer(self, criteria: Criteria, cart: Cart) -> list[Unmet]:
        unmet: list[Unmet] = []
        if criteria.segments:
            named = ", ".join(criteria.segments)
            nobody = Unmet("segments", f"The offer is for members of {named}; the cart names none.", f"be in {named}")
            lacks: list[list[Unmet]] = [
                outside_segments(self._draft, self._context, account, criteria.segments) for account in self._accounts
            ]
            nearest = sorted(lacks, key=len)
            unmet += nearest[0] if nearest else [nobody]
        if criteria.first_order is not None:
            unmet += self._unmet_by_order(criteria.first_order)
        return unmet + self._unmet_by_anybody(criteria.where, cart) if criteria.where is not None else unmet

    def _unmet_by_anybody(self, where: Condition, cart: Cart) -> list[Unmet]:
        """Nothing if the conditions hold with one of the customer's accounts, or with none if there is none."""
        asked = asked_by(predicates_of(where))
        members: list[Values | None] = [
            values_of(self._draft, self._context, account, asked) for account in self._accounts
        ]
        lacks = [unmet_in(where, self._values(cart, member)) for member in members or [None]]
        return min(lacks, key=distance)

    def _values(self, cart: Cart, member: Values | None = None) -> CartValues:
        """The cart as conditions see it."""
        customer_id = self._customer_id
        return CartValues(
            cart,
            self._context.wall_now,
            metadata=self._metadata,
            is_first=lambda: None if customer_id is None else self._is_first_order(customer_id),
            member=member,
        )

    def _unmet_by_order(self, wants_first: bool) -> list[Unmet]:
        if self._customer_id is None:
            return [Unmet("first_order", "The cart names no customer.", "name the customer")]
        if self._is_first_order(self._customer_id) == wants_first:
            return []
        if wants_first:
            return [Unmet("first_order", f"Customer {self._customer_id} has already ordered.", None)]
        return [Unmet("first_order", f"Customer {self._customer_id} has not ordered yet.", "order once before")]

    def _is_first_order(self, customer_id: str) -> bool:
        paid = self.payment
        if paid is None:
            return is_first_order(self._draft, customer_id)
        return is_first_order(self._draft, customer_id, order_id=paid.order_id, payment_id=paid.id)

    def _unmet_by_members(self, offer: Offer, cart: Cart) -> list[Unmet]:
        """Nothing if an account can use the offer; otherwise what the nearest account lacks."""
        mine = [account for account in self._accounts if offer.program_id in (None, account.program_id)]
        if not mine:
            where = f"program {offer.program_id}" if offer.program_id is not None else "a program"
            message = f"The offer is for members of {where}; the cart names none."
            return [Unmet("account", message, f"enroll in {where}")]
        nearest: list[Unmet] = []
        for account in mine:
            lacks = list(self._unmet_by_member(offer, account, cart))
            if not lacks:
                self.accounts_of_offers[offer.id] = account
                return []
            if not nearest or len(lacks) < len(nearest):
                nearest = lacks
        return nearest

    def _unmet_by_member(self, offer: Offer, account: Account, cart: Cart) -> Iterator[Unmet]:
        draft, now = self._draft, self._nows[account.id]
        yield from unmet_targeting(draft, self._context, offer.terms.targeting, account)
        if offer.terms.application == "opt_in" and claim_of(draft, offer, account) is None:
            yield Unmet("activation", f"Account {account.id} has not opted in yet.", f"activate offer {offer.id}")
        if offer.is_granted and usable_grant(draft, self._context, offer, account) is None:
            yield no_grant(offer, account)
        limit = limit_refusal(draft, offer, account, now=now)
        if limit is not None:
            yield _unmet_limit(limit)
        if offer.terms.budget is not None:
            yield from self._unmet_budget(offer, account)
        asked = _but_of_the_cart(offer.terms.conditions)
        occasion = Occasion(
            "checkout",
            "checkout",
            "",
            occurred_at=now,
            currency=cart.currency,
            metadata=self._metadata,
            is_first_payment=asked.first_payment is not None and self._is_first_order(account.customer_id),
        )
        yield from unmet_conditions(asked, occasion)
        if offer.terms.conditions.where is not None:
            yield from unmet_in(offer.terms.conditions.where, self._values(cart))


def _is_promised(asked: Predicate) -> bool:
    """Whether the question was answered for good when the session was promised its offers."""
    return is_of_member(asked.field) or asked.field in ("order.is_first", "occurred_at")


def _unmet_limit(refusal: Rejected) -> Unmet:
    return Unmet(limit_condition(refusal), refusal.message, refusal.details.get("change"))


COMMANDS: Commands = {
    EvaluateCart: (needs_evaluate_cart, decide_evaluate_cart, follow_evaluate_cart),
}


def _but_of_the_cart(conditions: Conditions) -> Conditions:
    """What is left to ask: the cart itself was checked before, its currency, lines and their subtotal."""
    return Conditions(
        metadata=conditions.metadata,
        first_payment=conditions.first_payment,
        starts_at=conditions.starts_at,
        ends_at=conditions.ends_at,
    )
