"""Programs remind members of points that end soon: each account knows when it has its next reminder.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"

# No program has reminders yet, so no account has one ahead. The index holds only accounts of programs that have.
REMINDERS = """
alter table programs add column reminder_plans json not null default '[]';
alter table accounts add column next_reminder_at timestamptz,
  add column reminder_revision int8 not null default 0 check (reminder_revision >= 0);
create index accounts_reminding on accounts (realm, program_id, next_reminder_at) where next_reminder_at is not null;
"""


def upgrade() -> None:
    """Three columns and an index."""
    op.execute(REMINDERS)
