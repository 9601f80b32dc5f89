"""Tiers by other metrics and windows, how each is held, what counts towards it, and which were held before (R12).

Revision ID: 0029
"""

from alembic import op

revision = "0029"
down_revision = "0028"

PROGRAMS = """
alter table programs
  add column tier_policy json not null default '{"metric": "lifetime_points", "window": "lifetime"}',
  add column tier_plans json not null default '[]';
update programs set tiers = replace(tiers::text, '"threshold_points"', '"threshold"')::json;
"""

# Which tiers members were raised to so far is told by the events.
ACCOUNTS = """
alter table accounts add column standing json, add column tier_revision int8 not null default 1;
create index accounts_by_tier_plan on accounts (realm, program_id, tier_revision);
create table tier_credits (
  bucket int2 not null,
  realm int4 not null,
  account_id text collate "C" not null,
  counted_as text collate "C" not null,
  source_id text collate "C" not null,
  credited_at timestamptz not null,
  amount text not null,
  primary key (realm, account_id, counted_as, source_id, bucket)
);
create index tier_credits_recent on tier_credits (realm, account_id, counted_as, credited_at);
create table tier_changes (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  account_id text collate "C" not null,
  number int8 not null check (number >= 0),
  tier text,
  since timestamptz not null,
  cause json not null,
  primary key (realm, id, bucket)
);
create unique index tier_changes_of_account on tier_changes (realm, account_id, number, bucket);
grant select, insert, update on tier_credits, tier_changes to vinr_app;
insert into tier_changes (bucket, realm, id, account_id, number, tier, since, cause)
select bucket, realm, 'tch' || substr(id, 4), account_id,
  row_number() over (partition by realm, account_id order by sequence, id),
  data ->> 'to', created_at, (data -> 'cause')::jsonb || '{"type": "earned"}'
from events where type = 'loyalty.tier.changed' and account_id is not null;
insert into tier_changes (bucket, realm, id, account_id, number, tier, since, cause)
select distinct on (v.realm, v.account_id) v.bucket, v.realm, 'tch_0' || substr(v.id, 6), v.account_id, 0,
  v.data ->> 'from', a.created_at, '{"type": "enrolled"}'
from events v join accounts a on a.realm = v.realm and a.id = v.account_id
where v.type = 'loyalty.tier.changed' order by v.realm, v.account_id, v.sequence, v.id;
update accounts a set standing = json_build_object('since', to_json(c.since), 'changes', c.number + 1)
from (select distinct on (realm, account_id) realm, account_id, number, since from tier_changes
  order by realm, account_id, number desc) c
where a.realm = c.realm and a.id = c.account_id;
"""


def upgrade() -> None:
    """Columns, two tables, and what events know of the tiers that were reached."""
    for statements in (PROGRAMS, ACCOUNTS):
        op.execute(statements)
