"""API keys of three kinds that expire and are rolled, and the audit of what was done to them.

Existing keys become secret keys: they may still do everything.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"

KEYS = """
alter table api_keys
  add column kind text not null default 'secret' check (kind in ('secret', 'restricted', 'publishable')),
  add column hint text not null default '',
  add column permissions json not null default '{}',
  add column expires_at timestamptz,
  add column replaced_by text collate "C",
  add column last_used_at timestamptz;
alter table api_keys alter column kind drop default, alter column hint drop default,
  alter column permissions drop default;
create index api_keys_newest on api_keys (realm, created_at, id);

-- What was done to a key, for good: by whom (a key's id, or cli), and from which address.
create table api_key_acts (
  realm int4 not null references realms (id),
  id text collate "C" not null,
  key_id text collate "C" not null,
  action text not null check (action in ('created', 'rolled', 'revoked')),
  actor text collate "C" not null,
  address text,
  request_id text,
  details json not null,
  created_at timestamptz not null,
  primary key (realm, id),
  foreign key (realm, key_id) references api_keys (realm, id)
);
create index api_key_acts_newest on api_key_acts (realm, created_at, id);
create index api_key_acts_of_key on api_key_acts (realm, key_id, created_at, id);
grant select, insert on api_key_acts to vinr_app;
"""


def upgrade() -> None:
    op.execute(KEYS)
