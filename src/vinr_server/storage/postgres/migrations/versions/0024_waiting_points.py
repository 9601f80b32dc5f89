"""Points may wait: pending until an instant, or reserved by a hold until it is captured or released (R10, R11).

Revision ID: 0024
"""

from alembic import op

revision = "0024"
down_revision = "0023"

SETTINGS = """
alter table programs add column pending_days int8 not null default 0 check (pending_days between 0 and 365);
alter table earning_rules add column pending_days int8 check (pending_days between 0 and 365);
alter table earning_rule_revisions add column pending_days int8 check (pending_days between 0 and 365);
"""

# Nothing waits yet. The indexes hold only what does.
ACCOUNTS = """
alter table accounts add column pending_points int8 not null default 0 check (pending_points >= 0),
  add column held_points int8 not null default 0 check (held_points >= 0),
  add column due_at timestamptz,
  add constraint accounts_waiting_check check (
    due_at is not null or (pending_points = 0 and held_points = 0));
create index accounts_due on accounts (realm, program_id, due_at) where due_at is not null;
alter table lots add column pending_points int8 not null default 0 check (pending_points between 0 and points),
  add column held_points int8 not null default 0 check (held_points between 0 and remaining_points),
  add constraint lots_pending_check check (pending_points = 0 or remaining_points = 0);
create index lots_waiting on lots (realm, account_id, available_at) where pending_points > 0 or held_points > 0;
"""

# Captured points of a hold may leave a balance below 0: what was taken back meanwhile went around them.
ENTRIES = """
alter table entries add column pending_points int8 not null default 0;
alter table entries drop constraint entries_points_check, drop constraint entries_check,
  drop constraint entries_check1, drop constraint entries_kind_check;
alter table entries add constraint entries_points_check check (points <> 0 or pending_points <> 0),
  add constraint entries_check check (points + pending_points > 0 or kind in
    ('adjustment', 'redemption', 'reversal', 'expiry', 'transfer', 'activation')),
  add constraint entries_check1 check (
    balance_after_points >= 0 or points >= 0 or kind in ('reversal', 'transfer', 'redemption')
    or source_type is not distinct from 'import'),
  add constraint entries_pending_check check (
    pending_points = 0 or points = 0 or kind in ('activation', 'reinstatement', 'transfer')),
  add constraint entries_activation_check check (kind <> 'activation' or (points > 0 and points = -pending_points)),
  add constraint entries_kind_check check (kind in ('award', 'adjustment', 'redemption', 'redemption_cancellation',
    'reversal', 'reinstatement', 'expiry', 'transfer', 'activation'));
create or replace view postings as
  select realm, id as entry_id, account_id as ledger, points from entries
  union all
  select realm, id, case kind
      when 'award' then 'points_issued' when 'activation' then 'points_issued' when 'adjustment' then 'points_adjusted'
      when 'reversal' then 'points_clawed_back' when 'reinstatement' then 'points_clawed_back'
      when 'expiry' then 'points_expired' when 'transfer' then 'points_transferred' else 'points_redeemed' end, -points
  from entries;
"""

HOLDS = """
create table holds (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  account_id text collate "C" not null,
  lots json not null,
  reward_id text collate "C" not null,
  discount_id text collate "C",
  expires_at timestamptz not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  primary key (realm, id, bucket)
);
create index holds_in_force on holds (realm, account_id) where ended_at is null;
grant select, insert, update on holds to vinr_app;
alter table refunds add column pending_points_reversed int8 not null default 0;
alter table redemptions add column held_points int8 not null default 0 check (held_points >= 0),
  add column expires_at timestamptz,
  add column captured_at timestamptz;
alter table redemptions drop constraint redemptions_status_check;
alter table redemptions add constraint redemptions_status_check check
    (status in ('authorized', 'confirmed', 'canceled', 'expired')),
  add constraint redemptions_held_check check (
    (expires_at is not null) = (held_points > 0)
    and (status not in ('authorized', 'expired') or (held_points > 0 and entry_id is null)));
"""


def upgrade() -> None:
    """Columns, checks that allow more, one table, and indexes that are empty at first."""
    for statements in (SETTINGS, ACCOUNTS, ENTRIES, HOLDS):
        op.execute(statements)
