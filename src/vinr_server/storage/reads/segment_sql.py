"""Conditions of a dynamic segment as SQL over all members: for sizes, and to find members who entered or left.

It never decides what a member may have: core's `unmet_conditions` does, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vinr_server.core.segments.conditions import Bounds, Days, SegmentConditions
from vinr_server.storage.batch.history import is_purchase_sql

# `a` is the account and `n.now` its program's instant.
ACCOUNTS = """
from accounts a
join programs p on p.realm = a.realm and p.id = a.program_id
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
cross join lateral (select coalesce(c.frozen_at, $2) as now) as n
"""
MEMBERS = f"{ACCOUNTS} where a.realm = $1 and a.status = 'active'"
_OWN = f"""from payments y where y.realm = a.realm and y.customer_id = a.customer_id
  and {is_purchase_sql("y", account="a.id")}"""
# Those of the customers that were merged into the account's count as well.
_MERGED = f"""from (
    select a.customer_id as customer, a.id as account
    union all select b ->> 'customer_id', b ->> 'account_id' from json_array_elements(a.merged_from) as b) as buyer
  join payments y on y.realm = a.realm and y.customer_id = buyer.customer
    and {is_purchase_sql("y", account="buyer.account")} where true"""
_BALANCE = """(a.ledger_balance_points - case when a.next_expiry_at <= n.now then (
  select coalesce(sum(l.remaining_points), 0) from lots l
  where l.realm = a.realm and l.bucket = a.bucket and l.account_id = a.id and l.remaining_points > 0
    and l.expires_at <= n.now) else 0 end)"""

Bind = Callable[[Any], str]


def where_of(conditions: SegmentConditions, bind: Bind) -> str:
    """The condition on `a` and `n` that is true for exactly the members; `bind` returns the place of an argument."""
    return " and ".join(f"({condition})" for condition in _conditions(conditions, bind)) or "true"


def _conditions(conditions: SegmentConditions, bind: Bind) -> Iterator[str]:
    yield from _purchases(conditions, bind)
    if conditions.tiers:
        yield f"a.tier = any({bind(list(conditions.tiers))}::text[])"
    if conditions.balance is not None:
        yield from _between(_BALANCE, conditions.balance, bind)
    for key, value in (conditions.metadata or {}).items():
        yield _equal(key, value, bind)
    if conditions.enrolled_before is not None:
        yield f"a.created_at < {bind(conditions.enrolled_before)}::timestamptz"
    if conditions.enrolled_after is not None:
        yield f"a.created_at >= {bind(conditions.enrolled_after)}::timestamptz"
    if conditions.days_since_enrolled is not None:
        yield from _days_since("a.created_at", conditions.days_since_enrolled, bind)
    for part in conditions.all_of:
        yield where_of(part, bind)
    if conditions.any_of:
        yield " or ".join(f"({where_of(part, bind)})" for part in conditions.any_of)


def _purchases(conditions: SegmentConditions, bind: Bind) -> Iterator[str]:
    if conditions.never_purchased is not None:
        has_purchased = _of_purchases(lambda purchases: f"exists (select {purchases})")
        yield f"{'not ' if conditions.never_purchased else ''}{has_purchased}"
    if conditions.days_since_last_purchase is not None:
        newest_first = "order by y.occurred_at desc limit 1"
        last = _of_purchases(lambda purchases: f"(select y.occurred_at {purchases} {newest_first})")
        yield from _days_since(last, conditions.days_since_last_purchase, bind)
    if conditions.payments is not None:
        bounds, window = conditions.payments.bounds, _window(conditions.payments.days, bind)
        # No purchases are counted beyond what the bounds can distinguish.
        most = (bounds.at_least or 0) if bounds.at_most is None else bounds.at_most + 1
        limit = f"{window} limit {bind(most)}::int8"
        counted = _of_purchases(lambda purchases: f"(select count(*) from (select {purchases}{limit}) as few)")
        yield from _between(counted, bounds, bind)
    if conditions.spend is not None:
        spend = conditions.spend
        window = f"{_window(spend.days, bind)} and y.currency = {bind(spend.currency)}::text"
        total = "coalesce(sum(y.amount_minor - y.refunded_minor), 0)"
        spent = _of_purchases(lambda purchases: f"(select {total} {purchases}{window})")
        yield from _between(spent, spend.bounds, bind)


def _of_purchases(ask: Callable[[str], str]) -> str:
    """What is asked of a member's purchases: along the index of one customer, unless others were merged into it."""
    return f"(case when a.merged_from is null then {ask(_OWN)} else {ask(_MERGED)} end)"


def _window(days: Days, bind: Bind) -> str:
    return "" if days is None else f" and y.occurred_at > n.now - {_days(days, bind)}"


def _days(days: int, bind: Bind) -> str:
    """Days of 24 hours each: the length of a calendar day depends on the session's zone."""
    return f"make_interval(hours => {bind(days * 24)}::int4)"


def _days_since(instant: str, bounds: Bounds, bind: Bind) -> Iterator[str]:
    """Whole days since an instant, which may be slightly in the future."""
    if bounds.at_least:
        yield f"{instant} <= n.now - {_days(bounds.at_least, bind)}"
    elif bounds.at_least == 0:
        yield f"{instant} is not null"
    if bounds.at_most is not None:
        yield f"{instant} > n.now - {_days(bounds.at_most + 1, bind)}"


def _between(value: str, bounds: Bounds, bind: Bind) -> Iterator[str]:
    if bounds.at_least is not None:
        yield f"{value} >= {bind(bounds.at_least)}::int8"
    if bounds.at_most is not None:
        yield f"{value} <= {bind(bounds.at_most)}::int8"


def _equal(key: str, value: Any, bind: Bind) -> str:
    kind = {bool: "boolean", int: "number", str: "string"}[type(value)]
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    name = f"{bind(key)}::text"
    return f"json_typeof(a.metadata -> {name}) = '{kind}' and a.metadata ->> {name} = {bind(shown)}::text"
