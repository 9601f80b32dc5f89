"""Scans of campaigns are listed, may be stopped on the way and begun by a call, and keep a pace (R41, R51).

Revision ID: 0046
"""

from alembic import op

revision = "0046"
down_revision = "0045"

STATEMENTS = """
update campaign_scans set id = 'scan_' || campaign_id || '.' || name;
alter table campaign_scans add column is_stopped bool not null default false;
alter table campaign_scans alter column is_stopped drop default;
alter table campaign_scans add constraint campaign_scans_stopped_check
  check (not is_stopped or (done_at is not null and not is_missed));
alter table campaign_scans add column data json not null default '{}';
alter table campaign_scans alter column data drop default;
alter table campaign_scans drop constraint campaign_scans_entry_type_check;
alter table campaign_scans add constraint campaign_scans_entry_type_check
  check (entry_type in ('schedule', 'segment', 'call'));
create table campaign_paces (
  realm int4 not null,
  id text collate "C" not null,
  entered int8 not null check (entered >= 0),
  last_at timestamptz not null,
  due_at timestamptz not null check (due_at >= last_at),
  primary key (realm, id)
);
grant select, insert, update on campaign_paces to vinr_app;
create index campaign_scans_newest on campaign_scans (realm, campaign_id, started_at, id);
"""


def upgrade() -> None:
    """Columns with a constant default, which rewrite no table, an index of a small one, and a table, empty at first."""
    op.execute(STATEMENTS)
