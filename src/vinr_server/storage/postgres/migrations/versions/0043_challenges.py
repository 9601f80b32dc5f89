"""Challenges: what counts towards them for each member, and where members stand in their attempts (R54, R55).

Revision ID: 0043
"""

from alembic import op

revision = "0043"
down_revision = "0042"

# Who is in a challenge may rest: nothing is due until something counts. One that is over keeps what counts for a while,
# so the index of those who hear grows by it.
ENROLMENTS = """
alter table campaigns drop constraint campaigns_type_check,
  add constraint campaigns_type_check check (type in ('journey', 'challenge'));
alter table campaign_enrolments add column challenge json, add column hears_until timestamptz,
  drop constraint campaign_enrolments_check2, drop constraint campaign_enrolments_entry_type_check,
  add constraint campaign_enrolments_check2 check (
    status <> 'open' or (step is not null and (due_at is not null or (step = 'progress' and challenge is not null)))),
  add constraint campaign_enrolments_entry_type_check check (
    entry_type in ('event', 'call', 'contribution', 'schedule', 'segment')),
  add constraint campaign_enrolments_hears_check check (
    hears_until is null or (status = 'over' and challenge is not null));
drop index campaign_enrolments_open;
create index campaign_enrolments_open on campaign_enrolments (realm, account_id)
  where status in ('open', 'failed') or hears_until is not null;
"""

CONTRIBUTIONS = """
create table campaign_contributions (
  bucket int2 not null,
  realm int4 not null,
  enrolment_id text collate "C" not null,
  source_id text collate "C" not null,
  account_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  occurred_at timestamptz not null,
  sequence int8 not null check (sequence > 0),
  amount int8 not null check (amount > 0),
  kept_amount int8 not null check (kept_amount >= 0),
  created_at timestamptz not null,
  primary key (realm, enrolment_id, source_id, bucket)
) with (fillfactor = 90);
create index campaign_contributions_of_source on campaign_contributions (realm, source_id);
grant select, insert, update on campaign_contributions to vinr_app;
"""


def upgrade() -> None:
    """Two columns, checks that allow a passage to rest, another index of who hears, and an empty table."""
    for statements in (ENROLMENTS, CONTRIBUTIONS):
        op.execute(statements)
