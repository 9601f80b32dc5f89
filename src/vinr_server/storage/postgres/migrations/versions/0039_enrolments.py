"""Members in campaigns: where each stands, and the log of its steps (R42, R44, R53).

Revision ID: 0039
"""

from alembic import op

revision = "0039"
down_revision = "0038"

# Each step moves due_at, so no update is HOT: room on the page keeps the row near its versions, and the dead are
# collected early.
STATEMENTS = """
alter table campaigns add column pauses json not null default '[]';

create table campaign_enrolments (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  campaign_id text collate "C" not null,
  program_id text collate "C" not null,
  account_id text collate "C" not null,
  customer_id text collate "C" not null,
  entry_key text collate "C" not null,
  revision int8 not null check (revision > 0),
  status text not null check (status in ('open', 'over', 'failed')),
  step text,
  position int8 not null check (position >= 0),
  entered_at timestamptz not null,
  since_at timestamptz not null,
  waits_since timestamptz,
  due_at timestamptz,
  heard json not null,
  ways json not null,
  results json not null,
  entry json not null,
  entry_type text not null check (entry_type in ('event', 'call')),
  entry_source text collate "C",
  pauses int8 not null check (pauses >= 0),
  outcome text check ((outcome is null) = (status <> 'over')),
  over_at timestamptz check ((over_at is null) = (status <> 'over')),
  failures int8 not null check (failures >= 0),
  error text,
  -- Nobody is in a campaign and nowhere: who is open is due some time.
  check (status <> 'open' or (step is not null and due_at is not null)),
  check (status = 'open' or due_at is null),
  primary key (realm, id, bucket)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_limit = 2000);
create unique index campaign_enrolments_of_key on campaign_enrolments
  (realm, account_id, campaign_id, entry_key, bucket);
create index campaign_enrolments_of_member on campaign_enrolments (realm, account_id, campaign_id, entered_at, id);
create index campaign_enrolments_open on campaign_enrolments (realm, account_id) where status in ('open', 'failed');
create index campaign_enrolments_due on campaign_enrolments (realm, campaign_id, due_at) where due_at is not null;
create index campaign_enrolments_of_campaign on campaign_enrolments (realm, campaign_id, entered_at, id);
create index campaign_enrolments_newest on campaign_enrolments (realm, entered_at, id);

create table campaign_steps (
  bucket int2 not null,
  realm int4 not null,
  enrolment_id text collate "C" not null,
  position int8 not null check (position > 0),
  account_id text collate "C" not null,
  campaign_id text collate "C" not null,
  step text not null,
  kind text not null,
  revision int8 not null check (revision > 0),
  outcome text not null,
  at timestamptz not null,
  detail json not null,
  primary key (realm, enrolment_id, position, bucket)
);
create index campaign_steps_of_campaign on campaign_steps (realm, campaign_id, revision, step);
grant select, insert, update on campaign_enrolments to vinr_app;
grant select, insert on campaign_steps to vinr_app;
"""


def upgrade() -> None:
    """A column with a default, and two tables, empty at first."""
    op.execute(STATEMENTS)
