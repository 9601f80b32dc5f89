"""Who is held out of a campaign, what converts a passage, and what caps on frequency count (R47, R50, R51).

Revision ID: 0044
"""

from alembic import op

revision = "0044"
down_revision = "0043"

# Who is held out is over with the goal, which is known from the beginning.
STATEMENTS = """
alter table campaign_enrolments
  add column entry_revision int8,
  add column goal_until timestamptz,
  add column goals json not null default '[]',
  add column converted text collate "C" check (converted is null or goal_until is not null),
  drop constraint campaign_enrolments_status_check,
  drop constraint campaign_enrolments_check1,
  add constraint campaign_enrolments_status_check check (status in ('open', 'holdout', 'over', 'failed')),
  add constraint campaign_enrolments_over_check check ((over_at is null) = (status in ('open', 'failed'))),
  add constraint campaign_enrolments_holdout_check check (status <> 'holdout' or (step is null and position = 0));
update campaign_enrolments set entry_revision = revision;
alter table campaign_enrolments alter column entry_revision set not null;
create index campaign_enrolments_goals on campaign_enrolments (realm, account_id, goal_until)
  where status in ('holdout', 'over') and goal_until is not null;
create index campaign_steps_messages on campaign_steps (realm, account_id, at)
  where kind = 'send_event' and outcome = 'done';
"""


def upgrade() -> None:
    """Columns that are empty at first, the revision of each entry, and two indexes."""
    op.execute(STATEMENTS)
