"""What a merchant owes in store credit at an instant: by currency, by origin, and by when it ends (R27)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from vinr_server.core.kernel.calendar import end_of_month, local_day
from vinr_server.storage.reads.reader import Reader

# Every movement of every lot of credit up to the instant, by its kind; and what is left of each lot then, with what of
# it was held and what was over: that counts as expired, whenever its expiry was written. What is left is summed by
# the quarter of an hour in which it ends, since every zone's months do. Plan: the wallets of the realm, for each a
# range of its entries, then uses and lots by their keys, and holds by holds_of_credit.
LIABILITY = """
with w as (
  select w.realm, w.bucket, w.id, w.currency, coalesce($2, c.frozen_at, $3) as as_of
  from wallets w left join test_clocks c on c.realm = w.realm and c.id = w.clock_id
  where w.realm = $1 and ($4::text is null or w.currency = $4)),
e as (
  select w.currency, w.as_of, e.realm, e.bucket, e.id, e.kind
  from w join entries e on e.realm = w.realm and e.account_id = w.id and e.bucket = w.bucket
  where e.created_at <= w.as_of),
moved as (
  select e.currency, e.as_of, l.id, l.origin, l.expires_at, e.kind, l.points
  from e join lots l on l.realm = e.realm and l.id = e.id and l.bucket = e.bucket
  union all
  select e.currency, e.as_of, l.id, l.origin, l.expires_at, e.kind, -u.points
  from e join lot_uses u on u.realm = e.realm and u.entry_id = e.id and u.bucket = e.bucket
  join lots l on l.realm = u.realm and l.id = u.lot_id and l.bucket = u.bucket),
held as (
  select lot.value ->> 'lot_id' as id, sum((lot.value ->> 'points')::int8) as points
  from w join holds h on h.realm = w.realm and h.account_id = w.id and h.bucket = w.bucket and h.account_id < 'crd`'
  cross join json_array_elements(h.lots) as lot
  where h.created_at <= w.as_of and least(h.ended_at, h.expires_at) > w.as_of group by 1),
lot as (
  select m.currency, m.origin, m.expires_at, sum(m.points) as points, coalesce(max(h.points), 0) as held,
    coalesce(m.expires_at <= m.as_of, false) as is_over
  from moved m left join held h on h.id = m.id group by m.id, m.currency, m.origin, m.expires_at, m.as_of)
select currency, coalesce(origin, 'adjustment') as origin, kind, null::timestamptz as ends_at,
  sum(points)::int8 as amount, 0::int8 as held, 0::int8 as overdue
from moved group by 1, 2, 3
union all
select currency, coalesce(origin, 'adjustment'), 'left',
  date_bin('15 minutes', expires_at - interval '1 microsecond', timestamptz '2000-01-01Z'),
  sum(case when is_over then held else points end)::int8, sum(held)::int8,
  sum(case when is_over then points - held else 0 end)::int8
from lot where points <> 0 or held <> 0 group by 1, 2, 4
"""
# The figure that each kind of entry adds to, and how. (What a merge moves adds up to nothing.)
FIGURES = {
    "grant": ("granted", 1),
    "return": ("returned", 1),
    "spend": ("spent", -1),
    "reversal": ("reversed", -1),
    "expiry": ("expired", -1),
    "adjustment": ("adjusted", 1),
}


@dataclass(slots=True)
class Liability:
    """The store credit of a currency as of an instant, in minor units.

    granted + returned - spent - reversed - expired + adjusted == outstanding == sum of `origins` == sum of `ends`.
    `ends`: what ends by the first instant after a month in the tenant's zone; None: never.
    """

    currency: str
    granted: int = 0
    returned: int = 0
    spent: int = 0
    reversed: int = 0
    expired: int = 0
    adjusted: int = 0
    outstanding: int = 0
    held: int = 0
    origins: dict[str, int] = field(default_factory=dict)
    ends: dict[datetime | None, int] = field(default_factory=dict)


async def liabilities(
    reader: Reader, realm: int, now: datetime, *, as_of: datetime | None, currency: str | None
) -> list[Liability]:
    """The liability of each currency with store credit, by its code. `as_of` None: each wallet's current time."""
    zone = await reader.zone_of_tenant(realm)
    async with reader.snapshot() as connection:
        records = await connection.fetch(LIABILITY, realm, as_of, now, currency)
    found: dict[str, Liability] = {}
    for record in records:
        liability = found.setdefault(record["currency"], Liability(record["currency"]))
        kind, amount = record["kind"], record["amount"]
        if kind in FIGURES:
            name, sign = FIGURES[kind]
            setattr(liability, name, getattr(liability, name) + sign * amount)
        if kind == "left":
            _add_left(liability, record["origin"], record["ends_at"], amount, zone)
            liability.held += record["held"]
            liability.expired += record["overdue"]
    return [found[code] for code in sorted(found)]


def _add_left(liability: Liability, origin: str, ends_at: datetime | None, amount: int, zone: str) -> None:
    if amount == 0:
        return
    until = None if ends_at is None else end_of_month(local_day(ends_at, zone), zone)
    liability.outstanding += amount
    liability.origins[origin] = liability.origins.get(origin, 0) + amount
    liability.ends[until] = liability.ends.get(until, 0) + amount
