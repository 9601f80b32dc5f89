"""Campaigns: what is drafted, and what each published revision says (R20, R40).

Revision ID: 0038
"""

from alembic import op

revision = "0038"
down_revision = "0037"

STATEMENTS = """
create table campaigns (
  realm int4 not null,
  id text collate "C" not null,
  program_id text collate "C" not null,
  name text not null,
  type text not null check (type in ('journey')),
  revision int8 not null check (revision >= 0),
  drafted json,
  starts_at timestamptz,
  ends_at timestamptz check (ends_at > starts_at),
  priority int8 not null,
  metadata json not null,
  created_at timestamptz not null,
  published_at timestamptz check ((published_at is null) = (revision = 0)),
  paused_at timestamptz,
  archived_at timestamptz,
  check (revision > 0 or drafted is not null),
  primary key (realm, id)
);
create index campaigns_newest on campaigns (realm, created_at, id);

create table campaign_revisions (
  realm int4 not null,
  id text collate "C" not null,
  campaign_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  given json not null,
  definition json not null,
  created_at timestamptz not null,
  primary key (realm, id),
  unique (realm, campaign_id, revision)
);
grant select, insert, update on campaigns to vinr_app;
grant select, insert on campaign_revisions to vinr_app;
"""


def upgrade() -> None:
    """Two tables of configuration, empty at first."""
    op.execute(STATEMENTS)
