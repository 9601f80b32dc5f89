"""Apply the earning rules in force to something that happened, account by account, rule by rule (R9, R16)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.earning.caps import Room, counters_at, room, take
from vinr_server.core.earning.rows import EarningRule, RuleRevision
from vinr_server.core.earning.rules import Boost, Earned, Occasion, Unmet, evaluate_rule
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.movements import Movement, accrue
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of

Json = Mapping[str, Any]

# The offers that may multiply what an account earns on an occasion, the best first.
BoostsOf = Callable[[Account, Occasion], Sequence[Boost]]
# Called when an account has all its awards, before the next one is looked at.
HasEarned = Callable[[Account, Sequence[Json]], None]


def earn_on(
    draft: Layer,
    context: Context,
    accounts: Sequence[Account],
    occasion: Occasion,
    *,
    boosts_of: BoostsOf = lambda account, occasion: (),
    has_earned: HasEarned = lambda account, awards: None,
) -> dict[str, list[Json]]:
    """Each rule that matches made a separate award; the outcome lists these, and why the others gave nothing.

    The tier factor is that of the tier held before the command. The best boost that adds a point to any award counts
    for all of the account's; awards that it added to name its offer. Shape: {awards: [...], skipped: [...]}.
    """
    awards: list[Json] = []
    skipped: list[Json] = []
    for account in accounts:
        known = draft.before(Account, account.id)
        tier_before = known.tier if known is not None else None
        mine = as_seen_by(draft, context, account, occasion)
        rules = rules_in_force(draft, account.program_id, occasion.trigger)
        if account.status != "active":
            unmet = [Unmet("account", f"Account {account.id} is closed and earns no points.", None)]
            skipped += [skip(rule, account, unmet) for rule in rules]
            continue
        results = results_of(with_room(draft, rules, account, mine), mine, tier_before, boosts_of(account, mine))
        before = len(awards)
        for rule, (result, boost) in zip(rules, results, strict=True):
            if isinstance(result, Earned):
                account = _award(draft, context, rule, account, mine, result, boost, awards)
            else:
                skipped.append(skip(rule, account, result))
        has_earned(account, awards[before:])
    return {"awards": awards, "skipped": skipped}


# A rule in force, or what it said when a purchase was first reported.
Revised = EarningRule | RuleRevision
# What a rule gives, and the boost that added to it.
Result = tuple[Earned | list[Unmet], Boost | None]


def with_room(
    draft: Layer, rules: Sequence[Revised], account: Account, occasion: Occasion
) -> list[tuple[Revised, Room | None]]:
    """Each rule with what its cap leaves for the account."""
    at, zone = occasion.occurred_at, program_of(draft, account).timezone
    assert at is not None, "the occasion's instant is settled before its rules are evaluated"
    return [
        (rule, None if rule.caps is None else room(draft, rule.id, account, rule.caps, at=at, zone=zone))
        for rule in rules
    ]


def results_of(
    rules: Sequence[tuple[Revised, Room | None]], occasion: Occasion, tier: str | None, boosts: Sequence[Boost]
) -> list[Result]:
    """What each rule gives; the best boost that adds a point to any counts for all, and is named where it did."""
    plain = [_evaluate(rule, room, occasion, tier, None) for rule, room in rules]
    for boost in boosts:
        boosted = [_evaluate(rule, room, occasion, tier, boost) for rule, room in rules]
        added = [_points(after) > _points(before) for before, after in zip(plain, boosted, strict=True)]
        if any(added):
            return [(result, boost if is_more else None) for result, is_more in zip(boosted, added, strict=True)]
    return [(result, None) for result in plain]


def _points(result: Earned | list[Unmet]) -> int:
    return result.points if isinstance(result, Earned) else 0


def rules_in_force(draft: Layer, program_id: str, trigger: str) -> list[EarningRule]:
    """The program's rules for a trigger, the oldest first."""
    rules = [
        rule
        for rule in draft.children(EarningRule, program_id)
        if rule.trigger == trigger and rule.is_active and rule.deleted_at is None
    ]
    return sorted(rules, key=lambda rule: (rule.created_at, rule.id)) if len(rules) > 1 else rules


def as_seen_by(draft: Layer, context: Context, account: Account, occasion: Occasion) -> Occasion:
    """The occasion at its own instant, else its program's now, and as the member's first payment or a later one."""
    program = program_of(draft, account)
    return replace(
        occasion,
        occurred_at=occasion.occurred_at or context.now(program.clock_id),
        is_first_payment=occasion.source_type == "payment" and account.payment_count <= 1,
    )


def name_caps(
    needs: Needs, seen: Layer, accounts: Iterable[Account], trigger: str, *, occurred_at: datetime | None
) -> None:
    """The counters are declared of what rules with a cap have given these accounts.

    What happens now is counted in a period that nobody knows before the batch's instant is read: of that, the rule and
    the member are named, and the counters are read under the lock of the account (storage/batch/history.py).
    """
    for account in accounts:
        for rule in rules_in_force(seen, account.program_id, trigger):
            if rule.caps is None and not needs.whole:
                continue
            needs.children(Counter, (account.id, rule.id))
            if occurred_at is not None:
                for counter_id in counters_at(rule.id, account.id, occurred_at, program_of(seen, account).timezone):
                    needs.counter(counter_id, beside=account.id)


def _evaluate(
    rule: Revised, room: Room | None, occasion: Occasion, tier: str | None, boost: Boost | None
) -> Earned | list[Unmet]:
    return evaluate_rule(
        rule_id=rule.id,
        revision=rule.revision,
        earn=rule.earn,
        conditions=rule.conditions,
        multipliers=rule.multipliers,
        occasion=occasion,
        tier=tier,
        boost=boost,
        exchange=rule.exchange,
        room=room,
    )


def _award(
    draft: Layer,
    context: Context,
    rule: Revised,
    account: Account,
    occasion: Occasion,
    earned: Earned,
    boost: Boost | None,
    awards: list[Json],
) -> Account:
    program = program_of(draft, account)
    movement = Movement(
        "award",
        reason=occasion.trigger,
        source_type=occasion.source_type,
        source_id=occasion.source_id,
        rule_id=rule.id,
        rule_revision=rule.revision,
        receipt=earned.receipt,
        occurred_at=occasion.occurred_at,
    )
    account, entry, _payload = accrue(
        draft, context, account, program, points=earned.points, movement=movement, event_type="loyalty.points.earned"
    )
    cap = earned.receipt.get("cap")
    if cap is not None and cap["period"] is not None:
        take(draft, rule.id, account, cap["period"], earned.points)
    award = {"account": account.id, "rule": rule.id, "points_transaction": entry.id, "points": earned.points}
    awards.append(award | ({"offer": boost.offer_id} if boost is not None else {}))
    return account


def skip(rule: Revised, account: Account, unmet: Sequence[Unmet]) -> Json:
    """Why a rule gave an account nothing, as the wire shows it."""
    return {"account": account.id, "rule": rule.id, "unmet": reasons(unmet)}


def reasons(unmet: Sequence[Unmet]) -> list[Json]:
    """Conditions that failed, as the wire shows them."""
    return [{"condition": lack.condition, "message": lack.message, "change": lack.change} for lack in unmet]
