"""A checkout session keeps what came off each line and off the shipping as numbers of its own.

They were read back from what the session shows, which is nobody's to read but the caller's.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"

PROMISES = """
alter table checkout_sessions add column line_discounts_minor json not null default '[]',
  add column shipping_discount_minor int8 not null default 0 check (shipping_discount_minor >= 0);
update checkout_sessions s set
  line_discounts_minor = (
    select coalesce(json_agg((l.line ->> 'discount')::int8 order by l.position), '[]')
    from json_array_elements(s.evaluation -> 'lines') with ordinality as l (line, position)),
  shipping_discount_minor = (s.evaluation -> 'shipping' ->> 'discount')::int8;
alter table checkout_sessions alter column line_discounts_minor drop default,
  alter column shipping_discount_minor drop default;
"""


def upgrade() -> None:
    """Two columns, filled from what the sessions show."""
    op.execute(PROMISES)
