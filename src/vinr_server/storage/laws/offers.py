"""The laws of redemptions of offers: their revisions, their events and their results (see ledger.py)."""

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
}
