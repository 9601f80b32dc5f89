"""Points end by inactivity where a program says so: an account knows when, and which of its lots do.

Revision ID: 0023
"""

from alembic import op

revision = "0023"
down_revision = "0022"

# No program does so yet. The indexes hold only accounts and lots of programs that do.
INACTIVITY = """
alter table programs add column expiry_mode text not null default 'fixed';
alter table accounts add column inactive_at timestamptz,
  add column is_inactive bool not null default false check (not is_inactive or inactive_at is not null);
create index accounts_idling on accounts (realm, program_id, inactive_at)
  where inactive_at is not null and not is_inactive;
alter table lots add column by_inactivity bool not null default false check (not by_inactivity or expires_at is null);
create index lots_idling on lots (realm, account_id) where by_inactivity and remaining_points > 0;
"""


def upgrade() -> None:
    """Four columns and two indexes."""
    op.execute(INACTIVITY)
