"""Settle a purchase: what it earns in the state it is in now, less what it has been given, moves (R7, R74, R75).

One function says what a purchase earns, whatever led to its state: `evaluate_rule`, of rules as they were at its first
report. A report, a refund, the cancellation of one and an amendment each move the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.checkout.first_order import is_first_order
from vinr_server.core.conditions.judging import Unmet, Values
from vinr_server.core.conditions.member import FrozenValues, MemberValues, frozen
from vinr_server.core.conditions.membership import of_member
from vinr_server.core.earning.caps import count_given
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.occasions import (
    Result,
    Revised,
    member_of,
    results_of,
    rules_in_force,
    skip,
    skips_of_closed,
    with_room,
)
from vinr_server.core.earning.rows import EarningRule, RuleRevision
from vinr_server.core.earning.rules import Boost, Earned
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.payloads import granted
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.purchases.moving import Mover, NewAward
from vinr_server.core.payments.purchases.offers import PaymentOffers
from vinr_server.core.payments.purchases.state import Purchase, earner_id
from vinr_server.core.payments.rows import Earning, Revision
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import EARNING_TENDERS, Program

# Conditions of which another state of the same purchase may think otherwise.
CHANGING = frozenset(
    {"amount", "min_amount", "max_amount", "lines", "caps", "order.amount", "lines.sku", "lines.category", "any"}
)
TRIGGER = "payment.completed"


@dataclass(frozen=True, slots=True)
class Settled:
    """What the purchase has earned by now. `outcome` is what is shown of what moved."""

    earnings: tuple[Earning, ...]
    outcome: Mapping[str, Any]


def settle(draft: Layer, context: Context, purchase: Purchase, accounts: Sequence[Account], mover: Mover) -> Settled:
    """Every account holds what the purchase earns it now, and the outcome says why a rule gave nothing."""
    settling, cause = _Settling(draft, context, purchase, mover), mover.cause
    earnings = {earning.account_id: earning for earning in purchase.earnings}
    for account in accounts:
        mine = [earning for earning in purchase.earnings if earner_id(draft, earning) == account.id]
        for earning in mine:
            earnings[earning.account_id] = settling.again(account, earning)
        if cause.is_report and not mine and account.status != "active":
            settling.skipped += skips_of_closed(draft, account, TRIGGER)
        elif cause.is_report and not mine:
            earnings[account.id] = settling.first(account)
    return settling.settled(tuple(earnings.values()))


class _Settling:
    """One settlement, account by account."""

    def __init__(self, draft: Layer, context: Context, purchase: Purchase, mover: Mover) -> None:
        self._draft, self._context, self._purchase = draft, context, purchase
        self._mover, self._cause = mover, mover.cause
        self._is_refunded_whole = purchase.is_refunded_whole
        self._offers = PaymentOffers(draft, context, mover.cause.payment, self._reported_at)
        self.skipped: list[Json] = []

    @property
    def _reported_at(self) -> datetime | None:
        """When the last payment of the purchase was reported; None where that is now."""
        return None if self._cause.is_report else max(payment.created_at for payment in self._purchase.payments)

    def settled(self, earnings: tuple[Earning, ...]) -> Settled:
        outcome = self._offers.with_offers(
            {"awards": [_shown(award) for award in self._mover.awards], "skipped": self.skipped}
        )
        return Settled(earnings, outcome)

    def first(self, account: Account) -> Earning:
        """The account has what the rules in force give, and these are frozen where amounts or lines may yet matter."""
        rules = rules_in_force(self._draft, account.program_id, TRIGGER)
        context, program = self._context, program_of(self._draft, account)
        occurred_at = self._cause.occurred_at or context.now(program.clock_id)
        payment = self._purchase.payments[0]
        is_first = self._cause.is_first
        if is_first is None:
            is_first = is_first_order(
                self._draft, account.customer_id, order_id=payment.order_id, payment_id=payment.id
            )
        member = member_of(self._draft, context, account, rules)
        earning = new_earning(self._draft, account, program, rules, member, at=occurred_at, is_first=is_first)
        mine = self._seen_by(earning)
        results = self._results(account, earning, mine, rules, member)
        earning = replace(earning, rules=lasting(rules, results))
        return self._give_all(account, earning, mine, rules, results)

    def again(self, account: Account, earning: Earning) -> Earning:
        """The account has what its frozen rules give now."""
        rules = [frozen_rule(self._draft, revision) for revision in earning.rules]
        mine, member = self._seen_by(earning), frozen_member(earning)
        return self._give_all(account, earning, mine, rules, self._results(account, earning, mine, rules, member))

    def _seen_by(self, earning: Earning) -> Occasion:
        """The occasion at the account's instant, and as its first purchase or a later one."""
        occasion = self._purchase.occasion(frozen_tenders(earning))
        return replace(occasion, occurred_at=earning.occurred_at, is_first_payment=earning.is_first)

    def _results(
        self, account: Account, earning: Earning, mine: Occasion, rules: Sequence[Revised], member: Values | None
    ) -> Sequence[Result]:
        """What each rule gives; nothing of a purchase that was given back whole."""
        boosts = self._offers.boosts_of(account, mine, earning, may_redeem=self._may_redeem(account))
        if self._is_refunded_whole:
            return [([], None) for _rule in rules]
        at, zone = earning.occurred_at, earning.zone
        rooms = with_room(self._draft, rules, account, at=at, zone=zone, held_points=earning.held_points)
        return self._offers.within_budget(
            account, boosts, lambda tried: results_of(rooms, mine, earning.tier, tried, member)
        )

    def _may_redeem(self, account: Account) -> bool:
        """Whether it is the account's own purchase: one to which points were given by hand redeems nothing by it."""
        paid = self._cause.payment
        is_own = any(
            buyer.account_id == paid.account_id
            if paid.account_id is not None
            else buyer.customer_id == paid.customer_id
            for buyer in account.buyers
        )
        return is_own and account.status == "active"

    def _give_all(
        self,
        account: Account,
        earning: Earning,
        mine: Occasion,
        rules: Sequence[Revised],
        results: Sequence[Result],
    ) -> Earning:
        before = len(self._mover.awards)
        for rule, (result, boost) in zip(rules, results, strict=True):
            if isinstance(result, Earned):
                earning = self._give(account, earning, rule, mine, result, boost)
            else:
                earning = counted(self._draft, account, rule, earning, self._mover.move(account, earning, rule.id, 0))
                self.skipped += [skip(rule, account, result)] if self._cause.is_report else []
        boosted = {rule.id: boost.offer_id for rule, (_result, boost) in zip(rules, results, strict=True) if boost}
        return self._settle_offers(account, earning, mine, boosted, self._mover.awards[before:])

    def _give(
        self, account: Account, earning: Earning, rule: Revised, mine: Occasion, earned: Earned, boost: Boost | None
    ) -> Earning:
        """The rule's awards hold what it gives now."""
        movement = Movement(
            "award",
            reason=mine.trigger,
            rule_id=rule.id,
            rule_revision=rule.revision,
            receipt=earned.receipt,
            occurred_at=mine.occurred_at if self._cause.payment.id == mine.source_id else None,
        )
        offer_id = boost.offer_id if boost is not None else None
        moved = self._mover.move(
            account, earning, rule.id, earned.points, movement, offer_id=offer_id, pending_days=rule.pending_days
        )
        return counted(self._draft, account, rule, earning, moved)

    def _settle_offers(
        self,
        account: Account,
        earning: Earning,
        mine: Occasion,
        boosted: Mapping[str, str],
        awards: Sequence[NewAward],
    ) -> Earning:
        """Flat bonuses and gifts are what they are now; offers that the purchase qualifies for at last are redeemed.

        `boosted`: the rules to which a multiplier adds, with its offer; `awards`: what the account was given just now.
        """
        for bonus in earning.bonuses:
            points = 0 if self._is_refunded_whole else self._offers.bonus_points(bonus, mine)
            movement = self._offers.bonus_movement(bonus, mine)
            earning = self._mover.move(account, earning, bonus[0], points, movement, offer_id=bonus[0])
        gifts = tuple(self._offers.settle_gift(gift, mine, self._is_refunded_whole) for gift in earning.gifts)
        earning = replace(earning, gifts=gifts)
        if self._is_refunded_whole:
            return earning
        given = [award.entry_id for award in awards if award.rule_id in boosted]
        held = [award.entry_id for award in earning.awards if award.source_id in boosted]
        offer_id = next(iter(boosted.values()), None) if given or held else None
        multiplier = self._offers.redeem_multiplier(account, offer_id, given or held) or earning.multiplier
        earning = replace(earning, multiplier=multiplier)
        for offer in self._offers.new_bonuses:
            assert offer.terms.bonus is not None, f"{offer.id} is no bonus"
            revision, points = (offer.id, offer.revision), offer.terms.bonus.points
            movement = self._offers.bonus_movement(revision, mine)
            earning = self._mover.move(account, earning, offer.id, points, movement, offer_id=offer.id)
            earning = replace(earning, bonuses=(*earning.bonuses, revision))
            self._offers.redeem_bonus(offer, account, movement, entry_id=earning.awards[-1].entry_id)
        new_gifts = [self._offers.redeem_gift(offer, account, mine) for offer in self._offers.new_gifts]
        return replace(earning, gifts=(*gifts, *(gift for gift in new_gifts if gift is not None)))


def new_earning(
    draft: Layer,
    account: Account,
    program: Program,
    rules: Sequence[Revised],
    member: MemberValues | None,
    *,
    at: datetime,
    is_first: bool = False,
) -> Earning:
    """What an account has been given of an occasion before any rule gave: what must not change later is frozen.

    `rules`: those in force; `member`: what they ask of the member.
    """
    known = draft.before(Account, account.id)
    tier = known.tier if known is not None else None
    tenders = program.earning_tenders if program.earning_tenders != EARNING_TENDERS else None
    facts = frozen(of_member(rules), member) if member is not None else None
    return Earning(account.id, tier, at, program.timezone, tenders, is_first, (), facts=facts)


def lasting(rules: Sequence[Revised], results: Sequence[Result]) -> tuple[Revision, ...]:
    """The rules to which amounts or lines may yet matter."""
    changing = (rule for rule, (result, _boost) in zip(rules, results, strict=True) if may_change(result))
    return tuple((rule.id, rule.revision) for rule in changing)


def counted(draft: Layer, account: Account, rule: Revised, before: Earning, after: Earning) -> Earning:
    """The rule's cap counts what is held of it now."""
    if rule.caps is not None:
        points = after.held_points(rule.id) - before.held_points(rule.id)
        count_given(draft, rule.id, account, rule.caps.per, points, at=before.occurred_at, zone=before.zone)
    return after


def frozen_tenders(earning: Earning) -> Sequence[str]:
    """The tenders that earned when the occasion was reported."""
    return EARNING_TENDERS if earning.tenders is None else earning.tenders


def frozen_member(earning: Earning) -> Values | None:
    """The member's values when the occasion was reported, as far as its rules ask for them."""
    return FrozenValues(earning.facts, earning.occurred_at) if earning.facts is not None else None


def frozen_rule(draft: Layer, revision: Revision) -> Revised:
    """What the rule said then: where it says the same today, the catalogue has it."""
    current = draft.get(EarningRule, revision[0])
    if current is not None and current.revision == revision[1]:
        return current
    rule = draft.get(RuleRevision, revision)
    assert rule is not None, f"revision {revision} of a rule is never deleted"
    return rule


def _shown(award: NewAward) -> Json:
    """The award as the payment's outcome shows it."""
    by_rule = {"rule": award.rule_id} if award.rule_id is not None else {}
    by_offer = {"offer": award.offer_id} if award.offer_id is not None else {}
    return {
        "account": award.account_id,
        **by_rule,
        **by_offer,
        **granted(award.entry, award.available_at),
    }


def may_change(result: Earned | list[Unmet]) -> bool:
    """Whether the rule may give something in another state of the same purchase."""
    return isinstance(result, Earned) or all(unmet.condition in CHANGING for unmet in result)
