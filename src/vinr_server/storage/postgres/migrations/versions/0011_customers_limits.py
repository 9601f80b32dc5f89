"""Offers for all programs count by customer: the claims and counters of a customer's accounts are merged (R21).

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"

# Whose claim it is: the account's where the offer names a program, else the customer's. The oldest claim holds.
CLAIMS = """
alter table offer_claims add column member_id text collate "C";
update offer_claims c set member_id = case when o.program_id is null then a.customer_id else a.id end
from offers o, accounts a
where o.realm = c.realm and o.id = c.offer_id and a.realm = c.realm and a.id = c.account_id and a.bucket = c.bucket;
delete from offer_claims c using offer_claims older
where older.realm = c.realm and older.bucket = c.bucket and older.offer_id = c.offer_id
  and older.member_id = c.member_id and (older.created_at, older.account_id) < (c.created_at, c.account_id);
alter table offer_claims alter column member_id set not null;
alter table offer_claims drop constraint offer_claims_pkey;
alter table offer_claims add constraint offer_claims_pkey primary key (realm, member_id, offer_id, bucket);
"""

# `offer:<account>:<offer>` becomes `offer:<customer>:<offer>`, summed up; all accounts of a customer share its bucket.
COUNTERS = """
with moved as (
  delete from counters c using offers o, accounts a
  where c.id like 'offer:loy\\_%' and o.program_id is null
    and a.realm = c.realm and a.bucket = c.bucket and a.id = split_part(c.id, ':', 2)
    and o.realm = c.realm and o.id = substr(c.id, length('offer:' || a.id || ':') + 1)
  returning c.bucket, c.realm,
    'offer:' || replace(replace(a.customer_id, '~', '~0'), ':', '~1') || ':' || o.id as id, c.used, c.reserved)
insert into counters (bucket, realm, id, used, reserved)
select bucket, realm, id, sum(used), sum(reserved) from moved group by 1, 2, 3;
"""

# Customers who have used an offer more often than one limit allows did so while each account had its own limit. For
# such an offer this is an edit: earlier uses stay as they are.
REVISIONS = """
with beyond as (
  select distinct o.realm, o.id
  from offers o
  join offer_redemptions r on r.realm = o.realm and r.offer_id = o.id and r.status in ('reserved', 'confirmed')
  join accounts a on a.realm = r.realm and a.id = r.account_id and a.bucket = r.bucket
  where o.program_id is null and o.terms ->> 'per_member_limit' is not null
  group by o.realm, o.id, a.customer_id, o.terms ->> 'per_member_limit'
  having count(*) > (o.terms ->> 'per_member_limit')::int8),
edited as (
  update offers o set revision = revision + 1 from beyond b where o.realm = b.realm and o.id = b.id returning o.*),
kept as (
  insert into offer_revisions (realm, offer_id, revision, name, terms, starts_at, ends_at, created_at)
  select realm, id, revision, name, terms, starts_at, ends_at, now() from edited)
update realms set catalogue_revision = catalogue_revision + 1 where id in (select realm from edited);
"""


def upgrade() -> None:
    """Claims and counters belong to the member they count."""
    for statements in (CLAIMS, COUNTERS, REVISIONS):
        op.execute(statements)
