"""Segments and their members, and the index by which a member's purchases are counted.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"

SEGMENTS = """
create table segments (
  realm int4 not null references realms (id),
  id text collate "C" not null,
  name text not null,
  type text not null check (type in ('static', 'dynamic')),
  revision int8 not null check (revision > 0),
  conditions json not null,
  metadata json not null,
  created_at timestamptz not null,
  deleted_at timestamptz,
  primary key (realm, id)
);
create index segments_newest on segments (realm, created_at, id);

-- Of a static segment who is in it; of a dynamic one who was told to be, by segment.entered and segment.left.
create table segment_members (
  bucket int2 not null,
  realm int4 not null,
  segment_id text collate "C" not null,
  account_id text collate "C" not null,
  entered_at timestamptz not null,
  left_at timestamptz check (left_at >= entered_at),
  primary key (realm, account_id, segment_id, bucket)
);
create index segment_members_newest on segment_members (realm, segment_id, entered_at, account_id)
  where left_at is null;

-- What segments ask of a member: the last purchase, and those of a window.
create index payments_by_purchase on payments (realm, customer_id, occurred_at) where customer_id is not null;

grant select, insert, update on segments, segment_members to vinr_app;
"""


def upgrade() -> None:
    op.execute(SEGMENTS)
