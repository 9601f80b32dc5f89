"""Offers of both kinds with their revisions, who opted in, and every redemption; gifts cost no points.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"

OFFERS = """
create table offers (
  realm int4 not null,
  id text collate "C" not null,
  kind text not null check (kind in ('engagement', 'checkout')),
  program_id text collate "C",
  revision int8 not null check (revision > 0),
  name text not null,
  terms json not null,
  starts_at timestamptz,
  ends_at timestamptz,
  status text not null check (status in ('draft', 'published', 'paused')),
  metadata json not null,
  created_at timestamptz not null,
  closed_at timestamptz,
  deleted_at timestamptz,
  check (ends_at > starts_at),
  check (kind = 'engagement' or (program_id is null and status <> 'draft')),
  primary key (realm, id)
);
create index offers_newest on offers (realm, kind, created_at, id);
-- Windows whose end is still to be written.
create index offers_ending on offers (ends_at)
  where closed_at is null and deleted_at is null and status <> 'draft' and ends_at is not null;

-- What each redemption was made under, for good (R16).
create table offer_revisions (
  realm int4 not null,
  offer_id text collate "C" not null,
  revision int8 not null,
  name text not null,
  terms json not null,
  starts_at timestamptz,
  ends_at timestamptz,
  created_at timestamptz not null,
  primary key (realm, offer_id, revision)
);

create table offer_claims (
  bucket int2 not null,
  realm int4 not null,
  offer_id text collate "C" not null,
  account_id text collate "C" not null,
  offer_revision int8 not null,
  created_at timestamptz not null,
  primary key (realm, account_id, offer_id, bucket)
);

create table offer_redemptions (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  offer_id text collate "C" not null,
  offer_revision int8 not null,
  account_id text collate "C",
  status text not null check (status in ('reserved', 'confirmed', 'released', 'refunded')),
  entry_id text collate "C",
  redemption_id text collate "C",
  payment_id text collate "C",
  session_id text collate "C",
  discount_minor int8 check (discount_minor >= 0),
  currency text,
  receipt json not null,
  created_at timestamptz not null,
  redeemed_at timestamptz,
  freed_at timestamptz,
  check ((status in ('confirmed', 'refunded')) = (redeemed_at is not null)),
  check ((status in ('released', 'refunded')) = (freed_at is not null)),
  check (status not in ('reserved', 'released') or session_id is not null),
  primary key (realm, id, bucket)
) with (fillfactor = 85);
create index offer_redemptions_of_offer on offer_redemptions (realm, offer_id, id);
create index offer_redemptions_of_session on offer_redemptions (realm, session_id) where session_id is not null;

-- What checkout sessions hold of a cap besides what is used.
alter table counters add column reserved int8 not null default 0 check (reserved >= 0);
alter table counters alter column reserved drop default;

-- A gift is a redemption that cost nothing and moved nothing.
alter table redemptions alter column entry_id drop not null;
alter table redemptions drop constraint redemptions_points_spent_check;
alter table redemptions add constraint redemptions_points_spent_check
  check (points_spent >= 0 and (points_spent > 0) = (entry_id is not null));
alter table redemptions drop constraint redemptions_check;
alter table redemptions add constraint redemptions_canceled_check
  check ((status = 'canceled' and entry_id is not null) = (cancellation_id is not null));

grant select, insert on offers, offer_revisions, offer_claims, offer_redemptions to vinr_app;
grant update on offers, offer_redemptions to vinr_app;
"""


def upgrade() -> None:
    op.execute(OFFERS)
