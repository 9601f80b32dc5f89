"""A payment and the checkout session it completed name each other, and a session expires at the second it shows.

Corrects what older versions left. A payment that completed several sessions keeps the one it named itself, else
the first; the others stay completed, by no payment on record. Uses that a whole refund should have freed are free.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"

PAYMENTS = """
-- What a payment redeemed by itself; what it redeemed with its session is found by that.
create index offer_redemptions_of_payment on offer_redemptions (realm, payment_id)
  where payment_id is not null and session_id is null;

update payments p set session_id = s.id,
  discount_ids = (select coalesce(json_agg(id order by place), '[]') from (
    select id, min(place) as place from (
      select id, place from json_array_elements_text(p.discount_ids) with ordinality as own (id, place)
      union all
      select id, 1000000 + place from json_array_elements_text(s.held_ids) with ordinality as held (id, place)) d
    group by id) d)
from (
  select distinct on (realm, payment_id) realm, payment_id, id, held_ids from checkout_sessions
  where payment_id is not null order by realm, payment_id, completed_at, id) s
where s.realm = p.realm and s.payment_id = p.id and p.session_id is null;

update offer_redemptions r set payment_id = null from checkout_sessions s join payments p
  on p.realm = s.realm and p.id = s.payment_id and p.session_id <> s.id
where r.realm = s.realm and r.session_id = s.id;

update checkout_sessions s set payment_id = null from payments p
where p.realm = s.realm and p.id = s.payment_id and p.session_id <> s.id;

-- What a payment shows of its redemptions is all of them.
update payments p set outcome = json_build_object('awards', coalesce(p.outcome -> 'awards', '[]'),
  'skipped', coalesce(p.outcome -> 'skipped', '[]'), 'offer_redemptions', u.shown)
from (
  select r.realm, r.payment_id, json_agg(json_build_object('id', r.id, 'offer', r.offer_id, 'account', r.account_id,
    'points_transaction', r.entry_id) order by r.session_id is not null, r.id) as shown
  from offer_redemptions r where r.payment_id is not null group by 1, 2) u
where u.realm = p.realm and u.payment_id = p.id
  and json_array_length(coalesce(p.outcome -> 'offer_redemptions', '[]')) <> json_array_length(u.shown);

-- A payment given back whole has freed its member's uses.
with freed as (
  update offer_redemptions r set status = 'refunded', freed_at = f.at
  from payments p join (select realm, payment_id, max(created_at) as at from refunds group by 1, 2) f
    on f.realm = p.realm and f.payment_id = p.id
  where r.realm = p.realm and r.payment_id = p.id and r.status = 'confirmed' and p.refunded_minor = p.amount_minor
  returning r.realm, r.offer_id, r.account_id)
update counters c set used = c.used - n.count
from (
  select realm, 'offer:' || account_id || ':' || offer_id as id, count(*) from freed
  where account_id is not null group by 1, 2) n
where n.realm = c.realm and n.id = c.id;
"""

SESSIONS = """
-- A session is over at the second that it shows.
update checkout_sessions set expires_at = date_trunc('second', expires_at) where status = 'open';
"""


def upgrade() -> None:
    """One index, and corrections."""
    op.execute(PAYMENTS)
    op.execute(SESSIONS)
