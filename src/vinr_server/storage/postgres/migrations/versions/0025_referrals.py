"""Members bring others: referral programs, their members' codes, and who brought whom (R19).

Revision ID: 0025
"""

from alembic import op

revision = "0025"
down_revision = "0024"

# One for each program: it is created under the lock of the catalogue, and the index says so.
PROGRAMS = """
create table referral_programs (
  realm int4 not null,
  id text collate "C" not null,
  program_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  terms json not null,
  status text not null check (status in ('active', 'paused')),
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id)
);
create unique index referral_programs_of_program on referral_programs (realm, program_id);
create index referral_programs_newest on referral_programs (realm, created_at, id);
grant select, insert, update on referral_programs to vinr_app;
"""

# A code's id is the code, which the directory knows: that makes it unique in the realm.
CODES = """
create table referral_codes (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null check (id ~ '^[A-Z0-9-]{3,32}$'),
  account_id text collate "C" not null,
  is_active bool not null,
  clicks int8 not null check (clicks >= 0),
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create unique index referral_codes_of_account on referral_codes (realm, account_id, bucket);
create index referral_codes_newest on referral_codes (realm, created_at, id);
grant select, insert, update on referral_codes to vinr_app;
"""

# Two registrations of one customer that nobody enrolled have no row in common to lock: the unique index makes the
# second one run again.
REFERRALS = """
create table referrals (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  program_id text collate "C" not null,
  referral_program_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  terms json not null,
  referrer_id text collate "C" not null,
  referrer_customer_id text collate "C" not null,
  code text collate "C",
  customer_id text collate "C" not null,
  status text not null check (status in ('registered', 'rejected', 'expired')),
  registered_at timestamptz not null,
  expires_at timestamptz check (expires_at > registered_at),
  reason text,
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create unique index referrals_in_force on referrals (realm, customer_id, program_id, bucket)
  where status = 'registered';
create index referrals_of_customer on referrals (realm, customer_id);
create index referrals_of_referrer on referrals (realm, referrer_id, created_at, id);
create index referrals_newest on referrals (realm, created_at, id);
create index referrals_due on referrals (realm, program_id, expires_at)
  where status = 'registered' and expires_at is not null;
grant select, insert, update on referrals to vinr_app;
"""


def upgrade() -> None:
    """Three tables, empty at first."""
    for statements in (PROGRAMS, CODES, REFERRALS):
        op.execute(statements)
