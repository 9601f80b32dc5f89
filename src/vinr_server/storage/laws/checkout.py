"""The laws of checkouts: what sessions hold, and what was paid (see ledger.py)."""

from __future__ import annotations

CHECKOUTS = {
    "R15 a reserved use of an offer belongs to an open session": """
select r.realm, r.account_id, r.id,
  case s.status when 'open' then 'reserved' when 'expired' then 'released' else 'confirmed or refunded' end, r.status
from offer_redemptions r left join checkout_sessions s on s.realm = r.realm and s.id = r.session_id
where r.session_id is not null and case
  when s.id is null then true
  when r.status = 'reserved' then s.status <> 'open'
  when r.status in ('confirmed', 'refunded') then s.status <> 'completed' or r.payment_id is distinct from s.payment_id
  else false end""",
    "R15 a payment and the session it completed name each other": """
select s.realm, null, s.id, s.payment_id || ' names ' || s.id,
  case when p.id is null then 'no payment' else p.id || ' names ' || coalesce(p.session_id, 'none') end
from checkout_sessions s left join payments p on p.realm = s.realm and p.id = s.payment_id
where s.payment_id is not null and p.session_id is distinct from s.id
union all
select p.realm, p.account_id, p.id, p.session_id || ' names ' || p.id,
  case when s.id is null then 'no session' else s.id || ' names ' || coalesce(s.payment_id, 'none') end
from payments p left join checkout_sessions s on s.realm = p.realm and s.id = p.session_id
where p.session_id is not null and s.payment_id is distinct from p.id""",
    "R15 a use of an offer is refunded with its payment, and only then": """
select r.realm, r.account_id, r.id, case when p.is_returned then 'refunded' else 'confirmed' end, r.status
from offer_redemptions r left join (
  select realm, id, bool_and(refund_count > 0 and refunded_minor = amount_minor)
    over (partition by realm, case when order_key not like ':%' then order_key else id end) as is_returned
  from payments) p
  on p.realm = r.realm and p.id = r.payment_id
-- The cancellation of a refund takes a slot again only where the member's limit has room for it. A gift that could
-- not be taken back keeps its slot.
where r.status in ('confirmed', 'refunded') and (r.status = 'refunded') <> coalesce(p.is_returned, false)
  and not (r.status = 'confirmed' and r.redemption_id is not null)
  and not (r.status = 'refunded' and exists (
    select from refunds f where f.realm = r.realm and f.payment_id = r.payment_id and f.canceled_at is not null))""",
    "R15 a payment lists everything it redeemed": """
select coalesce(r.realm, t.realm), null, coalesce(r.payment_id, t.payment_id), coalesce(r.ids, 'none'),
  coalesce(t.ids, 'none')
from (
  select realm, payment_id, string_agg(id, ', ' order by id) as ids from offer_redemptions
  where payment_id is not null group by 1, 2) r
full join (
  select p.realm, p.id as payment_id, string_agg(use ->> 'id', ', ' order by use ->> 'id' collate "C") as ids
  from payments p cross join lateral json_array_elements(p.outcome -> 'offer_redemptions') as use group by 1, 2) t
  on t.realm = r.realm and t.payment_id = r.payment_id
where r.ids is distinct from t.ids""",
    "R15 a reserved discount is held by the open session it names": """
select d.realm, d.account_id, d.id, 'held by an open session', coalesce(s.id || ', ' || s.status, 'no session')
from discounts d left join checkout_sessions s on s.realm = d.realm and s.id = d.session_id
where d.status = 'reserved'
  and (s.id is null or s.status <> 'open' or not s.held_ids::jsonb ? d.id)
union all
select s.realm, null, s.id, 'holds ' || h.id, coalesce(d.status, 'no such discount')
from checkout_sessions s cross join lateral jsonb_array_elements_text(s.held_ids::jsonb) as h (id)
left join discounts d on d.realm = s.realm and d.id = h.id
where s.status = 'open' and (d.id is null or d.status <> 'reserved' or d.session_id <> s.id)""",
    "R13 a session's discounts are worth what they take off": """
select s.realm, null, s.id, coalesce(h.shown::text, '[]'), s.held_minor::jsonb::text
from checkout_sessions s left join lateral (
  select jsonb_agg((offer.applied ->> 'amount')::int8 order by offer.position) as shown
  from json_array_elements(s.evaluation -> 'applied') with ordinality as offer (applied, position)
  where offer.applied ->> 'discount' is not null) h on true
where coalesce(h.shown, '[]') <> s.held_minor::jsonb
  or jsonb_array_length(s.held_minor::jsonb) <> jsonb_array_length(s.held_ids::jsonb)""",
    "R13 a session's total is its lines and shipping less the discounts": """
select s.realm, null, s.id, f.expected, concat_ws(', ', s.subtotal_minor, s.discount_minor, s.total_minor)
from checkout_sessions s cross join lateral (
  select concat_ws(', ', sum((l ->> 'subtotal')::int8),
    sum((l ->> 'discount')::int8) + (s.evaluation -> 'shipping' ->> 'discount')::int8,
    sum((l ->> 'total')::int8) + (s.evaluation -> 'shipping' ->> 'total')::int8) as expected,
    min((l ->> 'total')::int8) as least
  from json_array_elements(s.evaluation -> 'lines') as l) f
where f.expected <> concat_ws(', ', s.subtotal_minor, s.discount_minor, s.total_minor) or f.least < 0""",
    "R13 a session keeps the promise that it shows": """
select s.realm, null, s.id, f.expected, concat_ws(', ', s.line_discounts_minor::jsonb, s.shipping_discount_minor)
from checkout_sessions s cross join lateral (
  select concat_ws(', ', jsonb_agg((l.line ->> 'discount')::int8 order by l.position),
    s.evaluation -> 'shipping' ->> 'discount') as expected
  from json_array_elements(s.evaluation -> 'lines') with ordinality as l (line, position)) f
where f.expected <> concat_ws(', ', s.line_discounts_minor::jsonb, s.shipping_discount_minor)""",
    "R13 a session's discount is the sum of its offers' discounts": """
select s.realm, null, s.id, s.discount_minor, coalesce(a.minor, 0)
from checkout_sessions s left join lateral (
  select sum((offer ->> 'amount')::int8) as minor
  from json_array_elements(s.evaluation -> 'applied') as offer) a on true
where s.discount_minor <> coalesce(a.minor, 0)""",
    # Where tax comes on top of the prices, the payment is that much more (R73).
    "R16 a session's payment is its total": """
select s.realm, p.account_id, s.id, s.total_minor + t.on_top_minor || ' ' || (s.cart ->> 'currency'),
  coalesce(p.amount_minor || ' ' || p.currency, 'no payment')
from checkout_sessions s left join payments p on p.realm = s.realm and p.id = s.payment_id
cross join lateral (
  select case when s.cart ->> 'prices_include_tax' = 'false' then coalesce(p.tax_minor, 0) else 0 end) t (on_top_minor)
where s.payment_id is not null
  and (p.amount_minor, p.currency) is distinct from (s.total_minor + t.on_top_minor, s.cart ->> 'currency')
union all
select p.realm, p.account_id, p.id, 'a completed session', coalesce(s.status, 'none')
from payments p left join checkout_sessions s on s.realm = p.realm and s.id = p.session_id and s.payment_id = p.id
where p.session_id is not null and s.status is distinct from 'completed'""",
}
