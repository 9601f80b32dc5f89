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
