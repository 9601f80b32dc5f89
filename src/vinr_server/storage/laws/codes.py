"""What must hold of codes: each counts its uses and its holds, and no key has two holders (see ledger.py)."""

from __future__ import annotations

CODES = {
    # A code that gives grants is used when it gives one, whatever becomes of the grant.
    "R63 a code counts the redemptions and grants that name it, used and held": """
select c.realm, c.account_id, c.id, concat(coalesce(r.used, 0) + coalesce(g.used, 0), ' and ', coalesce(r.held, 0)),
  concat(c.used, ' and ', c.reserved)
from codes c left join (
  select realm, source ->> 'code' as code_id, count(*) as used from offer_grants
  where source ->> 'code' is not null group by 1, 2) g on g.realm = c.realm and g.code_id = c.id
left join (
  select realm, code_id, count(*) filter (where status in ('confirmed', 'refunded')) as used,
    count(*) filter (where status = 'reserved') as held
  from offer_redemptions where counts_for_code group by 1, 2) r on r.realm = c.realm and r.code_id = c.id
where (c.used, c.reserved) <> (coalesce(r.used, 0) + coalesce(g.used, 0), coalesce(r.held, 0))""",
    "R63 a use counts for its code while it is held or redeemed": """
select r.realm, r.account_id, r.id, case when r.counts_for_code then 'not counted' else 'counted' end, r.status
from offer_redemptions r
where r.code_id is not null and case r.status
  when 'reserved' then not r.counts_for_code
  when 'released' then r.counts_for_code
  else false end""",
    "R61 a use by a code is one of the offer that the code opens": """
select r.realm, r.account_id, r.id, coalesce(c.offer_id, 'none'), r.offer_id
from offer_redemptions r left join codes c on c.realm = r.realm and c.id = r.code_id
where r.code_id is not null and c.offer_id is distinct from r.offer_id""",
    "R60 a key has one holder": """
select realm, null, folded, 'one holder', count(*)::text from codes where holds_key
group by realm, folded having count(*) > 1""",
    "R64 a batch has made the codes that there are of it": """
select coalesce(p.realm, c.realm), null, coalesce(p.id, c.batch_id), coalesce(c.codes, 0)::text,
  coalesce(p.made, 0)::text
from code_batch_progress p full join (
  select realm, batch_id, count(*) as codes from codes where batch_id is not null group by 1, 2) c
  on c.realm = p.realm and c.batch_id = p.id
where coalesce(c.codes, 0) <> coalesce(p.made, 0)""",
    "R64 the codes of a batch are numbered in their order, without gaps": """
select realm, account_id, id, previous + 1, number from (
  select realm, account_id, id, number,
    lag(number, 1, 0::int8) over (partition by realm, batch_id order by number) as previous
  from codes where batch_id is not null) c
where number <> previous + 1""",
    "R64 a batch counts the codes that are a member's own": """
select p.realm, null, p.id, coalesce(c.assigned, 0)::text, p.assigned::text
from code_batch_progress p left join (
  select realm, batch_id, count(*) as assigned from codes where batch_id is not null and account_id is not null
  group by 1, 2) c on c.realm = p.realm and c.batch_id = p.id
where coalesce(c.assigned, 0) <> p.assigned""",
    "R63 an open session holds the codes that it presents": """
select s.realm, null, s.id, coalesce(p.ids, 'none'), coalesce(h.ids, 'none')
from checkout_sessions s
left join lateral (
  select string_agg(code ->> 'code_id', ', ' order by code ->> 'code_id' collate "C") as ids
  from json_array_elements(s.codes) as code) p on true
left join (
  select realm, session_id, string_agg(code_id, ', ' order by code_id) as ids from offer_redemptions
  where status = 'reserved' and code_id is not null group by 1, 2) h on h.realm = s.realm and h.session_id = s.id
where s.status = 'open' and p.ids is distinct from h.ids""",
}
