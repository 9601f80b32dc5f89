"""Apply the earning rules in force to something that happened, account by account, rule by rule (R9, R16)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.conditions.judging import Unmet, Values
from vinr_server.core.conditions.member import MemberValues
from vinr_server.core.conditions.membership import of_member, values_of
from vinr_server.core.conditions.tree import asked_by
from vinr_server.core.earning.caps import Room, count_given, counters_at, room
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.rows import EarningRule, RuleRevision
from vinr_server.core.earning.rules import Boost, Earned, evaluate_rule
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.movements import accrue
from vinr_server.core.ledger.payloads import granted
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program

Json = Mapping[str, Any]


def earn_on(draft: Layer, context: Context, accounts: Sequence[Account], occasion: Occasion) -> dict[str, list[Json]]:
    """Each rule that matches made a separate award; the outcome lists these, and why the others gave nothing.

    The tier factor is that of the tier held before the command. Shape: {awards: [...], skipped: [...]}.
    """
    awards: list[Json] = []
    skipped: list[Json] = []
    for account in accounts:
        if account.status != "active":
            skipped += skips_of_closed(draft, account, occasion.trigger)
            continue
        known = draft.before(Account, account.id)
        tier_before = known.tier if known is not None else None
        program = program_of(draft, account)
        at = occasion.occurred_at or context.now(program.clock_id)
        rules = rules_in_force(draft, account.program_id, occasion.trigger)
        rooms = with_room(draft, rules, account, at=at, zone=program.timezone)
        member = member_of(draft, context, account, rules)
        results = results_of(rooms, replace(occasion, occurred_at=at), tier_before, (), member)
        for rule, (result, _boost) in zip(rules, results, strict=True):
            if isinstance(result, Earned):
                account = _award(draft, context, rule, account, occasion, result, awards, at=at)
            else:
                skipped.append(skip(rule, account, result))
    return {"awards": awards, "skipped": skipped}


def member_of(draft: Layer, context: Context, account: Account, rules: Sequence[Revised]) -> MemberValues | None:
    """The member's values before the command, for what rules ask of it; None where they ask nothing.

    Expects: the account's history, as `name_history` declares it.
    """
    asking = [rule for rule in rules if _has_trees(rule)]
    asked = of_member(asking) if asking else []
    return values_of(draft, context, account, asked_by(asked)) if asked else None


def _has_trees(rule: Revised) -> bool:
    return rule.conditions.where is not None or any(multiplier.where is not None for multiplier in rule.multipliers)


def skips_of_closed(draft: Layer, account: Account, trigger: str) -> list[Json]:
    """A closed account earns nothing: the reason, for each rule that might have given it something."""
    unmet = [Unmet("account", f"Account {account.id} is closed and earns no points.", "reopen the account")]
    return [skip(rule, account, unmet) for rule in rules_in_force(draft, account.program_id, trigger)]


# A rule in force, or what it said when a purchase was first reported.
Revised = EarningRule | RuleRevision
# What a rule gives, and the boost that added to it.
Result = tuple[Earned | list[Unmet], Boost | None]


def with_room(
    draft: Layer,
    rules: Sequence[Revised],
    account: Account,
    *,
    at: datetime,
    zone: str,
    held_points: Callable[[str], int] = lambda rule_id: 0,
) -> list[tuple[Revised, Room | None]]:
    """Each rule with what its cap leaves for the account.

    `held_points` of a rule: what the same purchase holds of it already, which is its own to keep.
    """
    rooms: list[tuple[Revised, Room | None]] = []
    for rule in rules:
        left = room(draft, rule.id, account, rule.caps, at=at, zone=zone) if rule.caps is not None else None
        if left is not None and left.period is not None:
            left = replace(left, points=left.points + held_points(rule.id))
        rooms.append((rule, left))
    return rooms


def results_of(
    rules: Sequence[tuple[Revised, Room | None]],
    occasion: Occasion,
    tier: str | None,
    boosts: Sequence[Boost],
    member: Values | None,
) -> list[Result]:
    """What each rule gives; the best boost that adds a point to any counts for all, and is named where it did."""
    plain = [_evaluate(rule, room, occasion, tier, None, member) for rule, room in rules]
    for boost in boosts:
        boosted = [_evaluate(rule, room, occasion, tier, boost, member) for rule, room in rules]
        added = [_points(after) > _points(before) for before, after in zip(plain, boosted, strict=True)]
        if any(added):
            return [(result, boost if is_more else None) for result, is_more in zip(boosted, added, strict=True)]
    return [(result, None) for result in plain]


def points_of(results: Sequence[Result]) -> int:
    """The points that all rules give together."""
    return sum(_points(result) for result, _boost in results)


def _points(result: Earned | list[Unmet]) -> int:
    return result.points if isinstance(result, Earned) else 0


def rules_in_force(draft: Layer, program_id: str, trigger: str) -> list[EarningRule]:
    """The program's rules for a trigger, the oldest first."""
    rules = [rule for rule in draft.children(EarningRule, program_id) if rule.trigger == trigger and rule.is_in_force]
    return sorted(rules, key=lambda rule: (rule.created_at, rule.id)) if len(rules) > 1 else rules


def name_caps(
    needs: Needs, seen: Layer, accounts: Iterable[Account], trigger: str, *, occurred_at: datetime | None
) -> None:
    """The counters are declared of what rules with a cap have given these accounts.

    What happens now is counted in a period that nobody knows before the batch's instant is read: of that, the rule and
    the member are named, and the counters are read under the lock of the account (storage/history/facts.py).
    """
    for account in accounts:
        name_caps_of(needs, seen, account.id, account.program_id, trigger, occurred_at=occurred_at)


def name_caps_of(
    needs: Needs, seen: Layer, account_id: str, program_id: str, trigger: str, *, occurred_at: datetime | None
) -> None:
    """As name_caps, of one account, which need not have been looked at."""
    for rule in rules_in_force(seen, program_id, trigger):
        if rule.caps is not None or needs.whole:
            name_given(needs, seen, rule.id, account_id, program_id, occurred_at=occurred_at)


def name_given(
    needs: Needs, seen: Layer, owner_id: str, account_id: str, program_id: str, *, occurred_at: datetime | None
) -> None:
    """The counters are declared of what a rule, or what is counted like one, has given an account."""
    needs.children(Counter, (account_id, owner_id))
    program = seen.get(Program, program_id) if occurred_at is not None else None
    if occurred_at is not None and program is not None:
        for counter_id in counters_at(owner_id, account_id, occurred_at, program.timezone):
            needs.counter(counter_id, beside=account_id)


def _evaluate(
    rule: Revised,
    room: Room | None,
    occasion: Occasion,
    tier: str | None,
    boost: Boost | None,
    member: Values | None,
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
        member=member,
    )


def _award(
    draft: Layer,
    context: Context,
    rule: Revised,
    account: Account,
    occasion: Occasion,
    earned: Earned,
    awards: list[Json],
    *,
    at: datetime,
) -> Account:
    days = rule.pending_days or 0
    account, entry = award_by_rule(draft, context, rule, account, occasion, earned, at=at, pending_days=days)
    lot = draft.get(Lot, entry.id)
    assert lot is not None, "an accrual has a lot"
    awards.append({"account": account.id, "rule": rule.id, **granted(entry, lot.available_at)})
    return account


def award_by_rule(
    draft: Layer,
    context: Context,
    rule: Revised,
    account: Account,
    occasion: Occasion,
    earned: Earned,
    *,
    at: datetime,
    pending_days: int,
) -> tuple[Account, Entry]:
    """The account has what the rule gives for the occasion, after so many days, and the rule's cap counts it."""
    program = program_of(draft, account)
    movement = Movement(
        "award",
        reason=occasion.trigger,
        source_type=occasion.source_type,
        source_id=occasion.source_id,
        rule_id=rule.id,
        rule_revision=rule.revision,
        receipt=earned.receipt,
        occurred_at=at,
    )
    account, entry, _payload = accrue(
        draft,
        context,
        account,
        program,
        points=earned.points,
        movement=movement,
        event_type="loyalty.points.earned",
        pending_days=pending_days,
    )
    if rule.caps is not None:
        count_given(draft, rule.id, account, rule.caps.per, earned.points, at=at, zone=program.timezone)
    return account, entry


def skip(rule: Revised, account: Account, unmet: Sequence[Unmet]) -> Json:
    """Why a rule gave an account nothing, as the wire shows it."""
    return {"account": account.id, "rule": rule.id, "unmet": reasons(unmet)}


def reasons(unmet: Sequence[Unmet]) -> list[Json]:
    """Conditions that failed, as the wire shows them."""
    return [{"condition": lack.condition, "message": lack.message, "change": lack.change} for lack in unmet]
