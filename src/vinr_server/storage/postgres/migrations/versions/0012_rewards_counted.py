"""A reward's stock counts every redemption, whenever it was made, from the first stock on and whatever becomes of it.

So far a stock counted what was redeemed while one was set. A stock that is set now grows by what it did not count, so
that as many are left as before. Counters of members are named as those of offers: the member stands first.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"

REWARDS = """
alter table rewards add column is_counted bool not null default false;
alter table rewards alter column is_counted drop default;
update rewards w set is_counted = true
where w.stock is not null or exists (select from counters c where c.realm = w.realm and c.id = 'reward:' || w.id);

update rewards w set stock = w.stock + r.count, revision = w.revision + 1
from (
  select realm, reward_id, count(*) from redemptions where status = 'confirmed' and not took_stock group by 1, 2) r
where r.realm = w.realm and r.reward_id = w.id and w.stock is not null;
alter table rewards add constraint rewards_counted_check check (is_counted or stock is null);
update realms set catalogue_revision = catalogue_revision + 1 where id in (select realm from rewards where is_counted);
"""

# What is redeemed and not canceled. A counter of all members lives in its name's bucket, one of a member's in its own.
COUNTERS = """
delete from counters where id like 'reward:%';
insert into counters (bucket, realm, id, used, reserved)
select get_byte(sha256(convert_to(realm || '/' || name, 'UTF8')), 0), realm, name, count, 0
from (
  select r.realm, 'reward:' || r.reward_id as name, count(*)
  from redemptions r join rewards w on w.realm = r.realm and w.id = r.reward_id
  where r.status = 'confirmed' and w.is_counted group by 1, 2) c;
insert into counters (bucket, realm, id, used, reserved)
select bucket, realm, 'reward:' || replace(replace(account_id, '~', '~0'), ':', '~1') || ':' || reward_id, count(*), 0
from redemptions where status = 'confirmed' group by bucket, realm, account_id, reward_id;
"""

REDEMPTIONS = """
alter table redemptions drop column took_stock;
create index redemptions_of_reward on redemptions (realm, reward_id, id);
"""


def upgrade() -> None:
    """Rewards, their counters, and what finds the redemptions of one."""
    for statements in (REWARDS, COUNTERS, REDEMPTIONS):
        op.execute(statements)
