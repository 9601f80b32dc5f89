"""What must hold of merged customers: nothing is lost, doubled or newly dated (R85; see ledger.py)."""

from __future__ import annotations

# Each account with the one that acts for it: itself, or the one it was merged into. `has_merged`: others were merged
# into that one.
ACTING = """(
  select a.realm, a.id, i.id as acting_id, i.customer_id as acting_customer_id, i.merged_from is not null as has_merged
  from accounts a join accounts i on i.realm = a.realm and i.id = coalesce(a.merged_into, a.id))"""

# The same of every customer that a session names: it needs no account.
ACTING_CUSTOMERS = """(
  select s.realm, s.id, coalesce(f.merged_into, s.id) as acting_id,
    json_array_length(coalesce(i.merged_from, '[]')) > 0 as has_merged
  from (select distinct realm, customer_id as id from checkout_sessions where customer_id is not null) s
  left join customers f on f.realm = s.realm and f.id = s.id
  left join customers i on i.realm = s.realm and i.id = coalesce(f.merged_into, s.id))"""

MERGES = {
    "R85 what leaves a merged account arrives where it was merged into": f"""
select e.realm, a.acting_id, a.acting_id, 0, sum(e.points + e.pending_points)
from entries e join {ACTING} a on a.realm = e.realm and a.id = e.account_id
where e.kind = 'transfer' group by 1, 2 having sum(e.points + e.pending_points) <> 0""",
    "R85 a merged account holds and owes nothing": """
select a.realm, a.id, a.id, 'nothing',
  concat_ws(', ', a.ledger_balance_points, a.pending_points, a.held_points, l.points, d.points)
from accounts a
left join (select realm, account_id, sum(remaining_points) as points from lots group by 1, 2) l
  on l.realm = a.realm and l.account_id = a.id
left join (select realm, account_id, sum(remaining_points) as points from deficits group by 1, 2) d
  on d.realm = a.realm and d.account_id = a.id
where a.status = 'merged' and (a.ledger_balance_points, a.pending_points, a.held_points, coalesce(l.points, 0),
  coalesce(d.points, 0)) <> (0, 0, 0, 0, 0)""",
    "R85 a moved lot keeps its dates": """
select l.realm, l.account_id, l.id, concat_ws(', ', s.starts_at, coalesce(o.expires_at::text, 'never')),
  concat_ws(', ', l.available_at, coalesce(l.expires_at::text, 'never'))
from lots l
join entries e on e.realm = l.realm and e.id = l.id and e.kind = 'transfer' and e.source_id is not null
left join lots o on o.realm = e.realm and o.id = e.source_id
cross join lateral (
  -- What was available there is available here from the move on, though it came from a clock that is ahead.
  select case when e.pending_points = 0 and o.available_at > e.created_at then e.created_at else o.available_at end
    as starts_at) as s
where (l.available_at, l.expires_at) is distinct from (s.starts_at, o.expires_at)
  and (e.pending_points = 0 or l.available_at > o.available_at)""",
    "R85 a lot names the lots it was moved to": """
select coalesce(m.realm, e.realm), null, coalesce(m.id, e.source_id), coalesce(e.ids, 'none'), coalesce(m.ids, 'none')
from (
  select l.realm, l.id, string_agg(i.id, ', ' order by i.id collate "C") as ids
  from lots l cross join lateral json_array_elements_text(l.moved_to) as i (id) group by 1, 2) m
full join (
  select realm, source_id, string_agg(id, ', ' order by id) as ids from entries
  where kind = 'transfer' and source_id is not null group by 1, 2) e on e.realm = m.realm and e.source_id = m.id
where m.ids is distinct from e.ids""",
    "R85 a merged account acts through one of the customer that its own became": """
select a.realm, a.id, a.id, concat_ws(', ', a.program_id, a.merged_customer_id, c.merged_into, 'not merged'),
  concat_ws(', ', i.program_id, i.customer_id, a.merged_customer_id, case i.status when 'merged' then 'merged' else
    'not merged' end)
from accounts a
left join accounts i on i.realm = a.realm and i.id = a.merged_into
left join customers c on c.realm = a.realm and c.id = a.customer_id
where a.status = 'merged' and (c.merged_into is distinct from a.merged_customer_id or a.merged_into is not null
  and (i.program_id, i.customer_id, i.status = 'merged') is distinct from
    (a.program_id, a.merged_customer_id, false))""",
    "R85 a merged customer has no account but merged ones": """
select a.realm, a.id, a.id, 'merged', a.status
from customers c join accounts a on a.realm = c.realm and a.customer_id = c.id
where c.merged_into is not null and a.status <> 'merged'""",
    "R85 merged customers name each other": """
select coalesce(c.realm, f.realm), null, coalesce(c.id, f.id), coalesce(f.into_id, 'none'),
  coalesce(c.merged_into, 'none')
from (select * from customers where merged_into is not null) c
full join (
  select o.realm, i.id, o.id as into_id
  from customers o cross join lateral json_array_elements_text(o.merged_from) as i (id)) f
  on f.realm = c.realm and f.id = c.id
where c.merged_into is distinct from f.into_id""",
    "R85 a merge is announced once": """
select c.realm, null, c.id, 1, coalesce(v.count, 0)
from customers c left join (
  select realm, data ->> 'from' as id, count(*) from events where type = 'customer.merged' group by 1, 2) v
  on v.realm = c.realm and v.id = c.id
where c.merged_into is not null and coalesce(v.count, 0) <> 1""",
}
