"""Codes that steps of campaigns give: how many codes of a batch are a member's, and which one was given last.

Revision ID: 0045
"""

from alembic import op

revision = "0045"
down_revision = "0044"

# Codes that nobody has, in the order in which steps give them.
CODES = """
alter table campaign_enrolments add column revoked json;
alter table code_batch_progress
  add column assigned int8 not null default 0,
  add column at_once int8 not null default 0,
  add column issued int8 not null default 0,
  add column is_low boolean not null default false;
update code_batch_progress p set assigned = t.assigned
from (select realm, batch_id, count(*) as assigned from codes
  where batch_id is not null and account_id is not null group by 1, 2) t
where t.realm = p.realm and t.batch_id = p.id;
alter table code_batch_progress
  add constraint code_batch_progress_assigned_check check (assigned >= 0 and assigned <= made),
  add constraint code_batch_progress_issued_check check (at_once >= 0 and issued >= 0 and at_once <= made
    and issued <= made);
alter table code_batch_progress alter column assigned drop default, alter column at_once drop default,
  alter column issued drop default, alter column is_low drop default;
drop index codes_assigned_of_batch;
create index codes_free_of_batch on codes (realm, batch_id, number)
  where batch_id is not null and account_id is null and used = 0;
"""


def upgrade() -> None:
    """Columns with a constant default, which rewrite no table; an index of the codes that are free."""
    op.execute(CODES)
