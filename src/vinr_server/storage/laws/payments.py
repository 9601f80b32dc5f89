"""What must hold of payments, their refunds, revisions and orders; shapes as in ledger.py."""

from __future__ import annotations

PAYMENTS = {
    "R7 a payment's refunded amount is the sum of its refunds": """
select p.realm, p.account_id, p.id, concat(coalesce(f.amount_minor, 0), ' in ', coalesce(f.count, 0)),
  concat(p.refunded_minor, ' in ', p.refund_count)
from payments p left join (
  select realm, payment_id, sum(amount_minor) as amount_minor, count(*) from refunds
  where canceled_at is null group by 1, 2) f
  on f.realm = p.realm and f.payment_id = p.id
where (p.refunded_minor, p.refund_count) is distinct from (coalesce(f.amount_minor, 0), coalesce(f.count, 0))""",
    "R7 a refund has its payment, and its points are its reversals and reinstatements": """
select f.realm, p.account_id, f.id,
  case when p.id is null then 'a payment'
    else concat_ws(', ', coalesce(e.reversed, 0), coalesce(e.pending, 0), coalesce(e.reinstated, 0)) end,
  case when p.id is null then 'none'
    else concat_ws(', ', f.points_reversed, f.pending_points_reversed, f.points_reinstated) end
from refunds f left join payments p on p.realm = f.realm and p.id = f.payment_id
left join (
  select realm, source_id, -sum(points + pending_points) filter (where kind = 'reversal') as reversed,
    -sum(pending_points) filter (where kind = 'reversal') as pending,
    sum(points + pending_points) filter (where kind = 'reinstatement') as reinstated
  from entries where source_type = 'refund' group by 1, 2) e on e.realm = f.realm and e.source_id = f.id
where p.id is null
  or (f.points_reversed, f.pending_points_reversed, f.points_reinstated)
    <> (coalesce(e.reversed, 0), coalesce(e.pending, 0), coalesce(e.reinstated, 0))""",
    "R74 an order and its payments name each other": """
select coalesce(o.realm, p.realm), null, coalesce(o.id, p.order_key), coalesce(p.ids, 'none'), coalesce(o.ids, 'none')
from (
  select o.realm, o.id, string_agg(m.id, ', ' order by m.id) as ids
  from orders o, json_array_elements_text(o.payment_ids) as m (id) group by 1, 2) o
full join (
  select realm, order_key, string_agg(id, ', ' order by id) as ids from payments
  where order_key not like ':%' group by 1, 2) p on p.realm = o.realm and p.order_key = o.id
where o.ids is distinct from p.ids""",
    "R75 every revision but the last is kept": """
select p.realm, p.account_id, p.id, p.revision - 1, coalesce(r.count, 0)
from payments p left join (select realm, payment_id, count(*) from payment_revisions group by 1, 2) r
  on r.realm = p.realm and r.payment_id = p.id
where p.revision - 1 <> coalesce(r.count, 0)""",
    "R7 a refund is its payment's customer's": """
select f.realm, p.account_id, f.id, coalesce(p.customer_id, 'nobody'), coalesce(f.customer_id, 'nobody')
from refunds f join payments p on p.realm = f.realm and p.id = f.payment_id
where f.customer_id is distinct from p.customer_id""",
    "R7 what a purchase remembers of its awards is what the ledger says": """
select b.realm, a.account_id, a.id, a.points + a.pending_points + coalesce(r.points, 0), b.held
from (
  select w.realm, j ->> 'entry_id' as id, (j ->> 'points')::int8 - coalesce((
    select sum((c ->> 'points')::int8) from json_array_elements(j -> 'clawbacks') c), 0) as held
  from (select realm, earnings from payments union all select realm, earnings from orders) w,
    json_array_elements(w.earnings) e, json_array_elements(e -> 'awards') j) b
left join entries a on a.realm = b.realm and a.id = b.id and a.kind = 'award'
left join (
  select r.realm, r.reverses_id as id, sum(r.points + r.pending_points + coalesce(b.points, 0)) as points
  from entries r left join (
    select realm, reverses_id, sum(points + pending_points) as points from entries
    where kind = 'reinstatement' group by 1, 2) b
    on b.realm = r.realm and b.reverses_id = r.id
  where r.kind = 'reversal' and r.source_type in ('refund', 'payment') group by 1, 2) r
  on r.realm = b.realm and r.id = b.id
where a.id is null or a.points + a.pending_points + coalesce(r.points, 0) <> b.held""",
    "R16 an award names an existing revision": """
select e.realm, e.account_id, e.id, e.rule_id || ' revision ' || e.rule_revision, 'none'
from entries e left join earning_rule_revisions r
  on r.realm = e.realm and r.rule_id = e.rule_id and r.revision = e.rule_revision
where e.rule_id is not null and r.rule_id is null""",
}
