"""Members who come from another system: what they brought, and debts that no clawback made.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"

# One for each account: an import that is run again finds it. What lifetime counts beyond the entries stands here alone.
OPENINGS = """
create table openings (
  bucket int2 not null,
  realm int4 not null,
  account_id text collate "C" not null,
  sequence int8 not null check (sequence >= 0),
  points int8 not null,
  lifetime_points int8 not null,
  tier text,
  joined_at timestamptz,
  fingerprint bytea not null,
  created_at timestamptz not null,
  primary key (realm, account_id, bucket)
);
grant select, insert on openings to vinr_app;
"""

DEBTS = """
alter table entries drop constraint entries_check1;
alter table entries add constraint entries_check1
  check (balance_after_points >= 0 or points > 0 or kind = 'reversal' or source_type is not distinct from 'import');
"""


def upgrade() -> None:
    """One table, and one check that allows more."""
    for statements in (OPENINGS, DEBTS):
        op.execute(statements)
