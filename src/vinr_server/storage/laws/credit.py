"""What must hold of store credit beyond what holds of every lot and entry (R25; see ledger.py)."""

from __future__ import annotations

# Members' accounts and customers' wallets: whatever has entries, lots and holds.
HOLDERS = """(
  select realm, bucket, id, ledger_balance_points, held_points, sequence, next_expiry_at, due_at from accounts
  union all
  select realm, bucket, id, ledger_balance_points, held_points, sequence, next_expiry_at, due_at from wallets)"""

CREDIT = {
    "R25 a lot of credit says why it was granted, and no lot of points does": """
select l.realm, l.account_id, l.id, case when e.kind = 'grant' then 'an origin' else 'no origin' end,
  coalesce(l.origin, 'none')
from lots l join entries e on e.realm = l.realm and e.id = l.id
where (e.kind = 'grant' and l.origin is null) or (l.origin is not null and not starts_with(l.account_id, 'crd_'))""",
    "R25 only credit is granted, spent and returned, and credit alone": """
select realm, account_id, id, 'of a wallet: ' || starts_with(account_id, 'crd_'), kind
from entries where case when starts_with(account_id, 'crd_')
  then kind not in ('grant', 'spend', 'return', 'expiry', 'reversal', 'adjustment', 'transfer')
  else kind in ('grant', 'spend', 'return') end""",
    "R25b what a spend got back is at most what it took": """
select e.realm, e.account_id, e.id, 'at most ' || -e.points, r.points
from entries e join (
  select realm, reverses_id, sum(points) as points from entries where kind = 'return' group by 1, 2) r
  on r.realm = e.realm and r.reverses_id = e.id
where e.kind <> 'spend' or r.points > -e.points""",
    "R25c credit is held for open sessions, as much as pays for them": """
select coalesce(s.realm, h.realm), coalesce(s.wallet_id, h.account_id), coalesce(s.id, h.id),
  coalesce(s.applied, 0)::text, coalesce(h.points, 0)::text
from (
  select realm, id, credit ->> 'wallet_id' as wallet_id, credit ->> 'hold_id' as hold_id,
    (credit ->> 'applied_minor')::int8 as applied
  from checkout_sessions where status = 'open' and credit ->> 'hold_id' is not null) s
full join (
  select realm, account_id, id, bool_and(ended_at is not null) as is_over, sum((held ->> 'points')::int8) as points
  from holds, json_array_elements(lots) as held where account_id < 'crd`' group by 1, 2, 3) h
  on h.realm = s.realm and h.id = s.hold_id and h.account_id = s.wallet_id
where (s.id is null and not h.is_over) or (s.id is not null and s.applied is distinct from h.points)""",
    "R25d a payment has spent the credit that its tenders name, less what its refunds returned": """
select p.realm, p.account_id, p.id, p.credit - coalesce(f.returned, 0), coalesce(s.spent, 0)
from (
  select realm, id, account_id, coalesce((
    select sum((t ->> 'amount')::int8) from json_array_elements(tenders) t where t ->> 'account' is not null), 0)
    as credit
  from payments) p
left join (
  select realm, payment_id, sum(credit_returned_minor) as returned from refunds
  where canceled_at is null group by 1, 2) f on f.realm = p.realm and f.payment_id = p.id
left join (
  select p.realm, p.id, sum(-e.points - coalesce(b.points, 0)) as spent
  from payments p cross join lateral json_array_elements_text(p.credit_entry_ids) c (id)
  join entries e on e.realm = p.realm and e.id = c.id and e.kind = 'spend' and e.source_id = p.id
  left join (select realm, reverses_id, sum(points) as points from entries where kind = 'return' group by 1, 2) b
    on b.realm = e.realm and b.reverses_id = e.id
  group by 1, 2) s on s.realm = p.realm and s.id = p.id
where p.credit - coalesce(f.returned, 0) <> coalesce(s.spent, 0)""",
    "R26 refunds never give back more of a tender than was paid with it": """
select p.realm, p.account_id, p.id, concat_ws(', ', p.credit, p.amount_minor - p.credit),
  concat_ws(', ', f.returned, f.money)
from (
  select realm, id, account_id, amount_minor, coalesce((
    select sum((t ->> 'amount')::int8) from json_array_elements(tenders) t where t ->> 'account' is not null), 0)
    as credit
  from payments) p
join (
  select realm, payment_id, sum(credit_returned_minor) as returned, sum(amount_minor - credit_returned_minor) as money
  from refunds where canceled_at is null group by 1, 2) f on f.realm = p.realm and f.payment_id = p.id
where f.returned > p.credit or f.money > p.amount_minor - p.credit""",
    "R26a a refund and the credit it granted in place of money name each other": """
select coalesce(f.realm, e.realm), e.account_id, coalesce(f.id, e.source_id),
  concat_ws(', ', f.credit_grant_id, f.credit_granted_minor, case when f.canceled_at is not null then 'taken back' end),
  concat_ws(', ', e.id, e.points, case when l.reversed_points = l.points then 'taken back' end)
from (select * from refunds where credit_grant_id is not null) f
full join (select * from entries where kind = 'grant' and source_type = 'refund') e
  on e.realm = f.realm and e.id = f.credit_grant_id and e.source_id = f.id
left join lots l on l.realm = e.realm and l.id = e.id
where f.id is null or e.id is null or e.points <> f.credit_granted_minor
  or (f.canceled_at is not null and l.reversed_points <> l.points)""",
    "R25e a redemption and the credit it granted name each other": """
select coalesce(r.realm, e.realm), coalesce(r.account_id, e.account_id), coalesce(r.id, e.source_id),
  concat_ws(', ', r.credit_entry_id, r.benefit ->> 'amount', case when r.status = 'canceled' then 'taken back' end),
  concat_ws(', ', e.id, e.points, case when l.reversed_points = l.points then 'taken back' end)
from (select * from redemptions where credit_entry_id is not null) r
full join (select * from entries where kind = 'grant' and source_type = 'redemption') e
  on e.realm = r.realm and e.id = r.credit_entry_id and e.source_id = r.id
left join lots l on l.realm = e.realm and l.id = e.id
where r.id is null or e.id is null or e.points::text <> (r.benefit ->> 'amount')
  or (r.status = 'canceled' and l.reversed_points <> l.points)""",
    "R28a what leaves a merged wallet arrives where it was merged into": """
select w.realm, i.id, i.id, 0, sum(e.points)
from wallets w join wallets i on i.realm = w.realm and i.id = coalesce(w.merged_into, w.id)
join entries e on e.realm = w.realm and e.account_id = w.id and e.kind = 'transfer'
group by 1, 2 having sum(e.points) <> 0""",
    "R28a a merged customer has no wallet but merged ones, in the currencies of those it became": """
select w.realm, w.id, w.id, concat_ws(', ', c.merged_into, w.currency, w.clock_id),
  coalesce(concat_ws(', ', i.customer_id, i.currency, w.clock_id), 'not merged')
from customers c join wallets w on w.realm = c.realm and w.customer_id = c.id
left join wallets i on i.realm = w.realm and i.id = w.merged_into
where c.merged_into is not null and (i.customer_id, i.currency, i.merged_into) is distinct from
  (c.merged_into, w.currency, null)""",
}
