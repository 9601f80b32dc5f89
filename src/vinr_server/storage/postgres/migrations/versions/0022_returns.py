"""An order takes only the points of a variable reward that it needs; the rest goes back.

A session keeps what each of its discounts takes off, a redemption the points that were returned, and a discount what it
is worth since.

Revision ID: 0022
"""

from alembic import op

revision = "0022"
down_revision = "0021"

RETURNS = """
alter table redemptions add column points_returned int8 not null default 0,
  add check (points_returned >= 0 and (points_returned = 0 or points_returned < points_spent));
alter table discounts add column worth_minor int8 check (worth_minor > 0);
alter table checkout_sessions add column held_minor json not null default '[]';
update checkout_sessions s set held_minor = (
  select coalesce(json_agg((offer.applied ->> 'amount')::int8 order by offer.position), '[]')
  from json_array_elements(s.evaluation -> 'applied') with ordinality as offer (applied, position)
  where offer.applied ->> 'discount' is not null)
where s.held_ids::text <> '[]';
alter table checkout_sessions alter column held_minor drop default;
-- A use that a repriced payment no longer earns is released, and was redeemed once.
alter table offer_redemptions drop constraint offer_redemptions_check,
  add constraint offer_redemptions_check check (
    case status when 'released' then true else (status in ('confirmed', 'refunded')) = (redeemed_at is not null) end);
"""


def upgrade() -> None:
    """A column each; that of sessions is filled from what they show."""
    op.execute(RETURNS)
