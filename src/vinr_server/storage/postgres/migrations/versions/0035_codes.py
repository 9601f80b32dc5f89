"""Codes open offers: found by their keys, each its own counter (R60 to R63).

Revision ID: 0035
"""

from alembic import op

revision = "0035"
down_revision = "0034"

# The bucket is that of the key, so that one key has one holder without an index over all nodes.
CODES = """
create table codes (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  folded text collate "C" not null check (folded <> ''),
  code text not null,
  holds_key bool not null,
  offer_id text collate "C",
  account_id text collate "C",
  status text not null check (status in ('active', 'disabled')),
  max_redemptions int8 check (max_redemptions > 0),
  used int8 not null,
  reserved int8 not null,
  starts_at timestamptz,
  expires_at timestamptz check (expires_at > starts_at),
  metadata json not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket),
  check (used >= 0 and reserved >= 0 and used + reserved <= max_redemptions)
) with (fillfactor = 85);
create unique index codes_by_key on codes (realm, folded, bucket) where holds_key;
create index codes_of_offer on codes (realm, offer_id, created_at, id) where offer_id is not null;
create index codes_of_account on codes (realm, account_id) where account_id is not null;
create index codes_newest on codes (realm, created_at, id) where offer_id is not null;
grant select, insert, update on codes to vinr_app;
"""

# Members' referral codes hold their keys like all others. They have only ASCII letters, digits and hyphens.
REFERRALS = """
insert into codes
select get_byte(sha256(convert_to(k.realm || '/' || k.key, 'UTF8')), 0), k.realm,
  'code_' || substr(encode(sha256(convert_to(k.realm || '/' || k.id, 'UTF8')), 'hex'), 1, 25)
    || lpad(to_hex(get_byte(sha256(convert_to(k.realm || '/' || k.key, 'UTF8')), 0)), 2, '0'),
  k.key, k.id, row_number() over (partition by k.realm, k.key order by k.created_at, k.id) = 1,
  null, null, 'active', null, 0, 0, null, null, '{}', k.created_at
from (select c.*, replace(lower(c.id), '-', '') as key from referral_codes c) k
where k.key <> '';
"""

USES = """
alter table offer_redemptions add column code_id text collate "C",
  add column counts_for_code bool not null default false,
  add constraint offer_redemptions_code_check check (not counts_for_code or code_id is not null);
create index offer_redemptions_held_of_code on offer_redemptions (realm, code_id)
  where status = 'reserved' and code_id is not null;
alter table checkout_sessions add column codes json not null default '[]';
"""


def upgrade() -> None:
    """A new table; columns with defaults, which rewrite no table; the check reads redemptions once."""
    for statements in (CODES, REFERRALS, USES):
        op.execute(statements)
