"""The laws of tiers: what is held was announced, and what counts towards it is what entries and payments say (R12)."""

from __future__ import annotations

from vinr_server.storage.reads.scopes import counted_as_sql, follows_last_plan_sql

# When time next changes how an account holds its tier.
TIER_INSTANT = """(case
    when standing ->> 'lock' is null then coalesce(standing ->> 'grace_until', standing ->> 'expires_at')
    when standing ->> 'lock' = 'exactly' or tier is not distinct from standing ->> 'locked_tier'
      then standing ->> 'locked_until'
    else least((coalesce(standing ->> 'grace_until', standing ->> 'expires_at'))::timestamptz,
      (standing ->> 'locked_until')::timestamptz)::text
  end)::timestamptz"""

TIERS = {
    "an account's tier is the last one announced": """
select a.realm, a.id, a.id, coalesce(t.tier, 'none'), coalesce(a.tier, 'none')
from accounts a join (
  select distinct on (realm, account_id) realm, account_id,
    case type when 'loyalty.tier.changed' then data ->> 'to' else data ->> 'tier' end as tier
  from events where type in ('loyalty.tier.changed', 'loyalty.account.created')
  order by realm, account_id, type = 'loyalty.account.created', (data ->> 'sequence')::int8 desc, id desc) t
  on t.realm = a.realm and t.account_id = a.id
where a.tier is distinct from t.tier""",
    "R12 an account's tier is the last of those it held": """
select a.realm, a.id, c.id, concat_ws(', ', coalesce(c.tier, 'none'), c.number + 1),
  concat_ws(', ', coalesce(a.tier, 'none'), a.standing ->> 'changes')
from accounts a join (
  select distinct on (realm, account_id) realm, account_id, id, number, tier from tier_changes
  order by realm, account_id, number desc) c on c.realm = a.realm and c.account_id = a.id
where a.tier is distinct from c.tier or a.standing ->> 'changes' is distinct from (c.number + 1)::text""",
    "R12 the tiers an account held are numbered without a gap, in the order of their instants": """
select c.realm, c.account_id, c.id, 'after ' || coalesce(c.before::text, 'nothing'), c.number || ' at ' || c.since
from (
  select *, lag(since) over held as before, row_number() over held - 1 as place from tier_changes
  window held as (partition by realm, account_id order by number)) c
where c.number <> c.place or c.since < c.before""",
    # Lifetime points fall only by clawbacks. What merged members brought may or may not have been there by then.
    "a tier changed at the ledger's lifetime points": """
with changes as (
  select realm, account_id, id, (data ->> 'sequence')::int8 as sequence,
    (data -> 'cause' ->> 'lifetime_points')::int8 as points
  from events where type = 'loyalty.tier.changed'),
brought as (
  select realm, merged_into as account_id, sum(lifetime_points) as points from accounts
  where merged_into is not null group by 1, 2),
sums as (
  select c.realm, c.id, sum(e.points) as points
  from changes c join entries e on e.realm = c.realm and e.account_id = c.account_id and e.sequence <= c.sequence
  where e.kind in ('award', 'activation', 'reversal', 'reinstatement') or (e.kind = 'adjustment' and e.points > 0)
  group by 1, 2)
select c.realm, c.account_id, c.id, (coalesce(s.points, 0) + coalesce(o.lifetime_points, 0))::text, c.points::text
from changes c left join sums s on s.realm = c.realm and s.id = c.id
left join openings o on o.realm = c.realm and o.account_id = c.account_id and o.sequence <= c.sequence
left join brought m on m.realm = c.realm and m.account_id = c.account_id
where c.points - coalesce(s.points, 0) - coalesce(o.lifetime_points, 0) not between 0 and coalesce(m.points, 0)""",
    "R12 what an accrual counts is what is left of it": f"""
select c.realm, c.account_id, c.source_id, (l.points - l.reversed_points)::text, c.amount
from tier_credits c join accounts a on a.realm = c.realm and a.id = c.account_id
left join lots l on l.realm = c.realm and l.id = c.source_id
where c.counted_as = 'points_earned' and a.status <> 'merged'
  and c.amount is distinct from (l.points - l.reversed_points)::text
  and exists (select from programs p where p.realm = a.realm and p.id = a.program_id
    and p.tier_policy ->> 'metric' = 'points_earned' and p.tier_policy ->> 'window' <> 'lifetime'
    and {follows_last_plan_sql("a", "p")})""",
    "R12 a payment counts once while it is not given back, and at most what was paid for goods": f"""
select c.realm, c.account_id, c.source_id,
  case when p.id is null then 'a payment'
    when p.refund_count > 0 and p.refunded_minor = p.amount_minor then '0'
    when c.counted_as = 'payment_count' then '1' else 'at most ' || p.amount_minor - p.tax_minor - p.shipping_minor end,
  c.amount
from tier_credits c join accounts a on a.realm = c.realm and a.id = c.account_id
join programs g on g.realm = a.realm and g.id = a.program_id
left join payments p on p.realm = c.realm and p.id = c.source_id
where c.counted_as = {counted_as_sql("g")}
  and g.tier_policy ->> 'metric' in ('spend', 'payment_count') and a.status <> 'merged'
  and {follows_last_plan_sql("a", "g")}
  and (p.id is null
    or (p.refund_count > 0 and p.refunded_minor = p.amount_minor) and c.amount <> '0'
    or not (p.refund_count > 0 and p.refunded_minor = p.amount_minor) and (
      c.counted_as = 'payment_count' and c.amount <> '1'
      or c.counted_as <> 'payment_count'
        and split_part(c.amount, '/', 1)::numeric > (p.amount_minor - p.tax_minor - p.shipping_minor)
        * coalesce(nullif(split_part(c.amount, '/', 2), '')::numeric, 1)))""",
    "R12 the sum that an account carries is that of its credits": f"""
select a.realm, a.id, a.id, coalesce(c.total, 0)::text, a.standing ->> 'total'
from accounts a join programs g on g.realm = a.realm and g.id = a.program_id
left join lateral (
  select sum(split_part(n.amount, '/', 1)::numeric / coalesce(nullif(split_part(n.amount, '/', 2), '')::numeric, 1))
    as total from tier_credits n
  where n.realm = a.realm and n.account_id = a.id
    and n.counted_as = {counted_as_sql("g")}) c on true
where a.status <> 'merged' and g.tier_policy ->> 'metric' in ('spend', 'payment_count')
  and g.tier_policy ->> 'window' = 'lifetime'
  and {follows_last_plan_sql("a", "g")}
  and abs(coalesce(c.total, 0) - coalesce(split_part(a.standing ->> 'total', '/', 1)::numeric
    / coalesce(nullif(split_part(a.standing ->> 'total', '/', 2), '')::numeric, 1), 0)) > 0.000001""",
}
