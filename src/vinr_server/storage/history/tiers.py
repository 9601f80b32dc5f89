"""What counts towards tiers: the credits of accounts whose program counts them by windows (R12c)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.numbers import Exact
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.purchases.kept import counted_amount
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.rows import Program, TierPolicy
from vinr_server.core.tiers.plans import is_behind_plan
from vinr_server.core.tiers.rows import PastCredits, TierCredit
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.history.overdue import first_instant

# Plan: a range of tier_credits_recent for each account.
CREDITS = f"""
select {TABLES[TierCredit].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[], $5::timestamptz[])
  as w (realm, bucket, account_id, counted_as, since)
join tier_credits t on t.realm = w.realm and t.account_id = w.account_id and t.counted_as = w.counted_as
  and t.credited_at >= w.since and t.bucket = w.bucket
where t.bucket = any($2)
"""
# Credits that no longer count, or of which only the sum does. Plan: the primary key.
NAMED_CREDITS = f"""
select {TABLES[TierCredit].select_list}
from unnest($1::int4[], $2::text[], $3::text[], $4::text[]) as w (realm, account_id, counted_as, source_id)
join tier_credits t on t.realm = w.realm and t.account_id = w.account_id and t.counted_as = w.counted_as
  and t.source_id = w.source_id
"""
# Plan: the program's members along accounts_by_tier_plan. Asked only to change the tiers of a program.
TIER_HOLDERS = """
select tier, count(*)::int8 from accounts
where realm = $1 and program_id = $2 and status <> 'merged' and tier is not null group by tier
"""
# What was ever earned, less what was taken back. Plan: the account's entries, each lot by its key.
PAST_POINTS = """
select l.id, l.available_at, l.points - l.reversed_points
from entries e join lots l on l.realm = e.realm and l.id = e.id and l.bucket = e.bucket
where e.realm = $1 and e.account_id = any($2) and e.kind in ('award', 'adjustment')
  and l.pending_points = 0 and l.points > l.reversed_points
"""
PAST_PAYMENTS = f"select {TABLES[Payment].select_list} from payments t where t.realm = $1 and t.customer_id = any($2)"
PAST_REFUNDS = f"""
select {TABLES[Refund].select_list} from refunds t
where t.realm = $1 and t.payment_id = any($2) and t.canceled_at is null
"""
_MONTH = timedelta(days=31)
_YEAR = timedelta(days=366)
_MARGIN = timedelta(days=3)


def counted_since(policy: TierPolicy, first: datetime) -> datetime:
    """From when on credits may still matter, if `first` is the first instant at which they are judged.

    What confirms a tier lies within a window of that, and each of these counts what lies within one more.
    """
    window = _MONTH * (policy.months or 0) if policy.window == "rolling_months" else _YEAR
    reach = 2 * window + _MARGIN
    return first - reach if first - FIRST_INSTANT > reach else FIRST_INSTANT


async def read_credits(connection: Any, layers: Mapping[int, Layer], now_of: Callable[[int, str], datetime]) -> None:
    """The layers hold the credits of their accounts that may still matter. `now_of`: a realm's program's time."""
    wanted = []
    for realm, layer in layers.items():
        for account in layer.written(Account):
            program = layer.get(Program, account.program_id)
            plans = program.tier_plans_since(account.tier_revision) if program is not None else ()
            policies = dict.fromkeys(plan.policy for plan in plans if plan.policy.counts_windows)
            if not policies:
                continue
            judged_at = first_instant(layer, account, now_of(realm, account.program_id))
            first = min([judged_at, *(plan.since for plan in plans[1:])])
            wanted += [
                (realm, account.bucket, account.id, policy.counted_as, counted_since(policy, first))
                for policy in policies
            ]
    if wanted:
        columns = [list(column) for column in zip(*wanted, strict=True)]
        _put(layers, rows_of(TABLES[TierCredit], await connection.fetch(CREDITS, *columns)))


async def count_tier_holders(connection: Any, realm: int, program_id: str) -> dict[str, int]:
    """How many members of the program hold each tier."""
    return dict(await connection.fetch(TIER_HOLDERS, realm, program_id))


async def read_past_credits(connection: Any, layers: Mapping[int, Layer]) -> None:
    """The layers hold what the history of accounts counts by a policy that they do not follow yet."""
    for realm, layer in layers.items():
        for account in list(layer.written(Account)):
            program = layer.get(Program, account.program_id)
            if program is None or not is_behind_plan(account, program):
                continue
            policy, followed = program.tier_policy, program.tier_plans_since(account.tier_revision)[0].policy
            if policy.counted_as is None or policy.noted_as == followed.noted_as:
                continue
            read = _past_points if policy.counts_points else _past_payments
            layer.put(PastCredits(account.id, tuple(await read(connection, realm, account, program))))
            # What was noted when it counted so before is changed, not added again.
            noted = [[realm], [account.bucket], [account.id], [policy.counted_as], [FIRST_INSTANT]]
            _put(layers, rows_of(TABLES[TierCredit], await connection.fetch(CREDITS, *noted)))


async def _past_points(connection: Any, realm: int, account: Account, program: Program) -> list[TierCredit]:
    ids = [buyer.account_id for buyer in account.buyers if buyer.account_id is not None]
    found = await connection.fetch(PAST_POINTS, realm, ids)
    return [_credit(account, program, lot_id, at, points) for lot_id, at, points in found]


async def _past_payments(connection: Any, realm: int, account: Account, program: Program) -> list[TierCredit]:
    """Payments that were linked to the account when they were reported: since it was there, or earned for since."""
    found = rows_of(TABLES[Payment], await connection.fetch(PAST_PAYMENTS, realm, list(account.customer_ids)))
    payments: list[Any] = [payment for _realm, payment in found if _was_linked(payment, account)]
    refunds: dict[str, list[Refund]] = {}
    refunded = [payment.id for payment in payments if payment.refund_count]
    if refunded:
        for _realm, refund in rows_of(TABLES[Refund], await connection.fetch(PAST_REFUNDS, realm, refunded)):
            assert isinstance(refund, Refund)
            refunds.setdefault(refund.payment_id, []).append(refund)
    counted = [(payment, counted_amount(payment, refunds.get(payment.id, ()), program)) for payment in payments]
    return [
        _credit(account, program, payment.id, payment.occurred_at, amount)
        for payment, amount in counted
        if amount is not None
    ]


def _credit(account: Account, program: Program, source_id: str, at: datetime, amount: Exact) -> TierCredit:
    counted_as = program.tier_policy.counted_as
    assert counted_as is not None, "lifetime points are counted by the account"
    return TierCredit(account.bucket, account.id, counted_as, source_id, at, str(amount))


def _was_linked(payment: Any, account: Account) -> bool:
    owners = [buyer.account_id for buyer in account.buyers]
    if payment.account_id is not None:
        return payment.account_id in owners
    return payment.created_at >= account.created_at or any(earning.account_id in owners for earning in payment.earnings)


async def read_named_credits(connection: Any, layers: Mapping[int, Layer], named: Collection[tuple[Any, ...]]) -> None:
    """The layers hold these credits (realm, account, what it counts as, source)."""
    if named:
        columns = [list(column) for column in zip(*named, strict=True)]
        _put(layers, rows_of(TABLES[TierCredit], await connection.fetch(NAMED_CREDITS, *columns)))


def _put(layers: Mapping[int, Layer], found: list[tuple[int, Any]]) -> None:
    for realm, row in found:
        layers[realm].put(row)
