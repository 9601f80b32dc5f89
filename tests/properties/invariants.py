"""What must always hold of the tables, as queries that return the rows that break it.

Plain SQL on the tables, of the tests' own; `%(realms)s` are the realms at hand. R3's order is spelled out each time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from databases import Database

R3 = "(coalesce({0}.expires_at, 'infinity'), {0}.available_at, {0}.sequence)"

# Entries of members in whose lots nothing ever waited: of the others, no entry says what was free at its time.
PLAIN = """not exists (
  select from lots w where w.realm = e.realm and w.account_id = e.account_id
    and w.id in (select p.id from entries p where p.realm = w.realm and p.pending_points <> 0))
  and not exists (select from holds h where h.realm = e.realm and h.account_id = e.account_id)"""
# What is left of a lot once every entry up to a sequence is written.
LEFT_AFTER = """
({0}.points - coalesce((select sum(x.points) from lot_uses x join entries c on c.realm = x.realm and c.id = x.cause_id
  where x.realm = {0}.realm and x.lot_id = {0}.id and c.sequence <= {1}), 0))
"""

QUERIES = {
    "I1 the balance is the sum of the entries": """
select a.id, a.ledger_balance_points, coalesce(sum(e.points), 0) from accounts a
left join entries e on e.realm = a.realm and e.account_id = a.id
where a.realm = any(%(realms)s) group by a.realm, a.id, a.ledger_balance_points
having a.ledger_balance_points <> coalesce(sum(e.points), 0)""",
    "I1 each entry's balance is the sum of the entries up to it": """
select * from (select e.id, balance_after_points as shown, sum(points) over account as summed, sequence as number,
    row_number() over account as place
  from entries e where realm = any(%(realms)s) window account as (partition by realm, account_id order by sequence)) w
where shown <> summed or number <> place""",
    "I1 the account's sequence is its last entry's": """
select a.id, a.sequence, max(e.sequence) from accounts a
left join entries e on e.realm = a.realm and e.account_id = a.id
where a.realm = any(%(realms)s) group by a.realm, a.id, a.sequence having a.sequence <> coalesce(max(e.sequence), 0)""",
    "lifetime points are accruals less their reversals": """
select a.id, a.lifetime_points, coalesce(sum(e.points) filter (
    where e.kind in ('award', 'activation', 'reversal', 'reinstatement')
    or e.kind = 'adjustment' and e.points > 0), 0)
from accounts a left join entries e on e.realm = a.realm and e.account_id = a.id
where a.realm = any(%(realms)s) group by a.realm, a.id, a.lifetime_points
having a.lifetime_points <> coalesce(sum(e.points) filter (
    where e.kind in ('award', 'activation', 'reversal', 'reinstatement')
    or e.kind = 'adjustment' and e.points > 0), 0)""",
    "I2 what remains of the lots is the balance, or nothing": """
select a.id, a.ledger_balance_points, (select coalesce(sum(remaining_points), 0) from lots l
    where l.realm = a.realm and l.account_id = a.id) as remaining
from accounts a where a.realm = any(%(realms)s) and greatest(a.ledger_balance_points - a.held_points, 0) <>
  (select coalesce(sum(remaining_points - held_points), 0) from lots l
    where l.realm = a.realm and l.account_id = a.id)""",
    "R10, R11 what waits in an account waits in its lots, and reversals of what waits have no points": """
select a.id, a.pending_points, a.held_points from accounts a where a.realm = any(%(realms)s)
and (a.pending_points, a.held_points) <> (select coalesce(sum(pending_points), 0), coalesce(sum(held_points), 0)
  from lots l where l.realm = a.realm and l.account_id = a.id)
union all
select e.id, e.pending_points, e.points from entries e where e.realm = any(%(realms)s)
and e.pending_points <> 0 and e.points <> 0 and e.kind <> 'activation'""",
    "R11 a redemption that is held has its points reserved": """
select r.id, r.status, h.ended_at::text from redemptions r left join holds h on h.realm = r.realm and h.id = r.id
where r.realm = any(%(realms)s) and ((h.id is null) <> (r.held_points = 0)
  or (r.status = 'authorized') <> (h.id is not null and h.ended_at is null))""",
    "I2 what is owed is the balance below nothing": """
select a.id, a.ledger_balance_points from accounts a where a.realm = any(%(realms)s)
and greatest(a.held_points - a.ledger_balance_points, 0) <>
  (select coalesce(sum(remaining_points), 0) from deficits d where d.realm = a.realm and d.account_id = a.id)""",
    "I2 every debit is the sum of its uses and what is unpaid": """
select e.id, e.kind, e.points, u.used, d.remaining_points from entries e
left join lateral (select coalesce(sum(points), 0) as used from lot_uses u
  where u.realm = e.realm and u.entry_id = e.id) u on true
left join deficits d on d.realm = e.realm and d.entry_id = e.id
where e.realm = any(%(realms)s)
  and (e.points + e.pending_points < 0 or e.kind in ('redemption_cancellation', 'reinstatement'))
  and -e.points - e.pending_points <> u.used + coalesce(d.remaining_points, 0)""",
    "I2 an accrual has its lot, and no uses": """
select e.id, e.kind from entries e
left join lots l on l.realm = e.realm and l.id = e.id and l.points = e.points + e.pending_points
where e.realm = any(%(realms)s)
  and (l.id is not null) <> (e.points + e.pending_points > 0 and e.kind in ('award', 'adjustment'))""",
    "I2 a lot's points remain or are used": """
select l.id, l.points, l.remaining_points, coalesce(sum(u.points), 0) from lots l
left join lot_uses u on u.realm = l.realm and u.lot_id = l.id
where l.realm = any(%(realms)s) group by l.realm, l.id, l.points, l.remaining_points, l.pending_points
having l.points <> l.remaining_points + l.pending_points + coalesce(sum(u.points), 0)""",
    "I2 expired and reversed points of a lot are its expiries and its clawbacks": """
select l.id, l.expired_points, l.reversed_points from lots l where l.realm = any(%(realms)s) and (
  l.expired_points <> (select coalesce(sum(u.points), 0) from lot_uses u
    join entries e on e.realm = u.realm and e.id = u.entry_id
    where u.realm = l.realm and u.lot_id = l.id and e.kind = 'expiry')
  or l.reversed_points <> (select coalesce(-sum(e.points + e.pending_points), 0) from entries e
    where e.realm = l.realm and e.reverses_id = l.id and e.kind = 'reversal')
    - (select coalesce(sum(b.points + b.pending_points), 0) from entries b
    join entries r on r.realm = b.realm and r.id = b.reverses_id
    where b.realm = l.realm and r.reverses_id = l.id and b.kind = 'reinstatement'))""",
    "R3 a debit leaves nothing in a lot that comes before one it used": f"""
select e.id, e.kind, used.id as used, earlier.id as earlier from entries e
join lot_uses u on u.realm = e.realm and u.entry_id = e.id and u.cause_id = e.id and u.points > 0
join lots used on used.realm = u.realm and used.id = u.lot_id
join lots earlier on earlier.realm = e.realm and earlier.account_id = e.account_id and earlier.sequence < e.sequence
  and {R3.format("earlier")} < {R3.format("used")} and coalesce(earlier.expires_at, 'infinity') > e.created_at
where e.realm = any(%(realms)s) and e.kind in ('redemption', 'adjustment', 'reversal')
  and used.id is distinct from e.reverses_id
  and {PLAIN} and {LEFT_AFTER.format("earlier", "e.sequence")} > 0""",
    "R6 a clawback takes its own lot first": f"""
select e.id from entries e join lots own on own.realm = e.realm and own.id = e.reverses_id
join lot_uses u on u.realm = e.realm and u.entry_id = e.id and u.lot_id <> own.id and u.cause_id = e.id
where e.realm = any(%(realms)s) and e.kind = 'reversal' and {PLAIN}
  and {LEFT_AFTER.format("own", "e.sequence")} > 0""",
    "R6 a clawback takes no more than has neither expired nor been clawed back": """
select e.id, e.points, own.points from entries e join lots own on own.realm = e.realm and own.id = e.reverses_id
where e.realm = any(%(realms)s) and e.kind = 'reversal' and
  own.points < (select -sum(r.points + r.pending_points) from entries r
      where r.realm = e.realm and r.reverses_id = own.id and r.kind = 'reversal' and r.sequence <= e.sequence)
    - (select coalesce(sum(b.points + b.pending_points), 0) from entries b
      join entries r on r.realm = b.realm and r.id = b.reverses_id
      where b.realm = e.realm and r.reverses_id = own.id and b.kind = 'reinstatement' and b.sequence < e.sequence)
    + (select coalesce(sum(u.points), 0) from lot_uses u join entries x on x.realm = u.realm and x.id = u.entry_id
      where u.realm = e.realm and u.lot_id = own.id and x.kind = 'expiry' and x.sequence < e.sequence)""",
    "R2 nothing is spent before it is available or after it is over": """
select e.id, l.id, l.available_at, l.expires_at, e.created_at from entries e
join lot_uses u on u.realm = e.realm and u.entry_id = e.id and u.cause_id = e.id and u.points > 0
join lots l on l.realm = u.realm and l.id = u.lot_id
where e.realm = any(%(realms)s) and e.kind in ('redemption', 'adjustment', 'reversal') and e.pending_points = 0
  and (l.available_at > e.created_at or (l.expires_at <= e.created_at and e.receipt ->> 'held' is null))""",
    "R4 nothing expires before its instant": """
select e.id, l.expires_at, e.created_at from entries e join lots l on l.realm = e.realm and l.id = e.source_id
where e.realm = any(%(realms)s) and e.kind = 'expiry' and not l.by_inactivity
  and (l.expires_at > e.created_at or l.expires_at is null)""",
    "R84 whoever looks for who is inactive finds it": """
select l.id, a.id, a.inactive_at from accounts a join lots l on l.realm = a.realm and l.account_id = a.id
where a.realm = any(%(realms)s) and l.by_inactivity and l.remaining_points > l.held_points
  and (a.inactive_at is null or a.is_inactive)""",
    "R4 whoever looks for what is over finds it": """
select a.id, a.next_expiry_at, min(l.expires_at) from accounts a
join lots l on l.realm = a.realm and l.account_id = a.id
where a.realm = any(%(realms)s) and l.remaining_points > l.held_points and l.expires_at is not null
group by a.realm, a.id, a.next_expiry_at having coalesce(a.next_expiry_at, 'infinity') > min(l.expires_at)""",
    "R5 a cancellation returns what its redemption took": """
select r.id from redemptions r where r.realm = any(%(realms)s) and r.status = 'canceled' and exists (
  select lot_id from lot_uses u where u.realm = r.realm and u.entry_id in (r.entry_id, r.cancellation_id)
  group by lot_id having sum(points) <> 0)""",
    "R5 a redemption and its entry name each other": """
select r.id from redemptions r
left join entries e on e.realm = r.realm and e.id = r.entry_id and e.kind = 'redemption' and e.points = -r.points_spent
left join entries c on c.realm = r.realm and c.id = r.cancellation_id and c.reverses_id = r.entry_id
  and c.points = r.points_spent
where r.realm = any(%(realms)s) and case
  when r.points_spent = 0 then r.entry_id is not null or r.cancellation_id is not null
  else e.id is null or (r.status = 'canceled') <> (c.id is not null) end""",
    "I4 a balance falls below nothing by a reversal only": """
select e.id, e.kind from entries e where e.realm = any(%(realms)s)
  and e.balance_after_points < 0 and e.points < 0 and e.kind <> 'reversal' and e.receipt ->> 'held' is null""",
    "I5 a key and what it did were written by one transaction": """
select k.key, k.operation from idempotency_keys k left join events e on e.realm = k.realm and e.id = k.event_id
where k.realm = any(%(realms)s) and k.event_id is not null and (e.id is null or e.xmin <> k.xmin)""",
    "I5 a key did one thing once": """
select k.key, k.operation, e.type, twin.request_id from idempotency_keys k
join events e on e.realm = k.realm and e.id = k.event_id
join events twin on twin.realm = e.realm and twin.idempotency_key = k.key and twin.type = e.type
where k.realm = any(%(realms)s) and twin.request_id <> e.request_id and twin.request_id not in (
  select v.request_id from idempotency_keys o join events v on v.realm = o.realm and v.id = o.event_id
  where o.realm = k.realm and o.key = k.key and o.operation <> k.operation)""",
    "I5 an entry and its event were written by one transaction": """
select e.id, e.kind from entries e where e.realm = any(%(realms)s) and not exists (
  select from events v where v.realm = e.realm and v.account_id = e.account_id and v.xmin = e.xmin)""",
    "I6 every movement is told once": """
select e.id, count(v.id) from entries e
left join events v on v.realm = e.realm and v.data ->> 'id' = e.id and v.data ->> 'object' = 'points_transaction'
where e.realm = any(%(realms)s)
  and e.kind in ('award', 'activation', 'adjustment', 'reversal', 'reinstatement', 'expiry')
group by e.realm, e.id having count(v.id) <> 1""",
    "I8 the reversals of an award are no more than the award": """
select a.id, a.points, sum(r.points) from entries a
join entries r on r.realm = a.realm and r.reverses_id = a.id and r.kind = 'reversal'
where a.realm = any(%(realms)s) group by a.realm, a.id, a.points, a.pending_points
having a.points + a.pending_points + sum(r.points + r.pending_points)
  + (select coalesce(sum(b.points + b.pending_points), 0) from entries b
  join entries r on r.realm = b.realm and r.id = b.reverses_id
  where b.realm = a.realm and r.reverses_id = a.id and b.kind = 'reinstatement') < 0""",
    "R7 the refunds of a payment are no more than the payment": """
select p.id from payments p left join refunds f on f.realm = p.realm and f.payment_id = p.id and f.canceled_at is null
where p.realm = any(%(realms)s) group by p.realm, p.id, p.amount_minor, p.refunded_minor, p.refund_count
having p.refunded_minor <> coalesce(sum(f.amount_minor), 0) or p.refund_count <> count(f.id)
  or coalesce(sum(f.amount_minor), 0) > p.amount_minor""",
    "R7 a refund's points are its reversals": """
select f.id, f.points_reversed from refunds f where f.realm = any(%(realms)s) and f.points_reversed <>
  (select coalesce(-sum(e.points + e.pending_points), 0) from entries e
    where e.realm = f.realm and e.source_type = 'refund' and e.source_id = f.id and e.kind = 'reversal')""",
    # A stock may be lowered below what is redeemed, so these two hold of rewards that were never edited.
    "R15 no more redemptions than the stock": """
select w.id, w.stock, count(*) from rewards w
join redemptions r on r.realm = w.realm and r.reward_id = w.id and r.status in ('confirmed', 'authorized')
where w.realm = any(%(realms)s) and w.revision = 1 group by w.realm, w.id, w.stock having count(*) > w.stock""",
    "R15 no more redemptions of a member than the limit": """
select w.id, r.account_id, w.per_member_limit, count(*) from rewards w
join redemptions r on r.realm = w.realm and r.reward_id = w.id and r.status in ('confirmed', 'authorized')
where w.realm = any(%(realms)s) and w.revision = 1 group by w.realm, w.id, r.account_id, w.per_member_limit
having count(*) > w.per_member_limit""",
    "R15 a counter counts the redemptions of its cap": """
select c.id, c.used from counters c where c.realm = any(%(realms)s) and c.id like 'reward:%%' and c.used <> (
  select count(*) from redemptions r where r.realm = c.realm and r.status in ('confirmed', 'authorized')
    and (c.id = 'reward:' || r.reward_id or c.id = 'reward:' || r.account_id || ':' || r.reward_id))""",
    "R15 an offer's counter counts its redemptions": """
select c.id, c.used from counters c where c.realm = any(%(realms)s) and c.id like 'offer:%%' and c.used <> (
  select count(*) from offer_redemptions r
  join offers o on o.realm = r.realm and o.id = r.offer_id
  left join accounts a on a.realm = r.realm and a.id = r.account_id
  where r.realm = c.realm
    and (c.id = 'offer:' || r.offer_id and r.status in ('confirmed', 'refunded')
      or c.id = 'offer:' || case when o.program_id is null then a.customer_id else a.id end || ':' || r.offer_id
        and r.status = 'confirmed'))""",
    "R5 a discount is void exactly when its redemption is cancelled": """
select d.id, d.status, r.status from discounts d join redemptions r on r.realm = d.realm and r.discount_id = d.id
where d.realm = any(%(realms)s) and (d.status = 'void') <> (r.status in ('canceled', 'expired'))""",
    "the legs of an entry sum to nothing": """
select entry_id, sum(points) from postings where realm = any(%(realms)s)
group by realm, entry_id having sum(points) <> 0 or count(*) < 2""",
    "R9 an award names a revision that there is": """
select e.id from entries e left join earning_rule_revisions r
  on r.realm = e.realm and r.rule_id = e.rule_id and r.revision = e.rule_revision
where e.realm = any(%(realms)s) and e.rule_id is not null and r.rule_id is null""",
    "a member's rows share its bucket": """
select e.id from entries e join accounts a on a.realm = e.realm and a.id = e.account_id
where e.realm = any(%(realms)s) and e.bucket <> a.bucket""",
}

# I12: whatever holds a number of points or of money holds whole ones. What a merchant reports is kept as it came.
FRACTIONAL_COLUMNS = """
select table_name, column_name, data_type from information_schema.columns
where table_schema = 'public' and data_type in ('numeric', 'real', 'double precision', 'money')
"""
NUMBERS = """
select 'receipt', receipt::text from entries where realm = any(%(realms)s)
union all select 'event', data::text from events where realm = any(%(realms)s) and outcome is null
union all select 'outcome', outcome::text from events where realm = any(%(realms)s) and outcome is not null
union all select 'outcome', outcome::text from payments where realm = any(%(realms)s)
"""


def violations(database: Database, realms: Sequence[int]) -> dict[str, list[Any]]:
    """Every law that does not hold in these realms, with the rows that break it."""
    broken: dict[str, list[Any]] = {}
    for law, query in QUERIES.items():
        found = database.reads.execute(query.encode(), {"realms": list(realms)}).fetchall()
        if found:
            broken[law] = found
    fractional = database.reads.execute(FRACTIONAL_COLUMNS).fetchall()
    for what, text in database.reads.execute(NUMBERS, {"realms": list(realms)}):
        json.loads(text, parse_float=lambda number, at=(what, text): fractional.append((*at, number)))
    return broken | ({"I12 whole numbers only": fractional} if fractional else {})
