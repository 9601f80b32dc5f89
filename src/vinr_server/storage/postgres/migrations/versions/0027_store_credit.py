"""Store credit: wallets beside accounts; lots, entries, uses and holds serve both (R25).

Revision ID: 0027
"""

from alembic import op

revision = "0027"
down_revision = "0026"

WALLETS = """
create table wallets (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  customer_id text collate "C" not null,
  currency text not null check (length(currency) = 3),
  clock_id text collate "C",
  ledger_balance_points int8 not null check (ledger_balance_points >= 0),
  sequence int8 not null,
  next_expiry_at timestamptz,
  created_at timestamptz not null,
  held_points int8 not null default 0 check (held_points between 0 and ledger_balance_points),
  due_at timestamptz,
  merged_into text collate "C",
  primary key (realm, id, bucket),
  check (due_at is not null or held_points = 0),
  check (merged_into is null or ledger_balance_points = 0)
);
create unique index wallets_of_customer on wallets (realm, customer_id, currency, bucket);
create index wallets_newest on wallets (realm, created_at, id);
create index wallets_due on wallets (realm, clock_id, due_at) where due_at is not null;
create index wallets_timely on wallets (clock_id, least(next_expiry_at, due_at))
  where least(next_expiry_at, due_at) is not null;
grant select, insert, update on wallets to vinr_app;
create table credit_settings (
  realm int4 not null,
  id text collate "C" not null,
  default_expiry_months int8 check (default_expiry_months between 1 and 1200),
  expiry_rounding text not null,
  created_at timestamptz not null,
  primary key (realm, id)
);
grant select, insert, update on credit_settings to vinr_app;
"""

# A lot of credit says why it was granted. A hold of a session's credit is for no reward.
LEDGER = """
alter table lots add column origin text
  check (origin in ('promotional', 'goodwill', 'refund', 'reward', 'purchase'));
alter table holds alter column reward_id drop not null;
alter table entries drop constraint entries_check, drop constraint entries_kind_check;
alter table entries add constraint entries_check check (points + pending_points > 0 or kind in
    ('adjustment', 'redemption', 'reversal', 'expiry', 'transfer', 'activation', 'spend')),
  add constraint entries_kind_check check (kind in ('award', 'adjustment', 'redemption', 'redemption_cancellation',
    'reversal', 'reinstatement', 'expiry', 'transfer', 'activation', 'grant', 'spend', 'return')),
  add constraint entries_credit_check check (starts_with(account_id, 'crd_') = starts_with(id, 'crt_')
    and (not starts_with(account_id, 'crd_') or (balance_after_points >= 0 and pending_points = 0)));
create index entries_of_credit_by_source on entries (realm, source_id)
  where source_id is not null and kind in ('grant', 'spend');
create or replace view postings as
  select realm, id as entry_id, account_id as ledger, points from entries
  union all
  select realm, id, case kind
      when 'award' then 'points_issued' when 'activation' then 'points_issued' when 'adjustment' then 'points_adjusted'
      when 'reversal' then 'points_clawed_back' when 'reinstatement' then 'points_clawed_back'
      when 'expiry' then 'points_expired' when 'transfer' then 'points_transferred'
      when 'grant' then 'credit_granted' when 'spend' then 'credit_spent' when 'return' then 'credit_spent'
      else 'points_redeemed' end, -points
  from entries;
"""


def upgrade() -> None:
    """Two tables that are empty at first, a column, and checks that allow more."""
    for statements in (WALLETS, LEDGER):
        op.execute(statements)
