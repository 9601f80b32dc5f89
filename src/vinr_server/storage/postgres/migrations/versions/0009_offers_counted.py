"""All uses of an offer are counted from its first cap on, whatever happens to the cap.

Uses that were not released while a cap was removed are counted again.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"

OFFERS = """
alter table offers add column is_counted bool not null default false;
alter table offers alter column is_counted drop default;
update offers o set is_counted = true
where o.terms ->> 'max_redemptions' is not null
  or exists (select from counters c where c.realm = o.realm and c.id = 'offer:' || o.id);
alter table offers add constraint offers_counted_check check (is_counted or terms ->> 'max_redemptions' is null);

update counters c set used = u.used, reserved = u.reserved
from (
  select o.realm, 'offer:' || o.id as id, count(r.id) filter (where r.status in ('confirmed', 'refunded')) as used,
    count(r.id) filter (where r.status = 'reserved') as reserved
  from offers o left join offer_redemptions r on r.realm = o.realm and r.offer_id = o.id
  where o.is_counted group by 1, 2) u
where u.realm = c.realm and u.id = c.id and (c.used, c.reserved) <> (u.used, u.reserved);
"""


def upgrade() -> None:
    """One column, and corrections."""
    op.execute(OFFERS)
