"""What must hold of referrals: conversions, what they gave, and what counts them (see ledger.py)."""

from __future__ import annotations

from vinr_server.storage.laws.members.merges import ACTING

# Each conversion that stands, under every name that counts it: as one that stands, and as one that has a slot in a
# month, in a year and for good (core/payments/purchases/conversions.py).
COUNTED = f"""(
  select f.realm, a.acting_id as account_id, f.referral_program_id || n.name as name, count(*) as used
  from referrals f
  join {ACTING} a on a.realm = f.realm and a.id = f.referrer_id
  join programs p on p.realm = f.realm and p.id = f.program_id
  cross join lateral (values ('.standing:member', true), (':member', f.has_slot),
    (to_char(f.converted_at at time zone p.timezone, ':YYYY-MM'), f.has_slot),
    (to_char(f.converted_at at time zone p.timezone, ':YYYY'), f.has_slot)) as n (name, is_counted)
  where f.status = 'converted' and n.is_counted
  group by 1, 2, 3)"""

COUNTERS = """(
  select realm, replace(replace(name[1], '~1', ':'), '~0', '~') as account_id, name[2] as name, used
  from (
    select realm, used, regexp_match(id, '^rule:([^:]*):(rfp_.*)$') as name
    from counters where id like 'rule:%:rfp_%') c
  where used <> 0)"""

REFERRALS = {
    "R19 a referrer's counters count its conversions that stand": f"""
select coalesce(c.realm, t.realm), coalesce(c.account_id, t.account_id), coalesce(c.name, t.name),
  coalesce(t.used, 0)::text, coalesce(c.used, 0)::text
from {COUNTERS} c full join {COUNTED} t on t.realm = c.realm and t.account_id = c.account_id and t.name = c.name
where coalesce(t.used, 0) <> coalesce(c.used, 0)""",
    "R19 a code counts its conversions that stand": """
select c.realm, c.account_id, c.id, coalesce(f.conversions, 0)::text, c.conversions::text
from referral_codes c left join (
  select realm, code, count(*) as conversions from referrals where status = 'converted' group by 1, 2) f
  on f.realm = c.realm and f.code = c.id
where coalesce(f.conversions, 0) <> c.conversions""",
    "R19 a conversion and its payment name each other": """
select coalesce(f.realm, p.realm), f.referrer_id, coalesce(f.id, p.referral_id), coalesce(f.payment_id, 'none'),
  coalesce(p.id, 'none')
from (select * from referrals where payment_id is not null) f full join (
  select realm, id, json_array_elements_text(referral_ids) as referral_id from payments
  where json_array_length(referral_ids) > 0) p
  on p.realm = f.realm and p.referral_id = f.id and p.id = f.payment_id
where f.id is null or p.id is null""",
    "R19 what a conversion remembers of its awards is what the ledger says": """
select coalesce(f.realm, e.realm), f.referrer_id, coalesce(f.id, e.source_id), coalesce(f.points, 0)::text,
  coalesce(e.points, 0)::text
from (
  select f.realm, f.id, f.referrer_id, sum((a.award ->> 'points')::int8) as points
  from referrals f cross join lateral json_array_elements(f.rewards) as r (reward)
  cross join lateral json_array_elements(r.reward -> 'earning' -> 'awards') as a (award)
  group by 1, 2, 3) f
full join (
  select realm, source_id, sum(points + pending_points) as points from entries
  where source_type = 'referral' and kind = 'award' group by 1, 2) e on e.realm = f.realm and e.source_id = f.id
where coalesce(f.points, 0) <> coalesce(e.points, 0)""",
    # It is announced again where the refund that reversed it is canceled.
    "R19 a referral is announced, and so is its conversion": """
select f.realm, f.referrer_id, f.id, w.type, 'none'
from referrals f
cross join lateral (values ('referral.registered', true), ('referral.converted', f.converted_at is not null))
  as w (type, has_come)
where w.has_come and not exists (
  select from events e where e.realm = f.realm and e.type = w.type and e.data ->> 'id' = f.id)""",
}
