"""Campaigns that move those who are inside to a newer revision, or clear them out (R52, R53).

Revision ID: 0041
"""

from alembic import op

revision = "0041"
down_revision = "0040"

STATEMENTS = """
alter table campaigns
  add column move json,
  add column is_cleared bool not null default false check (not is_cleared or archived_at is not null);
create index campaign_enrolments_inside on campaign_enrolments (realm, campaign_id, revision)
  where status in ('open', 'failed');
"""


def upgrade() -> None:
    """Two columns with defaults, and an index by which those are found who follow an older revision."""
    op.execute(STATEMENTS)
