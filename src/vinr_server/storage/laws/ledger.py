"""The laws of the ledger's tables, each as a query that returns the rows that break it.

Shape: every query returns (realm, account, row, expected, found): whose row disagrees, the value the ledger requires,
and the value in the table. The numbers are those of the invariants: I1 balances, I2 lots, I3 caps, I4 what may fall
below 0, I5 kept answers, I6 events, I8 reversals, I9 append-only. Each query reads its tables once and joins by
hashing, so PostgreSQL bounds its memory (work_mem, then files), whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from vinr_server.storage.campaigns.laws import CAMPAIGNS
from vinr_server.storage.laws.caps import CAPS
from vinr_server.storage.laws.checkout import CHECKOUTS
from vinr_server.storage.laws.codes import CODES
from vinr_server.storage.laws.credit import CREDIT, HOLDERS
from vinr_server.storage.laws.members.merges import MERGES
from vinr_server.storage.laws.members.segments import SEGMENTS, Law
from vinr_server.storage.laws.members.tiers import TIER_INSTANT, TIERS
from vinr_server.storage.laws.offers import OFFERS
from vinr_server.storage.laws.payments import PAYMENTS
from vinr_server.storage.laws.referrals import REFERRALS

BALANCES = {
    "I1 the ledger balance is the sum of the entries": f"""
select a.realm, a.id, a.id, coalesce(e.points, 0), a.ledger_balance_points
from {HOLDERS} a left join (select realm, account_id, sum(points) as points from entries group by 1, 2) e
  on e.realm = a.realm and e.account_id = a.id
where a.ledger_balance_points <> coalesce(e.points, 0)""",
    "R10 what is pending is the sum of the entries, and waits in lots": """
select a.realm, a.id, a.id, concat_ws(', ', coalesce(e.points, 0), coalesce(l.points, 0)), a.pending_points::text
from accounts a
left join (select realm, account_id, sum(pending_points) as points from entries group by 1, 2) e
  on e.realm = a.realm and e.account_id = a.id
left join (select realm, account_id, sum(pending_points) as points from lots group by 1, 2) l
  on l.realm = a.realm and l.account_id = a.id
where (a.pending_points, a.pending_points) <> (coalesce(e.points, 0), coalesce(l.points, 0))""",
    "I1 an account's sequence is that of its last entry": f"""
select a.realm, a.id, a.id, coalesce(e.sequence, 0), a.sequence
from {HOLDERS} a left join (select realm, account_id, max(sequence) as sequence from entries group by 1, 2) e
  on e.realm = a.realm and e.account_id = a.id
where a.sequence <> coalesce(e.sequence, 0)""",
    "I1 the sequence has no gaps": """
select realm, account_id, id, previous + 1, sequence from (
  select realm, account_id, id, sequence,
    lag(sequence, 1, 0::int8) over (partition by realm, account_id order by sequence) as previous
  from entries) e
where sequence <> previous + 1""",
    "I1 balance_after follows from the entry before": """
select realm, account_id, id, previous + points, balance_after_points from (
  select realm, account_id, id, points, balance_after_points,
    lag(balance_after_points, 1, 0::int8) over (partition by realm, account_id order by sequence) as previous
  from entries) e
where balance_after_points <> previous + points""",
    # Those of merged accounts count for the one that acts for them, and stay with themselves as they were.
    "lifetime points are accruals less their reversals": """
select a.realm, a.id, a.id, coalesce(e.points, 0) + coalesce(o.lifetime_points, 0) + coalesce(m.points, 0),
  a.lifetime_points
from accounts a left join (
  select realm, account_id, sum(points) as points from entries
  where kind in ('award', 'activation', 'reversal', 'reinstatement') or (kind = 'adjustment' and points > 0)
  group by 1, 2) e
  on e.realm = a.realm and e.account_id = a.id
left join openings o on o.realm = a.realm and o.account_id = a.id
left join (
  select realm, merged_into, sum(lifetime_points) as points from accounts where merged_into is not null group by 1, 2) m
  on m.realm = a.realm and m.merged_into = a.id
where a.lifetime_points <> coalesce(e.points, 0) + coalesce(o.lifetime_points, 0) + coalesce(m.points, 0)""",
    "an opening is what its entries brought": """
select o.realm, o.account_id, o.account_id, o.points::text, coalesce(e.points, 0)::text
from openings o left join (
  select realm, account_id, sum(points) as points, min(sequence) as first from entries
  where source_type = 'import' group by 1, 2) e
  on e.realm = o.realm and e.account_id = o.account_id
where o.points <> coalesce(e.points, 0) or e.first <= o.sequence
union all
select e.realm, e.account_id, e.id, 'an opening', 'none'
from entries e left join openings o on o.realm = e.realm and o.account_id = e.account_id
where e.source_type = 'import' and o.account_id is null""",
    "an entry belongs to an account, in its bucket": f"""
select e.realm, e.account_id, e.id, 'account in bucket ' || e.bucket, coalesce('bucket ' || a.bucket, 'no account')
from entries e left join {HOLDERS} a on a.realm = e.realm and a.id = e.account_id
where a.bucket is distinct from e.bucket""",
    "I4 only a reversal, an imported debt or that of a merged member takes a balance below 0": """
select realm, account_id, id, 'reversal', kind from entries
where balance_after_points < 0 and points < 0 and kind not in ('reversal', 'transfer')
  and source_type is distinct from 'import' and not (kind = 'redemption' and receipt ->> 'held' is not null)""",
}

LOTS = {
    # Without holds: the lots' remaining points are the balance, or 0, and the points owed are the balance below 0.
    "I2 the lots' free points are what the balance has beyond its holds, or 0": f"""
select a.realm, a.id, a.id, greatest(a.ledger_balance_points - a.held_points, 0), coalesce(l.points, 0)
from {HOLDERS} a left join (
  select realm, account_id, sum(remaining_points - held_points) as points from lots group by 1, 2) l
  on l.realm = a.realm and l.account_id = a.id
where greatest(a.ledger_balance_points - a.held_points, 0) <> coalesce(l.points, 0)""",
    "I2 the points owed are what the balance lacks of its holds": f"""
select a.realm, a.id, a.id, greatest(a.held_points - a.ledger_balance_points, 0), coalesce(d.points, 0)
from {HOLDERS} a left join (select realm, account_id, sum(remaining_points) as points from deficits group by 1, 2) d
  on d.realm = a.realm and d.account_id = a.id
where greatest(a.held_points - a.ledger_balance_points, 0) <> coalesce(d.points, 0)""",
    "R11 what is held is reserved in lots, by holds in force": f"""
select a.realm, a.id, a.id, concat_ws(', ', coalesce(l.points, 0), coalesce(h.points, 0)), a.held_points::text
from {HOLDERS} a
left join (select realm, account_id, sum(held_points) as points from lots group by 1, 2) l
  on l.realm = a.realm and l.account_id = a.id
left join (
  select realm, account_id, sum((held ->> 'points')::int8) as points
  from holds, json_array_elements(lots) as held where ended_at is null group by 1, 2) h
  on h.realm = a.realm and h.account_id = a.id
where (a.held_points, a.held_points) <> (coalesce(l.points, 0), coalesce(h.points, 0))""",
    "R11 a lot is held by what holds reserve of it": """
select l.realm, l.account_id, l.id, coalesce(h.points, 0), l.held_points
from lots l left join (
  select realm, held ->> 'lot_id' as lot_id, sum((held ->> 'points')::int8) as points
  from holds, json_array_elements(lots) as held where ended_at is null group by 1, 2) h
  on h.realm = l.realm and h.lot_id = l.id
where l.held_points <> coalesce(h.points, 0)""",
    "R11 an authorized redemption has its hold, and no other has": """
select r.realm, r.account_id, r.id, case r.status when 'authorized' then r.held_points else 0 end::text,
  coalesce(h.points, 0)::text
from redemptions r left join (
  select realm, id, sum((held ->> 'points')::int8) as points
  from holds, json_array_elements(lots) as held where ended_at is null group by 1, 2) h
  on h.realm = r.realm and h.id = r.id
where case r.status when 'authorized' then r.held_points else 0 end <> coalesce(h.points, 0)""",
    "R24 an account is due when the first of what waits in it is": f"""
select a.realm, a.id, a.id, coalesce(w.at::text, 'never'), coalesce(a.due_at::text, 'never')
from {HOLDERS} a left join (
  select realm, account_id, min(at) as at from (
    select realm, account_id, available_at as at from lots where pending_points > 0
    union all select realm, account_id, expires_at from holds where ended_at is null
    union all select realm, id, {TIER_INSTANT} from accounts where standing is not null and status = 'active'
    ) waits group by 1, 2) w
  on w.realm = a.realm and w.account_id = a.id
where a.due_at is distinct from w.at""",
    "I2 a lot's remaining points are what its uses left": """
select l.realm, l.account_id, l.id, l.points - coalesce(u.points, 0), l.remaining_points + l.pending_points
from lots l left join (select realm, lot_id, sum(points) as points from lot_uses group by 1, 2) u
  on u.realm = l.realm and u.lot_id = l.id
where l.remaining_points + l.pending_points <> l.points - coalesce(u.points, 0)""",
    "I2 a debit is the sum of its uses and its unpaid deficit": """
select e.realm, e.account_id, e.id, -e.points - e.pending_points,
  coalesce(u.points, 0) + coalesce(d.remaining_points, 0)
from entries e
left join (select realm, entry_id, sum(points) as points from lot_uses group by 1, 2) u
  on u.realm = e.realm and u.entry_id = e.id
left join deficits d on d.realm = e.realm and d.entry_id = e.id
left join lots l on l.realm = e.realm and l.id = e.id and e.kind = 'return'
where (e.points + e.pending_points < 0 or e.kind in ('redemption_cancellation', 'reinstatement', 'return'))
  and coalesce(l.points, 0) - e.points - e.pending_points <> coalesce(u.points, 0) + coalesce(d.remaining_points, 0)""",
    "I2 a deficit is the part of its clawback that no lot paid": """
select e.realm, e.account_id, e.id, -e.points - e.pending_points - coalesce(u.points, 0), coalesce(d.points, 0)
from entries e
left join (select realm, entry_id, sum(points) as points from lot_uses where cause_id = entry_id group by 1, 2) u
  on u.realm = e.realm and u.entry_id = e.id
left join deficits d on d.realm = e.realm and d.entry_id = e.id
where (e.kind = 'reversal' or (e.points + e.pending_points < 0 and (e.kind = 'transfer' or e.source_type = 'import')))
  and coalesce(d.points, 0) <> -e.points - e.pending_points - coalesce(u.points, 0)""",
    "I2 an accrual has its lot": """
select e.realm, e.account_id, e.id,
  concat_ws(', ', e.account_id, e.sequence, e.points + e.pending_points, least(e.occurred_at, e.created_at)),
  coalesce(concat_ws(', ', l.account_id, l.sequence, l.points, l.available_at), 'no lot')
from entries e left join lots l on l.realm = e.realm and l.id = e.id
where e.kind in ('award', 'adjustment', 'transfer', 'grant') and e.points + e.pending_points > 0
  and ((e.account_id, e.sequence, e.points + e.pending_points) is distinct from (l.account_id, l.sequence, l.points)
    or l.available_at < least(e.occurred_at, e.created_at)
    or (l.available_at > least(e.occurred_at, e.created_at)
      and e.pending_points = 0 and e.receipt ->> 'pending_days' is null))""",
    "I2 a lot comes from an accrual, a deficit from a clawback or an imported debt": """
select l.realm, l.account_id, l.id, 'accrual', coalesce(e.kind, 'no entry')
from lots l left join entries e on e.realm = l.realm and e.id = l.id
where e.id is null or e.points + e.pending_points < 0
  or e.kind not in ('award', 'adjustment', 'transfer', 'grant', 'return')
union all
select d.realm, d.account_id, d.entry_id, concat_ws(', ', d.account_id, d.sequence, 'reversal or transfer'),
  coalesce(concat_ws(', ', e.account_id, e.sequence, e.kind), 'no entry')
from deficits d left join entries e on e.realm = d.realm and e.id = d.entry_id
where (d.account_id, d.sequence) is distinct from (e.account_id, e.sequence)
  or (e.kind not in ('reversal', 'transfer') and e.source_type is distinct from 'import')""",
    "I2 a lot use joins a debit, a lot and a cause of one account": """
select u.realm, l.account_id, u.entry_id || ' ' || u.lot_id,
  coalesce(l.account_id, 'a lot'), concat(coalesce(e.account_id, 'no entry'), ', ', coalesce(c.account_id, 'no cause'))
from lot_uses u
left join lots l on l.realm = u.realm and l.id = u.lot_id
left join entries e on e.realm = u.realm and e.id = u.entry_id
left join (
  select realm, id, account_id from entries
  union all select realm, id, account_id from holds) c
  on c.realm = u.realm and c.id = u.cause_id and c.account_id = l.account_id
where e.account_id is distinct from l.account_id or c.account_id is distinct from l.account_id or l.id is null""",
    "I2 a lot's expired points are its expiries": """
select l.realm, l.account_id, l.id, coalesce(x.points, 0), l.expired_points
from lots l left join (
  select realm, source_id, -sum(points) as points from entries where kind = 'expiry' group by 1, 2) x
  on x.realm = l.realm and x.source_id = l.id
where l.expired_points <> coalesce(x.points, 0)""",
    "I8 a lot's reversed points are its clawbacks": """
select l.realm, l.account_id, l.id, coalesce(r.points, 0), l.reversed_points
from lots l left join (
  select realm, award_id, -sum(points) as points from (
    select realm, reverses_id as award_id, points + pending_points as points from entries where kind = 'reversal'
    union all
    select b.realm, r.reverses_id, b.points + b.pending_points
    from entries b join entries r on r.realm = b.realm and r.id = b.reverses_id where b.kind = 'reinstatement') moved
  group by 1, 2) r
  on r.realm = l.realm and r.award_id = l.id
where l.reversed_points <> coalesce(r.points, 0)""",
    "I8 reinstatements of a clawback never exceed it": """
select e.realm, e.account_id, e.id, 'at most ' || -e.points - e.pending_points, b.points
from entries e join (
  select realm, reverses_id, sum(points + pending_points) as points from entries
  where kind = 'reinstatement' group by 1, 2) b
  on b.realm = e.realm and b.reverses_id = e.id
where e.kind <> 'reversal' or b.points > -e.points - e.pending_points""",
    "I8 reversals of an award never exceed it": """
select e.realm, e.account_id, e.id, 'at most ' || e.points + e.pending_points, r.points
from entries e join (
  select realm, reverses_id, -sum(points + pending_points) as points from entries
  where kind = 'reversal' group by 1, 2) r
  on r.realm = e.realm and r.reverses_id = e.id
left join (
  select r.realm, r.reverses_id, sum(b.points + b.pending_points) as points
  from entries b join entries r on r.realm = b.realm and r.id = b.reverses_id
  where b.kind = 'reinstatement' group by 1, 2) b on b.realm = e.realm and b.reverses_id = e.id
where r.points - coalesce(b.points, 0) > e.points + e.pending_points""",
    "next_expiry_at is the earliest expiry of the live lots": f"""
select a.realm, a.id, a.id, coalesce(l.expires_at::text, 'none'), coalesce(a.next_expiry_at::text, 'none')
from {HOLDERS} a left join (
  select realm, account_id, min(expires_at) as expires_at from lots
  where remaining_points > held_points group by 1, 2) l
  on l.realm = a.realm and l.account_id = a.id
where a.next_expiry_at is distinct from l.expires_at""",
    # None that lies ahead: what was due may be unwritten yet.
    "R84 next_reminder_at is not after a reminder of the live lots": """
select a.realm, a.id, a.id, 'by ' || min(l.expires_at - make_interval(hours => 24 * d.days::int)),
  coalesce(a.next_reminder_at::text, 'never')
from programs p
cross join lateral json_array_elements_text(p.reminder_plans -> -1 -> 'days') as d (days)
join accounts a on a.realm = p.realm and a.program_id = p.id
  and a.reminder_revision = (p.reminder_plans -> -1 ->> 'revision')::int8
join lots l on l.realm = a.realm and l.account_id = a.id and l.remaining_points > l.held_points
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
where l.expires_at > coalesce(c.frozen_at, now()) + make_interval(hours => 24 * d.days::int)
  and coalesce(a.next_reminder_at, 'infinity') > l.expires_at - make_interval(hours => 24 * d.days::int)
group by a.realm, a.id, a.next_reminder_at""",
    "R84 a reminder comes once": """
select realm, account_id, min(id), 1, count(*) from events where type = 'loyalty.points.expiring'
group by realm, account_id, data ->> 'expires_at', data ->> 'days' having count(*) > 1""",
    "R84 a reminder comes its days before an end of the account's lots, not earlier": """
select v.realm, v.account_id, v.id, concat_ws(', ', v.data ->> 'expires_at', 'at least ' || (v.data ->> 'points')),
  coalesce(s.points::text, 'no lot')
from events v left join (
  select realm, account_id, floor(extract(epoch from expires_at))::int8 as ends, sum(points) as points from lots
  where not by_inactivity group by 1, 2, 3) f
  on f.realm = v.realm and f.account_id = v.account_id and f.ends = (v.data ->> 'expires_at')::int8
left join (
  select realm, account_id, sum(points) as points from lots where by_inactivity group by 1, 2) i
  on i.realm = v.realm and i.account_id = v.account_id
cross join lateral (select coalesce(f.points + i.points, f.points, i.points)) s (points)
where v.type = 'loyalty.points.expiring' and (s.points is null or (v.data ->> 'points')::int8 not between 1 and s.points
  or extract(epoch from v.created_at) < (v.data ->> 'expires_at')::int8 - 86400 * (v.data ->> 'days')::int8)""",
    "R4 nothing expires before its instant": """
select e.realm, e.account_id, e.id, 'not before ' || coalesce(l.expires_at::text, 'ever'), e.created_at
from entries e left join lots l on l.realm = e.realm and l.id = e.source_id
where e.kind = 'expiry' and not coalesce(l.by_inactivity, false)
  and (l.expires_at is null or l.expires_at > e.created_at)""",
    "R84 what ends by inactivity has its member's instant, and nothing ended before it": """
select a.realm, a.id, coalesce(e.id, l.id), concat('not before ', a.inactive_at), coalesce(e.created_at::text, 'never')
from lots l join accounts a on a.realm = l.realm and a.id = l.account_id
left join entries e on e.realm = l.realm and e.source_id = l.id and e.kind = 'expiry'
where l.by_inactivity and (
  l.expires_at is not null or (l.remaining_points > l.held_points and (a.inactive_at is null or a.is_inactive))
  or extract(epoch from e.created_at) < (e.receipt ->> 'expires_at')::int8)""",
}

REDEMPTIONS = {
    "R5 a redemption and its entries name each other": """
select r.realm, r.account_id, r.id,
  concat_ws(', ', r.account_id, -r.points_spent, r.points_returned || ' returned', f.points),
  concat_ws(', ', e.account_id, e.points, coalesce(c.returned, 0) || ' returned', c.points)
from redemptions r
cross join lateral (select case r.status when 'canceled' then r.points_spent - r.points_returned end) f (points)
left join entries e on e.realm = r.realm and e.id = r.entry_id and e.kind = 'redemption'
left join (
  select c.realm, r.id, max(c.id) filter (where c.id = r.cancellation_id) as cancellation_id,
    sum(c.points) filter (where c.id = r.cancellation_id) as points,
    sum(c.points) filter (where c.id is distinct from r.cancellation_id) as returned
  from entries c join redemptions r on r.realm = c.realm and r.entry_id = c.reverses_id
  where c.kind = 'redemption_cancellation' group by 1, 2) c on c.realm = r.realm and c.id = r.id
where r.points_spent > 0 and (e.points is distinct from -r.points_spent
  or (e.account_id <> r.account_id and r.captured_at is null)
  or (r.cancellation_id, f.points) is distinct from (c.cancellation_id, c.points)
  or coalesce(c.returned, 0) <> r.points_returned)""",
    "R5 a redemption's entry has its redemption": """
select e.realm, e.account_id, e.id, 'a redemption', 'none'
from entries e left join redemptions r on r.realm = e.realm and r.id = e.source_id
  and case e.kind when 'redemption' then e.id else e.reverses_id end = r.entry_id
where e.kind in ('redemption', 'redemption_cancellation') and r.id is null""",
    "R83 a variable discount is worth the points that are still spent on it": """
select d.realm, d.account_id, d.id, f.points::text, (r.points_spent - r.points_returned)::text
from discounts d join redemptions r on r.realm = d.realm and r.id = d.redemption_id
cross join lateral (select coalesce(d.worth_minor, (d.benefit ->> 'amount')::int8)::numeric,
  (d.benefit ->> 'amount_per_point_e4')::numeric) w (minor, per_point_e4)
cross join lateral (select div(w.minor * 10000 + w.per_point_e4 - 1, w.per_point_e4)) f (points)
where w.per_point_e4 is not null and f.points not between r.points_spent - r.points_returned
  and greatest(r.points_spent, r.held_points) - r.points_returned
union all
select realm, account_id, id, 'no other worth than its benefit', worth_minor::text from discounts
where worth_minor is not null and benefit ->> 'amount_per_point_e4' is null""",
    "R5 a discount and its redemption agree": """
select d.realm, d.account_id, d.id,
  coalesce(r.id || case when r.status in ('canceled', 'expired') then ', void' else ', not void' end, 'no redemption'),
  d.redemption_id || ', ' || d.status
from discounts d left join redemptions r on r.realm = d.realm and r.id = d.redemption_id and r.discount_id = d.id
where r.id is null or (d.status = 'void') <> (r.status in ('canceled', 'expired')) or r.account_id <> d.account_id
union all
select r.realm, r.account_id, r.id, r.discount_id, 'no discount'
from redemptions r left join discounts d on d.realm = r.realm and d.id = r.discount_id
where r.discount_id is not null and d.id is null""",
}

EVENTS = {
    "I6 a movement has one event, with its figures": """
select e.realm, e.account_id, e.id, 'once: ' || concat_ws(', ', e.points, e.balance_after_points, e.sequence),
  coalesce(v.count, 0) || ' times: ' || coalesce(v.figures, '')
from entries e left join (
  select realm, data ->> 'id' as id, count(*),
    min(concat_ws(', ', coalesce(data ->> 'points', data ->> 'amount'), data ->> 'balance_after', data ->> 'sequence'))
      as figures
  from events where type like any('{loyalty.points.%,store_credit.%}') and type <> 'loyalty.points.expiring'
  group by 1, 2) v
  on v.realm = e.realm and v.id = e.id
where e.kind in ('award', 'activation', 'adjustment', 'reversal', 'reinstatement', 'expiry', 'grant', 'spend', 'return')
  and (v.count, v.figures) is distinct from (1, concat_ws(', ', e.points, e.balance_after_points, e.sequence))""",
    "I6 an event of a movement has its sequence": """
select realm, account_id, id, data ->> 'sequence', sequence::text
from events where type like any('{loyalty.points.%,store_credit.%}')
  and sequence is distinct from (data ->> 'sequence')::int8""",
    "I6 an event of a movement has its entry": """
select v.realm, v.account_id, v.id, 'entry ' || (v.data ->> 'id'), 'none'
from events v left join entries e on e.realm = v.realm and e.id = v.data ->> 'id'
where v.type like any('{loyalty.points.%,store_credit.%}') and v.type <> 'loyalty.points.expiring' and e.id is null""",
    # A gift that a purchase brought is canceled with it, and reinstated, as often as the purchase changes.
    "I6 a redemption has one event for each step of its life": """
select r.realm, r.account_id, r.id, concat_ws(', ', w.held, w.made, w.canceled, w.expired),
  concat_ws(', ', coalesce(v.held, 0), coalesce(v.made, 0), coalesce(v.canceled, 0), coalesce(v.expired, 0))
from redemptions r
cross join lateral (select (r.held_points > 0)::int as held,
  (r.held_points = 0 or r.captured_at is not null)::int as made, (r.status = 'canceled')::int as canceled,
  (r.status = 'expired')::int as expired) w
left join (
  select realm, data ->> 'id' as id, count(*) filter (where type = 'loyalty.redemption.authorized') as held,
    count(*) filter (where type = 'loyalty.reward.redeemed') as made,
    count(*) filter (where type = 'loyalty.redemption.canceled')
      - count(*) filter (where type = 'loyalty.redemption.reinstated') as canceled,
    count(*) filter (where type = 'loyalty.redemption.expired') as expired
  from events where type in ('loyalty.reward.redeemed', 'loyalty.redemption.authorized', 'loyalty.redemption.canceled',
    'loyalty.redemption.reinstated', 'loyalty.redemption.expired') group by 1, 2) v
  on v.realm = r.realm and v.id = r.id
where (coalesce(v.held, 0), coalesce(v.made, 0), coalesce(v.canceled, 0), coalesce(v.expired, 0))
  <> (w.held, w.made, w.canceled, w.expired)""",
    "I6 what an order returned of a redemption has its events": """
select r.realm, r.account_id, r.id, r.points_returned::text, coalesce(v.points, 0)::text
from redemptions r left join (
  select realm, data ->> 'id' as id, max((data ->> 'points_returned')::int8) as points
  from events where type = 'loyalty.redemption.reduced' group by 1, 2) v on v.realm = r.realm and v.id = r.id
where r.points_returned <> coalesce(v.points, 0)""",
    "I6 a payment has one event, and so has each refund": """
select p.realm, p.account_id, p.id,
  '1 and ' || coalesce(f.count, 0), concat(coalesce(v.made, 0), ' and ', coalesce(v.refunded, 0))
from payments p left join (select realm, payment_id, count(*) from refunds group by 1, 2) f
  on f.realm = p.realm and f.payment_id = p.id
left join (
  select realm, data ->> 'id' as id, count(*) filter (where type = 'payment.completed') as made,
    count(*) filter (where type = 'payment.refunded') as refunded
  from events where type in ('payment.completed', 'payment.refunded') group by 1, 2) v
  on v.realm = p.realm and v.id = p.id
where (coalesce(v.made, 0), coalesce(v.refunded, 0)) <> (1, coalesce(f.count, 0))""",
    "I5 a kept key points to an existing event": """
select k.realm, null, k.operation || ' ' || k.key, 'event ' || k.event_id, 'none'
from idempotency_keys k left join events e on e.realm = k.realm and e.id = k.event_id
where k.event_id is not null and e.id is null""",
    "I6 a delivery has its event, and its attempts are logged": """
select d.realm, v.account_id, d.id, 'an event, attempts: ' || d.attempt_count,
  case when v.id is null then 'no event' else 'attempts: ' || coalesce(a.count, 0) end
from deliveries d left join events v on v.realm = d.realm and v.id = d.event_id and v.type = d.event_type
left join (select realm, delivery_id, count(*) from delivery_attempts group by 1, 2) a
  on a.realm = d.realm and a.delivery_id = d.id
where v.id is null or coalesce(a.count, 0) <> d.attempt_count""",
    "I9 the application role adds to the ledger and never changes it": """
select null::int, null, name, 'select, insert', 'more'
from unnest(array['entries', 'lot_uses', 'events', 'payment_revisions', 'earning_rule_revisions', 'directory',
  'openings', 'offer_revisions', 'offer_claims']) as name
where has_table_privilege('vinr_app', name, 'update, delete, truncate')
  or has_any_column_privilege('vinr_app', name, 'update')""",
}

_OF_MEMBERS = BALANCES | LOTS | TIERS | CAPS | REDEMPTIONS | OFFERS
_OF_OTHERS = PAYMENTS | EVENTS | CHECKOUTS | MERGES | CREDIT | REFERRALS | CODES | CAMPAIGNS
LAWS: Mapping[str, Law] = {**_OF_MEMBERS, **_OF_OTHERS, **SEGMENTS}
