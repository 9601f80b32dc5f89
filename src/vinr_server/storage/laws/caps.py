"""What must hold of caps: their counters are what was taken, and nobody took more than there was (see ledger.py)."""

from __future__ import annotations

from vinr_server.storage.laws.members.merges import ACTING, ACTING_CUSTOMERS

# Every use of an offer and every redemption of a reward, with whom it counts for: the account, or the customer if the
# offer names no program (R21); the session's customer if it is a checkout offer with a limit for each (R80). Of merged
# members, those of the one that acts for them. A refund frees the member's use of an offer, not the one of all; what is
# canceled of a reward is free for all. Grants count for the member that has them, until they are withdrawn.
TAKEN = f"""(
  select r.realm, 'offer' as counted_as, r.offer_id as id,
    case when o.kind = 'checkout' then case when o.terms ->> 'per_member_limit' is not null then c.acting_id end
      when o.program_id is null then a.acting_customer_id else a.acting_id end as member_id,
    case when o.kind = 'checkout' then c.has_merged else a.has_merged end as has_merged,
    r.status in ('confirmed', 'refunded') as is_used, r.status = 'confirmed' as is_used_by_member,
    r.status = 'reserved' as is_held
  from offer_redemptions r
  join offers o on o.realm = r.realm and o.id = r.offer_id
  left join {ACTING} a on a.realm = r.realm and a.id = r.account_id
  left join checkout_sessions s on s.realm = r.realm and s.id = r.session_id
  left join {ACTING_CUSTOMERS} c on c.realm = s.realm and c.id = s.customer_id
  union all
  select r.realm, 'reward', r.reward_id, a.acting_id, a.has_merged, r.status in ('confirmed', 'authorized'),
    r.status in ('confirmed', 'authorized'), false
  from redemptions r left join {ACTING} a on a.realm = r.realm and a.id = r.account_id
  union all
  select g.realm, 'grant', g.offer_id, case when o.program_id is null then a.acting_customer_id else a.acting_id end,
    a.has_merged, false, g.withdrawn_at is null, false
  from offer_grants g join offers o on o.realm = g.realm and o.id = g.offer_id
  join {ACTING} a on a.realm = g.realm and a.id = g.account_id)"""

# What has caps. All that is taken is counted of what ever had a global one. Of an offer that is granted, the limit for
# each member is one of grants.
CAPPED = """(
  select realm, 'offer' as counted_as, id, revision, is_counted, (terms ->> 'max_redemptions')::int8 as global_limit,
    case when terms ->> 'application' <> 'granted' then (terms ->> 'per_member_limit')::int8 end as per_member_limit
  from offers
  union all
  select realm, 'grant', id, revision, false, null, (terms ->> 'per_member_limit')::int8
  from offers where terms ->> 'application' = 'granted'
  union all
  select realm, 'reward', id, revision, is_counted, stock, per_member_limit from rewards)"""

# What each member's counters of a rule's cap say, over all periods, and in the fullest of them. They are named as in
# core/earning/caps.py.
RULES_COUNTED = r"""(
  select realm, replace(replace(name[1], '~1', ':'), '~0', '~') as account_id, name[2] as rule_id,
    sum(used) as used, max(used) as most_used, sum(reserved) as reserved
  from (
    select realm, used, reserved, regexp_match(id, '^rule:([^:]*):(.*):[^:]*$') as name
    from counters where id like 'rule:%' and id not like 'rule:%:rfp_%') c
  group by 1, 2, 3)"""

# The points that each member got by a rule, with who was merged into it, and those that nobody has clawed back.
GIVEN = f"""(
  select e.realm, a.acting_id as account_id, e.rule_id, sum(e.points) as points,
    sum(e.points - l.reversed_points) as kept_points
  from entries e join lots l on l.realm = e.realm and l.id = e.id
  join {ACTING} a on a.realm = e.realm and a.id = e.account_id
  where e.rule_id is not null group by 1, 2, 3)"""

CAPS = {
    # A cap counts from the moment it is set, so of an edited rule only the upper bound can be derived.
    "I3 a rule's counters count what it gave": f"""
select coalesce(c.realm, g.realm), coalesce(c.account_id, g.account_id), coalesce(c.rule_id, g.rule_id),
  concat(least_points, ' to ', coalesce(g.points, 0)), concat(coalesce(c.used, 0), ' and ', coalesce(c.reserved, 0))
from {RULES_COUNTED} c full join {GIVEN} g
  on g.realm = c.realm and g.account_id = c.account_id and g.rule_id = c.rule_id
left join earning_rules r on r.realm = g.realm and r.id = g.rule_id
  and r.revision = 1 and r.caps ->> 'per' <> 'payment'
cross join lateral (select case when r.id is null then 0 else g.kept_points end as least_points) least
where coalesce(c.used, 0) not between least_points and coalesce(g.points, 0) or c.reserved <> 0""",
    # Merged members may each have had what the cap allows.
    "I3 what a rule gives in a period stays within its cap": f"""
select c.realm, c.account_id, c.rule_id, 'at most ' || (r.caps ->> 'points'), c.most_used
from {RULES_COUNTED} c join earning_rules r on r.realm = c.realm and r.id = c.rule_id
join accounts a on a.realm = c.realm and a.id = c.account_id and a.merged_from is null
where r.revision = 1 and c.most_used > (r.caps ->> 'points')::int8""",
    # The counters are named as in core/kernel/caps.py.
    "I3 a counter is what is used and held of its cap": f"""
select coalesce(c.realm, t.realm), t.member_id, coalesce(c.id, t.name),
  concat(coalesce(t.used, 0), ' and ', coalesce(t.held, 0)),
  concat(coalesce(c.used, 0), ' and ', coalesce(c.reserved, 0))
from (select * from counters where id not like 'rule:%' and id not like 'budget:%'
  and id not like 'exhausted:%') c full join (
  select t.realm, t.counted_as || ':' || t.id as name, null as member_id, count(*) filter (where t.is_used) as used,
    count(*) filter (where t.is_held) as held
  from {TAKEN} t join {CAPPED} w on w.realm = t.realm and w.counted_as = t.counted_as and w.id = t.id
  where w.is_counted group by t.realm, t.counted_as, t.id
  union all
  select realm, counted_as || ':' || replace(replace(member_id, '~', '~0'), ':', '~1') || ':' || id, member_id,
    count(*) filter (where is_used_by_member), count(*) filter (where is_held)
  from {TAKEN} t where member_id is not null group by realm, counted_as, id, member_id) t
  on t.realm = c.realm and t.name = c.id
where (coalesce(t.used, 0), coalesce(t.held, 0)) <> (coalesce(c.used, 0), coalesce(c.reserved, 0))""",
    # An edit may lower a limit below what is taken; merged members may each have had theirs.
    "I3 what is used and held stays within the cap": f"""
select w.realm, t.member_id, w.id, 'at most ' || m.most, t.taken
from {CAPPED} w
join (
  select realm, counted_as, id, null as member_id, count(*) filter (where is_used or is_held) as taken
  from {TAKEN} t group by 1, 2, 3
  union all
  select realm, counted_as, id, member_id, count(*) filter (where is_used_by_member or is_held)
  from {TAKEN} t where member_id is not null and not has_merged group by 1, 2, 3, 4) t
  on t.realm = w.realm and t.counted_as = w.counted_as and t.id = w.id
cross join lateral (select case when t.member_id is null then w.global_limit else w.per_member_limit end as most) m
where w.revision = 1 and t.taken > m.most""",
}
