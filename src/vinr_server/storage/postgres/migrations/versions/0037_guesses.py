"""Unknown codes are counted by whom they were presented, over all processes (R65).

Revision ID: 0037
"""

from alembic import op

revision = "0037"
down_revision = "0036"

# Kept for a day. What is counted may be lost with the server, as nothing but a minute's patience depends on it.
FAILURES = """
create table code_failures (
  realm int4 not null,
  client_hash bytea not null,
  minute timestamptz not null,
  failures int8 not null check (failures > 0),
  counted_at timestamptz not null,
  primary key (realm, client_hash, minute)
);
create index code_failures_by_time on code_failures (counted_at);
grant select, insert, update, delete on code_failures to vinr_app;
"""


def upgrade() -> None:
    """A new table, empty at first."""
    op.execute(FAILURES)
