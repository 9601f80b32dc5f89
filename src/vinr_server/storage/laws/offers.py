"""The laws of redemptions of offers: their revisions, their events, their results and their grants (see ledger.py)."""

# The counters of offers' budgets: with the offer, and the member where each has one. They are named as in
# core/budgets/counting.py.
BUDGETS = r"""(
  select c.realm, c.id, c.used, c.reserved, replace(replace(parts[1], '~1', ':'), '~0', '~') as member_id,
    o.id as offer_id
  from (
    select realm, id, used, reserved, regexp_match(id, '^budget:(?:([^:]*):)?([^:]*):[^:]*$') as parts
    from counters where id like 'budget:%') c
  join offers o on o.realm = c.realm and o.id = replace(replace(parts[2], '~1', ':'), '~0', '~'))"""

OFFERS = {
    "I6 a redemption of an offer has one event once it is redeemed": """
select x.realm, x.account_id, x.id, (x.redeemed_at is not null)::int, coalesce(v.count, 0)
from offer_redemptions x left join (
  select realm, data ->> 'id' as id, count(*) from events where type = 'loyalty.offer.redeemed' group by 1, 2) v
  on v.realm = x.realm and v.id = x.id
where coalesce(v.count, 0) <> (x.redeemed_at is not null)::int""",
    "R16 a redemption of an offer names an existing revision": """
select x.realm, x.account_id, x.id, x.offer_id || ' revision ' || x.offer_revision, 'none'
from offer_redemptions x left join offer_revisions r
  on r.realm = x.realm and r.offer_id = x.offer_id and r.revision = x.offer_revision
where r.offer_id is null""",
    "R18 a redemption of an offer names what it gave": """
select x.realm, x.account_id, x.id, concat_ws(', ', x.entry_id, x.redemption_id), concat_ws(', ', e.id, r.id)
from offer_redemptions x
left join entries e on e.realm = x.realm and e.id = x.entry_id and e.account_id = x.account_id and e.kind = 'award'
left join redemptions r on r.realm = x.realm and r.id = x.redemption_id and r.account_id = x.account_id
where (x.entry_id, x.redemption_id) is distinct from (e.id, r.id)""",
    # A session that holds a grant leaves its status as it is; what is confirmed has redeemed it.
    "R48 a grant and the redemption that has it name each other": """
select coalesce(g.realm, x.realm), coalesce(g.account_id, x.account_id), coalesce(g.id, x.grant_id),
  concat_ws(' ', x.id, coalesce(x.status, 'none')), concat_ws(' ', g.redemption_id, coalesce(g.status, 'none'))
from (select * from offer_grants where redemption_id is not null) g
full join (select * from offer_redemptions where grant_id is not null and status in ('reserved', 'confirmed')) x
  on x.realm = g.realm and x.grant_id = g.id and x.id = g.redemption_id and x.offer_id = g.offer_id
where g.id is null or x.id is null or (x.status = 'confirmed') <> (g.status = 'redeemed')""",
    "R48 a redemption of an offer that is granted uses a grant": """
select x.realm, x.account_id, x.id, o.terms ->> 'application', coalesce(x.grant_id, 'no grant')
from offer_redemptions x join offers o on o.realm = x.realm and o.id = x.offer_id
where (o.terms ->> 'application' = 'granted') <> (x.grant_id is not null)""",
    # A redemption names the counter of its period, and what it has there: nothing once that is given back.
    "R56 a budget's counter is what its redemptions have taken and hold": f"""
select coalesce(c.realm, x.realm), c.member_id, coalesce(c.id, x.budget_counter),
  concat(coalesce(x.used, 0), ' and ', coalesce(x.reserved, 0)),
  concat(coalesce(c.used, 0), ' and ', coalesce(c.reserved, 0))
from {BUDGETS} c full join (
  select realm, budget_counter, sum(budget_taken) filter (where status <> 'reserved') as used,
    sum(budget_taken) filter (where status = 'reserved') as reserved
  from offer_redemptions where budget_counter is not null group by 1, 2) x
  on x.realm = c.realm and x.budget_counter = c.id
where (coalesce(x.used, 0), coalesce(x.reserved, 0)) <> (coalesce(c.used, 0), coalesce(c.reserved, 0))""",
    # An edit may lower a budget below what is taken.
    "R56 what is taken and held stays within the budget": f"""
select c.realm, c.member_id, c.id, 'at most ' || (o.terms -> 'budget' ->> 'most'), (c.used + c.reserved)::text
from {BUDGETS} c join offers o on o.realm = c.realm and o.id = c.offer_id
where o.revision = 1 and c.used + c.reserved > (o.terms -> 'budget' ->> 'most')::int8""",
    "R56 a redemption takes of the budget what it gives": """
select x.realm, x.account_id, x.id, w.taken::text, x.budget_taken::text
from offer_redemptions x join offers o on o.realm = x.realm and o.id = x.offer_id
cross join lateral (select case o.terms -> 'budget' ->> 'measure'
  when 'amount' then case when x.status in ('reserved', 'confirmed') then x.discount_minor else 0 end
  when 'uses' then case when x.status <> 'released' then 1 else 0 end end as taken) w
where x.budget_counter is not null and w.taken <> x.budget_taken""",
    "R48 a grant is announced once": """
select g.realm, g.account_id, g.id, 1, coalesce(v.count, 0)
from offer_grants g left join (
  select realm, data ->> 'id' as id, count(*) from events where type = 'loyalty.offer.granted' group by 1, 2) v
  on v.realm = g.realm and v.id = g.id
where coalesce(v.count, 0) <> 1""",
}
