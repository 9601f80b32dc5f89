"""Scans of campaigns are listed, and say whether they stopped on the way (R41).

Revision ID: 0046
"""

from alembic import op

revision = "0046"
down_revision = "0045"

STATEMENTS = """
alter table campaign_scans add column is_stopped bool not null default false;
alter table campaign_scans alter column is_stopped drop default;
alter table campaign_scans add constraint campaign_scans_stopped_check
  check (not is_stopped or (done_at is not null and not is_missed));
create index campaign_scans_newest on campaign_scans (realm, campaign_id, started_at, id);
"""


def upgrade() -> None:
    """A column with a constant default, which rewrites no table, and an index of a small one."""
    op.execute(STATEMENTS)
