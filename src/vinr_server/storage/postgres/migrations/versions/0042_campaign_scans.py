"""Members enter campaigns by a schedule, or because they are in a segment when the campaign begins (R41, R58).

Revision ID: 0042
"""

from alembic import op

revision = "0042"
down_revision = "0041"

STATEMENTS = """
alter table campaigns add column next_entry_at timestamptz;
create index campaigns_scheduled on campaigns (next_entry_at) where next_entry_at is not null and archived_at is null;
alter table test_clocks add column target_at timestamptz check (target_at > frozen_at);

alter table campaign_enrolments drop constraint campaign_enrolments_entry_type_check;
alter table campaign_enrolments add constraint campaign_enrolments_entry_type_check
  check (entry_type in ('event', 'call', 'schedule', 'segment'));

create table campaign_scans (
  realm int4 not null,
  id text collate "C" not null,
  campaign_id text collate "C" not null,
  name text collate "C" not null,
  entry_type text not null check (entry_type in ('schedule', 'segment')),
  program_id text collate "C" not null,
  segment_id text collate "C",
  cursor_at timestamptz not null,
  cursor text collate "C" not null,
  as_of timestamptz not null,
  started_at timestamptz not null,
  done_at timestamptz check (done_at >= started_at),
  is_missed bool not null check (not is_missed or done_at is not null),
  entered int8 not null check (entered >= 0),
  refused int8 not null check (refused >= 0),
  primary key (realm, id)
);
create index campaign_scans_open on campaign_scans (started_at, realm, id) where done_at is null;
grant select, insert, update on campaign_scans to vinr_app;
"""


def upgrade() -> None:
    """Two columns that are null at first, two kinds of entry more, and a table, empty at first."""
    op.execute(STATEMENTS)
