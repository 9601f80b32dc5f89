"""The ledger, its members and its catalogue.

Conventions of every table: `realm` is one tenant's test or live data and part of every key; member-owned rows carry the
`bucket` of their customer (a byte of a hash), so that a member's rows can live on one node; ids sort under "C".
The application role inserts and selects ledger rows and never changes them.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None

CONFIGURATION = """
create table tenants (
  id text collate "C" primary key,
  name text not null,
  timezone text not null default 'UTC',
  created_at timestamptz not null default now()
);

create table realms (
  id int4 generated always as identity primary key,
  tenant_id text collate "C" not null references tenants (id),
  livemode bool not null,
  catalogue_revision int8 not null default 0,
  unique (tenant_id, livemode)
);

create table api_keys (
  realm int4 not null references realms (id),
  id text collate "C" not null,
  key_hash bytea not null unique,
  name text,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (realm, id)
);

create table test_clocks (
  realm int4 not null,
  id text collate "C" not null,
  name text,
  frozen_at timestamptz not null,
  status text not null check (status in ('ready', 'advancing')),
  created_at timestamptz not null,
  deleted_at timestamptz,
  primary key (realm, id)
);
create index test_clocks_advancing on test_clocks (realm, id) where status = 'advancing' and deleted_at is null;

create table programs (
  realm int4 not null,
  id text collate "C" not null,
  name text not null,
  currency_name text not null,
  expiry_months int8 check (expiry_months > 0),
  expiry_rounding text not null,
  timezone text not null,
  tiers json not null,
  status text not null check (status in ('active', 'archived')),
  clock_id text collate "C",
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id)
);

create table earning_rules (
  realm int4 not null,
  id text collate "C" not null,
  program_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  trigger text not null,
  earn json not null,
  conditions json not null,
  multipliers json not null,
  is_active bool not null,
  metadata json not null,
  created_at timestamptz not null,
  deleted_at timestamptz,
  primary key (realm, id)
);

-- What each award was made under, for good (R16).
create table earning_rule_revisions (
  realm int4 not null,
  rule_id text collate "C" not null,
  revision int8 not null,
  trigger text not null,
  earn json not null,
  conditions json not null,
  multipliers json not null,
  created_at timestamptz not null,
  primary key (realm, rule_id, revision)
);

create table rewards (
  realm int4 not null,
  id text collate "C" not null,
  program_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  name text not null,
  cost_points int8 not null check (cost_points > 0),
  benefit json not null,
  stock int8 check (stock >= 0),
  per_member_limit int8 check (per_member_limit > 0),
  tiers json not null,
  starts_at timestamptz,
  ends_at timestamptz,
  status text not null check (status in ('active', 'archived')),
  metadata json not null,
  created_at timestamptz not null,
  check (ends_at > starts_at),
  primary key (realm, id)
);
"""

MEMBERS = """
-- Ids that callers chose: unique whichever member they name, resolved to the bucket of their row.
create table directory (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  owner_bucket int2 not null,
  fingerprint bytea not null,
  primary key (realm, id, bucket)
);

create table customers (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  name text,
  email text,
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create index customers_newest on customers (realm, created_at, id);

-- fillfactor: an account is updated with every entry; with room on its page the update touches no index.
create table accounts (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  program_id text collate "C" not null,
  customer_id text collate "C" not null,
  ledger_balance_points int8 not null,
  lifetime_points int8 not null check (lifetime_points >= 0),
  sequence int8 not null check (sequence >= 0),
  payment_count int8 not null,
  tier text,
  next_expiry_at timestamptz,
  status text not null check (status in ('active', 'closed')),
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket),
  unique (realm, customer_id, program_id, bucket)
) with (fillfactor = 70);
create index accounts_newest on accounts (realm, program_id, created_at, id);
create index accounts_expiring on accounts (realm, program_id, next_expiry_at) where next_expiry_at is not null;
"""

LEDGER = """
create table entries (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  account_id text collate "C" not null,
  sequence int8 not null check (sequence > 0),
  kind text not null check
    (kind in ('award', 'adjustment', 'redemption', 'redemption_cancellation', 'reversal', 'expiry')),
  points int8 not null check (points <> 0),
  balance_after_points int8 not null,
  reason text,
  source_type text,
  source_id text collate "C",
  rule_id text collate "C",
  rule_revision int8,
  reverses_id text collate "C",
  receipt json not null,
  metadata json not null,
  occurred_at timestamptz not null,
  created_at timestamptz not null,
  check (points > 0 or kind in ('adjustment', 'redemption', 'reversal', 'expiry')),
  check (balance_after_points >= 0 or points > 0 or kind = 'reversal'),
  primary key (realm, id, bucket),
  unique (realm, account_id, sequence, bucket)
);
-- An automatic award is unique on account, rule and source; awards of a payment are found by it.
create unique index entries_by_source on entries (realm, source_id, account_id, rule_id, bucket)
  where source_id is not null and kind = 'award';
create index entries_by_reversed on entries (realm, reverses_id) where reverses_id is not null;

create table lots (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  account_id text collate "C" not null,
  sequence int8 not null,
  points int8 not null check (points > 0),
  remaining_points int8 not null,
  expired_points int8 not null check (expired_points between 0 and points),
  reversed_points int8 not null check (reversed_points between 0 and points),
  available_at timestamptz not null,
  expires_at timestamptz check (expires_at > available_at),
  check (remaining_points between 0 and points),
  primary key (realm, id, bucket)
) with (fillfactor = 85);
create index lots_live on lots (realm, account_id, expires_at, available_at, sequence) where remaining_points > 0;

create table lot_uses (
  bucket int2 not null,
  realm int4 not null,
  entry_id text collate "C" not null,
  lot_id text collate "C" not null,
  cause_id text collate "C" not null,
  points int8 not null check (points <> 0),
  primary key (realm, entry_id, lot_id, cause_id, bucket)
);

create table deficits (
  bucket int2 not null,
  realm int4 not null,
  entry_id text collate "C" not null,
  account_id text collate "C" not null,
  sequence int8 not null,
  points int8 not null check (points > 0),
  remaining_points int8 not null check (remaining_points between 0 and points),
  primary key (realm, entry_id, bucket)
);
create index deficits_unpaid on deficits (realm, account_id) where remaining_points > 0;

create table redemptions (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  account_id text collate "C" not null,
  reward_id text collate "C" not null,
  reward_revision int8 not null,
  status text not null check (status in ('confirmed', 'canceled')),
  points_spent int8 not null check (points_spent > 0),
  entry_id text collate "C" not null,
  cancellation_id text collate "C",
  discount_id text collate "C",
  voucher_code text,
  took_stock bool not null,
  benefit json not null,
  metadata json not null,
  created_at timestamptz not null,
  canceled_at timestamptz,
  check ((status = 'canceled') = (cancellation_id is not null)),
  primary key (realm, id, bucket)
);
create index redemptions_of_account on redemptions (realm, account_id, id);

create table discounts (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  account_id text collate "C" not null,
  redemption_id text collate "C" not null,
  benefit json not null,
  status text not null check (status in ('issued', 'consumed', 'void')),
  payment_id text collate "C",
  created_at timestamptz not null,
  consumed_at timestamptz,
  primary key (realm, id, bucket)
);

-- Caps: one row for each owner, locked by the transaction that counts.
create table counters (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  used int8 not null check (used >= 0),
  primary key (realm, id, bucket)
) with (fillfactor = 50);
"""

PAYMENTS = """
create table payments (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  customer_id text collate "C",
  account_id text collate "C",
  amount_minor int8 not null check (amount_minor >= 0),
  currency text not null,
  minor_per_unit int8 not null,
  eligible_minor int8 not null check (eligible_minor between 0 and amount_minor),
  tax_minor int8 not null,
  shipping_minor int8 not null,
  tenders json not null,
  discount_ids json not null,
  lines json not null,
  refunded_minor int8 not null check (refunded_minor between 0 and amount_minor),
  refund_count int8 not null,
  outcome json not null,
  metadata json not null,
  occurred_at timestamptz not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create index payments_newest on payments (realm, created_at, id);
create index payments_of_customer on payments (realm, customer_id, created_at, id) where customer_id is not null;

create table refunds (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  payment_id text collate "C" not null,
  amount_minor int8 not null check (amount_minor >= 0),
  eligible_minor int8,
  reason text,
  points_reversed int8 not null,
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create index refunds_of_payment on refunds (realm, payment_id);

create table events (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  type text not null,
  account_id text collate "C",
  data json not null,
  created_at timestamptz not null,
  outcome json,
  is_deliverable bool not null,
  request_id text,
  idempotency_key text,
  primary key (realm, id, bucket)
);
create index events_newest on events (realm, created_at, id);

-- One effect for each key. The answer of a ledger write is the payload of its event; other answers stand here for 30
-- days.
create table idempotency_keys (
  bucket int2 not null,
  realm int4 not null,
  operation text not null,
  key text collate "C" not null,
  fingerprint bytea not null,
  status int2 not null,
  event_id text collate "C",
  reply json,
  is_kept bool not null,
  created_at timestamptz not null,
  check ((event_id is null) <> (reply is null)),
  primary key (realm, key, operation, bucket)
);
create index idempotency_keys_of_30_days on idempotency_keys (created_at) where not is_kept;

-- A batch writes its id in its own transaction; when the reply to COMMIT is lost, the row tells whether it happened.
create table batches (
  id uuid primary key,
  committed_at timestamptz not null default now()
);
create index batches_oldest on batches (committed_at);
"""

# The legs of each entry: the member's account, and the program's side of the same movement. They sum to 0.
POSTINGS = """
create view postings as
  select realm, id as entry_id, account_id as ledger, points from entries
  union all
  select realm, id, case kind
      when 'award' then 'points_issued' when 'adjustment' then 'points_adjusted' when 'reversal' then
        'points_clawed_back'
      when 'expiry' then 'points_expired' else 'points_redeemed' end, -points
  from entries;
"""

GRANTS = """
do $$ begin
  if not exists (select from pg_roles where rolname = 'vinr_app') then create role vinr_app nologin; end if;
exception when duplicate_object or unique_violation then null; -- another database of the cluster was migrated just now
end $$;
grant usage on schema public to vinr_app;
grant select on all tables in schema public to vinr_app;
grant insert on all tables in schema public to vinr_app;
-- Entries, lot uses, events and rule revisions are written once; the rest may move on.
grant update on tenants, realms, api_keys, test_clocks, programs, earning_rules, rewards, customers, accounts, lots,
  deficits,
  redemptions, discounts, counters, payments to vinr_app;
grant delete on idempotency_keys, batches to vinr_app;
"""


def upgrade() -> None:
    for part in (CONFIGURATION, MEMBERS, LEDGER, PAYMENTS, POSTINGS, GRANTS):
        op.execute(part)
