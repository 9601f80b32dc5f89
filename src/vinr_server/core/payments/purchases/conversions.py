"""Referrals convert, and what both sides earn follows the payment that converted them (R19e to R19h).

A conversion is as seldom as a first purchase. So a payment names nothing for it beforehand: a mark on the member's
account says that a referral may be open, and where one converts, the decision asks for all that it needs (AlsoRows).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.conditions.membership import name_history
from vinr_server.core.earning.caps import Cap, CapPer, count_given, room, used
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.occasions import (
    award_by_rule,
    member_of,
    name_caps_of,
    name_given,
    reasons,
    results_of,
    rules_in_force,
    skip,
    with_room,
)
from vinr_server.core.earning.rows import CONVERTED, Role
from vinr_server.core.earning.rules import Earned
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.payments.purchases.moving import Mover
from vinr_server.core.payments.purchases.settling import (
    counted,
    frozen_member,
    frozen_rule,
    frozen_tenders,
    lasting,
    new_earning,
)
from vinr_server.core.payments.purchases.state import Purchase, name_earnings
from vinr_server.core.payments.rows import Award, Earning, Payment, Refund
from vinr_server.core.programs.members import acting, program_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals.endings import now_of, shown
from vinr_server.core.referrals.registration import self_referral
from vinr_server.core.referrals.rows import BY_PAYMENT, Referral, ReferralCode, ReferralLimit, ReferralProgram, Reward
from vinr_server.core.tiers.changing import judge_tiers

# What a referrer's conversions are counted by: all that stand, and those that earned, in any window of a limit.
_PERIODS: dict[str, CapPer] = {"month": "month", "year": "year", "lifetime": "member"}


def standing_of(referral_program_id: str) -> str:
    """The name under which all conversions of a referrer that stand are counted."""
    return f"{referral_program_id}.standing"


# ---- what is needed


def name_open(needs: Needs, seen: Layer, accounts: Iterable[Account], customer_id: str | None) -> None:
    """The referrals of members that may have an open one are read; those that a decision has asked for as well.

    `customer_id`: whom the command names; the batch may be about to enroll it.
    """
    programs = needs.plans.enrollments if customer_id in needs.plans.enrolling else ()
    if any(seen.children(ReferralProgram, id) for id in programs):
        needs.children(Referral, customer_id)
    for account in accounts:
        if account.may_convert:
            for customer_id in account.customer_ids:
                needs.children(Referral, customer_id)
    for row_type, key in needs.asked:
        if row_type is Customer:
            needs.children(Referral, key)


def look_at_asked(needs: Needs) -> None:
    """Referrals that a decision wants to convert are looked at, with their customers' accounts."""
    for row_type, key in needs.asked:
        if row_type is Referral:
            look_at_conversion(needs, str(key))


def look_at_conversion(needs: Needs, id: str) -> None:
    """A referral is looked at, with the accounts of both customers."""
    needs.row(Referral, id, look=True)
    needs.look_along(Account, Of(Referral, id, "referrer_customer_id"), by="customer_id")
    needs.look_along(Account, Of(Referral, id, "customer_id"), by="customer_id")


def name_asked(
    needs: Needs, seen: Layer, accounts: Sequence[Account], customer_id: str | None, *, occurred_at: datetime | None
) -> None:
    """All that converting the referrals of these members may change is declared, where a decision has asked for it.

    Nobody is known of an account that the batch itself creates: then, of all that it enrolls.
    """
    if not needs.asked:
        return
    ids = {id for account in accounts for id in account.customer_ids} | ({customer_id} if customer_id else set())
    for id in ids or needs.plans.enrolling:
        for referral in seen.here(Referral, id):
            if (Referral, referral.id) in needs.asked:
                name_conversion(needs, seen, referral, occurred_at=occurred_at)


def name_conversion(needs: Needs, seen: Layer, referral: Referral, *, occurred_at: datetime | None) -> None:
    """All that converting a referral may change is declared: both sides' accounts, counters and what rules ask of them.

    Expects a look at it, and at its customer's accounts.
    """
    _name_sides(needs, seen, referral)
    for id in (referral.referrer_customer_id, referral.customer_id):
        needs.row(Customer, id)
        accounts = [*seen.here(Account, id), *seen.here(Account, needs.acting(id))]
        merged = (customer_id for account in accounts for customer_id in account.customer_ids)
        for customer_id in dict.fromkeys((id, *merged)):
            needs.children(Referral, customer_id)
    referees = [account.id for account in seen.children(Account, referral.customer_id)]
    for account_id in dict.fromkeys((referral.referrer_id, *referees)):
        acting_id = needs.acting(account_id)
        name_history(needs, seen, [acting_id])
        name_caps_of(needs, seen, acting_id, referral.program_id, CONVERTED, occurred_at=occurred_at)
    _name_slots(needs, seen, referral, occurred_at=occurred_at)


def _name_sides(needs: Needs, seen: Layer, referral: Referral) -> None:
    needs.row(Referral, referral.id)
    needs.row(Program, referral.program_id)
    name_account(needs, referral.referrer_id)
    for account in seen.children(Account, referral.customer_id):
        name_account(needs, account.id)
    if referral.code is not None:
        needs.row(ReferralCode, referral.code, beside=referral.referrer_id)


def _name_slots(needs: Needs, seen: Layer, referral: Referral, *, occurred_at: datetime | None) -> None:
    for owner_id in (referral.referral_program_id, standing_of(referral.referral_program_id)):
        referrer_id = needs.acting(referral.referrer_id)
        name_given(needs, seen, owner_id, referrer_id, referral.program_id, occurred_at=occurred_at)


def name_conversions_of(needs: Needs, seen: Layer, payment: Payment) -> None:
    """All that a change of the payment may change of the referrals that it converted is declared.

    Expects a look at them, as `look_at_purchase` takes it.
    """
    for id in payment.referral_ids:
        referral = seen.get(Referral, id)
        if referral is not None:
            name_converted(needs, seen, referral)


def name_converted(needs: Needs, seen: Layer, referral: Referral) -> None:
    """All that the end of a conversion may change is declared: what it gave, and what counts it."""
    _name_sides(needs, seen, referral)
    _name_slots(needs, seen, referral, occurred_at=referral.converted_at)
    name_earnings(needs, seen, referral.earnings)


# ---- a referral converts


@dataclass(frozen=True, slots=True)
class Trigger:
    """What converts a referral: an occasion at its instant, and the payment or the event that it was."""

    occasion: Occasion
    at: datetime
    payment: Payment | None = None
    event_id: str | None = None


def open_referral(draft: Layer, context: Context, account: Account) -> Referral | None:
    """The referral that brought the member and is open; where there is none, nobody looks for it the next time.

    Raises AlsoRows where the member's referrals were not read.
    """
    now = context.now(program_of(draft, account).clock_id)
    mine: list[Referral] = []
    for customer_id in account.customer_ids:
        if not draft.reads_all(Referral, customer_id):
            draft.require_asked(Customer, customer_id)
        mine += draft.children(Referral, customer_id)
    mine = [referral for referral in mine if referral.program_id == account.program_id]
    has_converted = any(referral.converted_at is not None for referral in mine)
    found = None if has_converted else next((referral for referral in mine if referral.is_open(now)), None)
    if found is None:
        draft.put(replace(account, may_convert=False))
    return found


def convert_by_payment(
    draft: Layer, context: Context, payment: Payment, accounts: Sequence[Account], *, occurred_at: datetime | None
) -> Payment:
    """The payment has converted what it can, one referral in each program, and names them.

    `occurred_at`: as it was reported; None is each program's now. Expects the payment's own awards to be made. Raises
    AlsoRows where something converts that nobody has named.
    """
    judged: list[Referral] = []
    for member in accounts:
        account = draft.get(Account, member.id) or member
        if not account.may_convert or account.status != "active":
            continue
        referral = open_referral(draft, context, account)
        if referral is None or referral.terms.convert_on != BY_PAYMENT:
            continue
        program = program_of(draft, account)
        occasion = occasion_of(payment, (), program.earning_tenders)
        trigger = Trigger(occasion, occurred_at or context.now(program.clock_id), payment=payment)
        if not _is_enough(referral, payment, trigger):
            continue
        draft.require_asked(Referral, referral.id)
        judged.append(convert(draft, context, referral, account, trigger))
        if judged[-1].status == "converted":
            payment = replace(payment, referral_ids=(*payment.referral_ids, referral.id))
            draft.put(payment)
    announce_referrals(draft, context, judged)
    return payment


def occasion_of(payment: Payment, refunds: Sequence[Refund], tenders: Sequence[str]) -> Occasion:
    """What is kept of the payment, as rules that reward a referral see it. `tenders`: those that earn."""
    occasion = Purchase([payment], {payment.id: refunds}, ()).occasion(tenders)
    return replace(occasion, trigger=CONVERTED)


def is_in_window(referral: Referral, at: datetime) -> bool:
    """Whether something that happened then can convert the referral."""
    return referral.registered_at <= at and (referral.expires_at is None or at < referral.expires_at)


def _is_enough(referral: Referral, payment: Payment, trigger: Trigger) -> bool:
    """Whether the payment is in the window and the currency, and its eligible part reaches the least amount."""
    terms = referral.terms
    return (
        is_in_window(referral, trigger.at)
        and terms.currency in (None, payment.currency)
        and trigger.occasion.eligible_minor >= max(terms.min_amount_minor, 1)
    )


def convert(draft: Layer, context: Context, referral: Referral, referee: Account, trigger: Trigger) -> Referral:
    """The referral has converted, and both sides have earned by rules; or it is rejected, as one of oneself.

    The caller announces it. Expects an open referral, an active referee, and what `name_conversion` declares.
    """
    referrer = draft.get(Account, referral.referrer_id)
    assert referrer is not None, f"account {referral.referrer_id} was not loaded"
    referrer = acting(draft, referrer)
    program = program_of(draft, referee)
    draft.put(replace(referee, may_convert=False))
    if self_referral(draft, referrer, referee.customer_id) is not None:
        referral = replace(referral, status="rejected", reason="self_referral")
        draft.put(referral)
        return referral
    number = _standing(draft, referral, referrer, trigger.at, program) + 1
    occasion = replace(
        trigger.occasion,
        source_type="referral",
        source_id=referral.id,
        occurred_at=trigger.at,
        conversion_number=number,
    )
    why_not = _referrer_refusal(draft, referral, referrer, trigger.at, program)
    skipped: list[Json] = []
    if why_not is not None:
        skipped.append({"account": referrer.id, "role": "referrer", "unmet": reasons([why_not])})
    rewards: list[Reward] = []
    sides: tuple[tuple[Role, Account], ...] = (("referrer", referrer), ("referee", referee))
    for role, account in sides:
        if role == "referee" or why_not is None:
            earning = _earn(draft, context, referral, role, account, occasion, program, skipped)
            rewards.append(Reward(role, earning))
    eligible = occasion.eligible_minor
    referral = replace(
        referral,
        status="converted",
        converted_at=trigger.at,
        payment_id=trigger.payment.id if trigger.payment is not None else None,
        event_id=trigger.event_id,
        number=number,
        least_minor=max(min(referral.terms.min_amount_minor, int(eligible)), 1),
        has_slot=why_not is None,
        rewards=tuple(rewards),
        skipped=tuple(skipped),
    )
    return stand(draft, referral)


def stand(draft: Layer, referral: Referral, *, by: int = 1) -> Referral:
    """The conversion stands, or (`by` -1) no longer does: its referrer's counters say so. The caller announces it."""
    draft.put(referral)
    referrer = draft.get(Account, referral.referrer_id)
    assert referrer is not None and referral.converted_at is not None
    referrer = acting(draft, referrer)
    program, at = program_of(draft, referrer), referral.converted_at
    owners = [(standing_of(referral.referral_program_id), _PERIODS["lifetime"])]
    if referral.has_slot:
        owners += [(referral.referral_program_id, per) for per in _PERIODS.values()]
    for owner_id, per in owners:
        count_given(draft, owner_id, referrer, per, by, at=at, zone=program.timezone)
    code = draft.get(ReferralCode, referral.code) if referral.code is not None else None
    if code is not None:
        draft.put(replace(code, conversions=code.conversions + by))
    return referral


def announce_referrals(draft: Layer, context: Context, referrals: Sequence[Referral]) -> None:
    """Events say what has become of referrals, after those of all entries and of the tiers that follow (R12g)."""
    if not referrals:
        return
    judge_tiers(draft, context)
    for referral in referrals:
        now, data = now_of(draft, context, referral), shown(draft, context, referral)
        announce(draft, context, type=f"referral.{referral.status}", bucket=referral.bucket, data=data, now=now)


def _standing(draft: Layer, referral: Referral, referrer: Account, at: datetime, program: Program) -> int:
    """How many conversions of the referrer stand."""
    owner_id = standing_of(referral.referral_program_id)
    return used(draft, owner_id, referrer, _PERIODS["lifetime"], at=at, zone=program.timezone)


def _referrer_refusal(
    draft: Layer, referral: Referral, referrer: Account, at: datetime, program: Program
) -> Unmet | None:
    """Why the referrer earns nothing, whatever the rules say: a closed account, or the limit."""
    if referrer.status != "active":
        message = f"Account {referrer.id} is {referrer.status} and earns no points."
        return Unmet("account", message, "reopen the account")
    limit = referral.terms.limit
    if limit is None:
        return None
    cap = Cap(limit.most, _PERIODS[limit.per])
    left = room(draft, referral.referral_program_id, referrer, cap, at=at, zone=program.timezone)
    return _limit_reached(limit, referrer, left.frees_at) if left.points == 0 else None


def _limit_reached(limit: ReferralLimit, referrer: Account, frees_at: datetime | None) -> Unmet:
    within = {"month": "in a month", "year": "in a year", "lifetime": "for good"}[limit.per]
    message = f"Account {referrer.id} is rewarded for {limit.most} conversions {within} at most, and has been."
    return Unmet("referrer_limit", message, f"wait until {frees_at.isoformat()}" if frees_at is not None else None)


def _earn(
    draft: Layer,
    context: Context,
    referral: Referral,
    role: Role,
    account: Account,
    occasion: Occasion,
    program: Program,
    skipped: list[Json],
) -> Earning:
    """One side has what the rules in force give it; its tier is that held before the command."""
    rules = [rule for rule in rules_in_force(draft, program.id, CONVERTED) if role in rule.recipients]
    at = occasion.occurred_at
    assert at is not None, "a conversion has its instant"
    member = member_of(draft, context, account, rules)
    earning = new_earning(draft, account, program, rules, member, at=at)
    rooms = with_room(draft, rules, account, at=at, zone=program.timezone)
    results = results_of(rooms, occasion, earning.tier, (), member)
    awards: list[Award] = []
    for rule, (result, _boost) in zip(rules, results, strict=True):
        if not isinstance(result, Earned):
            skipped.append({**skip(rule, account, result), "role": role})
            continue
        days = max(referral.terms.hold_days, program.pending_days if rule.pending_days is None else rule.pending_days)
        account = draft.get(Account, account.id) or account
        account, entry = award_by_rule(draft, context, rule, account, occasion, result, at=at, pending_days=days)
        awards.append(Award(entry.id, rule.id, entry.moved_points, referral.id))
    return replace(earning, rules=lasting(rules, results), awards=tuple(awards))


# ---- what follows when its payment changes


def settle_conversions(
    draft: Layer, context: Context, payment: Payment, refunds: Sequence[Refund], mover: Mover
) -> None:
    """What the payment's conversions gave is what its kept part earns; where too little is kept, they are reversed.

    Expects what `name_converted` declares of each.
    """
    turned: list[Referral] = []
    for id in payment.referral_ids:
        referral = draft.get(Referral, id)
        if referral is not None and referral.status in ("converted", "reversed"):
            settled = _settle(draft, referral, payment, refunds, mover)
            turned += [settled] if settled.status != referral.status else []
    announce_referrals(draft, context, turned)


def _settle(draft: Layer, referral: Referral, payment: Payment, refunds: Sequence[Refund], mover: Mover) -> Referral:
    tenders = frozen_tenders(referral.earnings[-1])  # the friend has one, even where it has earned nothing
    occasion = replace(occasion_of(payment, refunds, tenders), conversion_number=referral.number)
    is_enough = occasion.eligible_minor >= referral.least_minor
    rewards = tuple(
        replace(reward, earning=_again(draft, reward.earning, occasion, mover, is_enough=is_enough))
        for reward in referral.rewards
    )
    was_standing = referral.status == "converted"
    referral = replace(referral, rewards=rewards, status="converted" if is_enough else "reversed")
    if is_enough == was_standing:
        draft.put(referral)
        return referral
    return stand(draft, referral, by=1 if is_enough else -1)


def _again(draft: Layer, earning: Earning, occasion: Occasion, mover: Mover, *, is_enough: bool) -> Earning:
    """One side holds what its frozen rules give now; never more than the conversion gave."""
    account = draft.get(Account, earning.account_id)
    assert account is not None, "accounts are never deleted"
    account = acting(draft, account)
    rules = [frozen_rule(draft, revision) for revision in earning.rules]
    rooms = with_room(draft, rules, account, at=earning.occurred_at, zone=earning.zone, held_points=earning.held_points)
    mine = replace(occasion, occurred_at=earning.occurred_at)
    results = results_of(rooms, mine, earning.tier, (), frozen_member(earning))
    for rule, (result, _boost) in zip(rules, results, strict=True):
        points = result.points if is_enough and isinstance(result, Earned) else 0
        earning = counted(draft, account, rule, earning, mover.move(account, earning, rule.id, points))
    return earning
