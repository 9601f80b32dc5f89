"""When each member next enters or leaves a dynamic segment, and how far members are looked through for new conditions.

Revision ID: 0040
"""

from alembic import op

revision = "0040"
down_revision = "0039"

SEGMENTS = """
alter table accounts add column next_segments_at timestamptz, add column judged_scans json;
create index accounts_moving on accounts (realm, program_id, next_segments_at) where next_segments_at is not null;
alter table segments add column revised_at timestamptz, add column is_scanned boolean not null default true;
create index segments_scanning on segments (realm, id) where not is_scanned and deleted_at is null;
alter table test_clocks add column scans_begun json;
create table segment_scans (
  realm int4 not null references realms (id),
  id text collate "C" not null,
  revision int8 not null,
  cursor text collate "C" not null,
  members int8 not null check (members >= 0),
  started_at timestamptz not null,
  done_at timestamptz check (done_at >= started_at),
  primary key (realm, id)
);
grant select, insert, update on segment_scans to vinr_app;
"""

# Whoever is in one was found by looking at all members each minute; each is looked at once more, for when it moves.
SCANS = """
insert into segment_scans (realm, id, revision, cursor, members, started_at)
select realm, id, revision, '', 0, now() from segments where type = 'dynamic';
update segments set revised_at = now(), is_scanned = false where type = 'dynamic';
"""


def upgrade() -> None:
    """Columns, an index of those who move by time, and a scan of each dynamic segment."""
    for statements in (SEGMENTS, SCANS):
        op.execute(statements)
