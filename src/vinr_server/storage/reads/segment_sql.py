"""Conditions of a dynamic segment as SQL over all members: for sizes, and to find members who entered or left.

It never decides what a member may have: core's `unmet_in` does, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vinr_server.core.conditions.tree import Condition, Days, Predicate
from vinr_server.core.segments.conditions import SegmentConditions, tree_of
from vinr_server.storage.history.facts import is_purchase_sql
from vinr_server.storage.reads.scopes import end_of_lot_sql

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
_BALANCE = f"""(a.ledger_balance_points - a.held_points - case
  when a.next_expiry_at <= n.now or (a.inactive_at <= n.now and not a.is_inactive) then (
  select coalesce(sum(l.remaining_points - l.held_points), 0) from lots l
  where l.realm = a.realm and l.bucket = a.bucket and l.account_id = a.id and l.remaining_points > 0
    and {end_of_lot_sql("l", account="a")} <= n.now) else 0 end)"""

Bind = Callable[[Any], str]
_COMPARE: Mapping[str, str] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def where_of(conditions: SegmentConditions, bind: Bind) -> str:
    """The condition on `a` and `n` that is true for exactly the members; `bind` returns the place of an argument."""
    return _where(tree_of(conditions), bind)


def _where(condition: Condition, bind: Bind) -> str:
    parts = list(_of_predicate(condition.predicate, bind)) if condition.predicate is not None else []
    parts += [_where(part, bind) for part in condition.all_of]
    if condition.any_of:
        parts.append(" or ".join(f"({_where(part, bind)})" for part in condition.any_of))
    if condition.not_of is not None:
        parts.append(f"not coalesce(({_where(condition.not_of, bind)}), false)")
    return " and ".join(f"({part})" for part in parts) or "true"


def _of_predicate(asked: Predicate, bind: Bind) -> Iterator[str]:
    """All that the predicate asks. Expects one that is no contrary: those are asked of what they turn."""
    assert not asked.is_contrary, f"{asked.field} is asked as its contrary"
    name = asked.field
    if name == "tier":
        yield from _of_text("a.tier", asked, bind)
    elif name == "account.enrolled_at":
        yield from _compared("a.created_at", asked, bind, "timestamptz")
        if asked.within is not None:
            yield f"a.created_at > n.now - {_days(asked.within, bind)}"
    elif name == "account.days_since_enrolled":
        yield from _days_since("a.created_at", asked, bind)
    elif name.startswith("account.metadata."):
        yield from _of_metadata(name.removeprefix("account.metadata."), asked, bind)
    elif name == "balance":
        yield from _of_number(_BALANCE, asked, bind)
    elif name == "purchases.any":
        yield f"{'' if asked.equals else 'not '}{_of_purchases(lambda purchases: f'exists (select {purchases})')}"
    elif name == "purchases.days_since_last":
        newest_first = "order by y.occurred_at desc limit 1"
        yield from _days_since(
            _of_purchases(lambda purchases: f"(select y.occurred_at {purchases} {newest_first})"), asked, bind
        )
    elif name == "purchases.count":
        yield from _of_number(_counted(asked, bind), asked, bind)
    else:
        assert name == "purchases.spend", f"a segment can't ask about {name}"
        window = f"{_window(asked.days, bind)} and y.currency = {bind(asked.currency)}::text"
        total = "coalesce(sum(y.amount_minor - y.refunded_minor), 0)"
        yield from _of_number(_of_purchases(lambda purchases: f"(select {total} {purchases}{window})"), asked, bind)


def _counted(asked: Predicate, bind: Bind) -> str:
    """How many purchases there are; none are counted beyond what the predicate can distinguish."""
    known = [bound for bound in (asked.gt, asked.gte, asked.lt, asked.lte, *asked.values) if isinstance(bound, int)]
    limit = f"{_window(asked.days, bind)} limit {bind(max(known, default=0) + 1)}::int8"
    return _of_purchases(lambda purchases: f"(select count(*) from (select {purchases}{limit}) as few)")


def _of_purchases(ask: Callable[[str], str]) -> str:
    """What is asked of a member's purchases: along the index of one customer, unless others were merged into it."""
    return f"(case when a.merged_from is null then {ask(_OWN)} else {ask(_MERGED)} end)"


def _window(days: Days, bind: Bind) -> str:
    return "" if days is None else f" and y.occurred_at > n.now - {_days(days, bind)}"


def _days(days: int, bind: Bind) -> str:
    """Days of 24 hours each: the length of a calendar day depends on the session's zone."""
    return f"make_interval(hours => {bind(days * 24)}::int4)"


def _days_since(instant: str, asked: Predicate, bind: Bind) -> Iterator[str]:
    """Whole days since an instant, which may be slightly in the future."""
    for least, most in _day_ranges(asked):
        yield " and ".join(_days_between(instant, least, most, bind)) or "true"
    if asked.values:
        ranges = (_days_between(instant, int(days), int(days), bind) for days in asked.values)
        yield " or ".join(f"({' and '.join(parts)})" for parts in ranges)


def _day_ranges(asked: Predicate) -> Iterator[tuple[int | None, int | None]]:
    """The bounds as whole days, both included."""
    for name, by in (("gt", 1), ("gte", 0), ("lt", -1), ("lte", 0)):
        bound = getattr(asked, name)
        if bound is not None:
            yield (bound + by, None) if name in ("gt", "gte") else (None, bound + by)


def _days_between(instant: str, least: int | None, most: int | None, bind: Bind) -> Iterator[str]:
    if least is not None and least > 0:
        yield f"{instant} <= n.now - {_days(least, bind)}"
    elif least is not None:
        yield f"{instant} is not null"
    if most is not None:
        yield f"{instant} > n.now - {_days(most + 1, bind)}" if most >= 0 else "false"


def _of_number(value: str, asked: Predicate, bind: Bind) -> Iterator[str]:
    yield from _compared(value, asked, bind, "int8")
    if asked.values:
        yield f"{value} = any({bind(list(asked.values))}::int8[])"


def _of_text(value: str, asked: Predicate, bind: Bind) -> Iterator[str]:
    if asked.values:
        yield f"{value} = any({bind(list(asked.values))}::text[])"
    if asked.exists is not None:
        yield f"{value} is {'not ' if asked.exists else ''}null"


def _compared(value: str, asked: Predicate, bind: Bind, type_name: str) -> Iterator[str]:
    for name, sign in _COMPARE.items():
        bound = getattr(asked, name)
        if bound is not None:
            yield f"{value} {sign} {bind(bound)}::{type_name}"


def _of_metadata(key: str, asked: Predicate, bind: Bind) -> Iterator[str]:
    name = f"{bind(key)}::text"
    if asked.values:
        yield " or ".join(f"({_equal(name, value, bind)})" for value in asked.values)
    if asked.exists is not None:
        yield f"a.metadata -> {name} is {'not ' if asked.exists else ''}null"
    number = f"(case when json_typeof(a.metadata -> {name}) = 'number' then (a.metadata ->> {name})::numeric end)"
    yield from _compared(number, asked, bind, "int8")


def _equal(name: str, value: Any, bind: Bind) -> str:
    kind = {bool: "boolean", int: "number", str: "string"}[type(value)]
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"json_typeof(a.metadata -> {name}) = '{kind}' and a.metadata ->> {name} = {bind(shown)}::text"
