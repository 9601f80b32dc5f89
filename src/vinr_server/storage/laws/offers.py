"""The laws of redemptions of offers: their revisions, their events, their results and their grants (see ledger.py)."""

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
    "R48 a grant is announced once": """
select g.realm, g.account_id, g.id, 1, coalesce(v.count, 0)
from offer_grants g left join (
  select realm, data ->> 'id' as id, count(*) from events where type = 'loyalty.offer.granted' group by 1, 2) v
  on v.realm = g.realm and v.id = g.id
where coalesce(v.count, 0) <> 1""",
}
