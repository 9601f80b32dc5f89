"""Batches of codes: what their codes are, and how far each is (R64).

Revision ID: 0036
"""

from alembic import op

revision = "0036"
down_revision = "0035"

# What a batch is, is configuration; how far it is changes some hundred times while a million codes are made.
BATCHES = """
create table code_batches (
  realm int4 not null,
  id text collate "C" not null,
  offer_id text collate "C" not null,
  name text not null,
  pattern text not null,
  alphabet text not null,
  max_redemptions int8 check (max_redemptions > 0),
  expires_at timestamptz,
  low_at int8 check (low_at >= 0),
  status text not null check (status in ('active', 'disabled')),
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id)
);
create index code_batches_newest on code_batches (realm, created_at, id);
create table code_batch_progress (
  realm int4 not null,
  id text collate "C" not null,
  wanted int8 not null,
  made int8 not null check (made >= 0 and made <= wanted),
  announced int8 not null check (announced >= 0 and announced <= wanted),
  created_at timestamptz not null,
  primary key (realm, id)
);
create index code_batch_progress_open on code_batch_progress (realm, id) where made < wanted or announced < wanted;
grant select, insert, update on code_batches, code_batch_progress to vinr_app;
"""

CODES = """
alter table codes add column batch_id text collate "C", add column number int8 check (number > 0),
  add constraint codes_batch_check check ((batch_id is null) = (number is null));
create index codes_of_batch on codes (realm, batch_id, number) where batch_id is not null;
create index codes_used_of_batch on codes (realm, batch_id) where batch_id is not null and used > 0;
create index codes_assigned_of_batch on codes (realm, batch_id) where batch_id is not null and account_id is not null;
"""


def upgrade() -> None:
    """Tables that are empty at first; columns without defaults, which rewrite no table."""
    for statements in (BATCHES, CODES):
        op.execute(statements)
