"""Offers are granted to members, a use each (R48).

Revision ID: 0033
"""

from alembic import op

revision = "0033"
down_revision = "0032"

STATEMENTS = """
create table offer_grants (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  offer_id text collate "C" not null,
  account_id text collate "C" not null,
  source json,
  granted_at timestamptz not null,
  expires_at timestamptz check (expires_at > granted_at),
  status text not null check (status in ('open', 'redeemed', 'withdrawn')),
  redemption_id text collate "C",
  withdrawn_at timestamptz,
  created_at timestamptz not null,
  primary key (realm, id, bucket),
  check (status <> 'redeemed' or redemption_id is not null),
  check (status <> 'withdrawn' or withdrawn_at is not null),
  check (status <> 'open' or withdrawn_at is null)
);
create index offer_grants_open on offer_grants (realm, account_id, expires_at) where status = 'open';
create index offer_grants_newest on offer_grants (realm, created_at, id);
create index offer_grants_of_account on offer_grants (realm, account_id, created_at, id);
create index offer_grants_of_offer on offer_grants (realm, offer_id, created_at, id);
create index offer_grants_of_campaign on offer_grants (realm, (source ->> 'campaign'), created_at, id)
  where source ->> 'campaign' is not null;
grant select, insert, update on offer_grants to vinr_app;
alter table offer_redemptions add column grant_id text collate "C";
"""


def upgrade() -> None:
    """A table that is empty at first, and a column that rewrites none."""
    op.execute(STATEMENTS)
