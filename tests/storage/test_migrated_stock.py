"""What no stock counted of a reward is counted when an older schema is migrated, and as many are left as before."""

from __future__ import annotations

import psycopg
from test_migrated_limits import to_revision
from test_schema import empty_database

from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.laws.verify import verify
from vinr_server.storage.postgres import migrate as migrating
from vinr_server.storage.postgres.embedded import EmbeddedServer

# Rewards that always had a stock, got one after two redemptions, lost it again, and never had one; of the second a
# redemption is canceled. One has an id that, as a counter's name, was that of another and a member.
BEFORE = """
insert into tenants (id, name) values ('tnt_old', 'Old');
insert into realms (tenant_id, livemode) values ('tnt_old', false);
insert into accounts select 7, r.id, a.id, 'prog_1', a.customer, 0, 0, 0, 0, null, null, 'active', '{}', now()
from realms r, (values ('loy_1', 'cust_1'), ('loy_2', 'cust_2')) as a (id, customer);
insert into rewards (realm, id, program_id, revision, name, cost_points, benefit, stock, per_member_limit, tiers,
  status, metadata, created_at)
select r.id, w.id, 'prog_1', 1, w.id, 5, '{"type": "voucher"}', w.stock, 9, '[]', 'active', '{}', now()
from realms r, (values ('rwd_always', 3), ('rwd_later', 4), ('rwd_once', null), ('rwd_never', null),
  ('rwd_never:loy_1', 8)) as w (id, stock);
insert into redemptions (bucket, realm, id, account_id, reward_id, reward_revision, status, points_spent, took_stock,
  benefit, metadata, created_at)
select 7, r.id, 'rdm_' || d.id, d.account, d.reward, 1, d.status, 0, d.took_stock, '{}', '{}', now()
from realms r, (values
  (1, 'loy_1', 'rwd_always', 'confirmed', true), (2, 'loy_2', 'rwd_always', 'confirmed', true),
  (3, 'loy_1', 'rwd_later', 'confirmed', false), (4, 'loy_2', 'rwd_later', 'confirmed', false),
  (5, 'loy_2', 'rwd_later', 'confirmed', true), (6, 'loy_2', 'rwd_later', 'canceled', false),
  (7, 'loy_1', 'rwd_once', 'confirmed', true), (8, 'loy_1', 'rwd_once', 'confirmed', false),
  (9, 'loy_1', 'rwd_never', 'confirmed', false)) as d (id, account, reward, status, took_stock);
insert into events (bucket, realm, id, type, account_id, data, created_at, is_deliverable)
select bucket, realm, 'evt_' || id || type, type, account_id, json_build_object('id', id), created_at, true
from redemptions, unnest(array['loyalty.reward.redeemed', 'loyalty.redemption.canceled']) as type
where type = 'loyalty.reward.redeemed' or status = 'canceled';
insert into counters select 7, realm, 'reward:' || reward_id || ':' || account_id, count(*), 0
from redemptions where status = 'confirmed' group by 2, 3;
insert into counters select 1, realm, 'reward:' || reward_id, count(*), 0
from redemptions where status = 'confirmed' and took_stock group by 2, 3;
"""


def test_redemptions_that_no_stock_counted_leave_as_many_as_before(postgres: EmbeddedServer) -> None:
    url = empty_database(postgres, "schema_stock")
    to_revision(url, "0011")
    with psycopg.connect(url) as connection:
        connection.execute(BEFORE.encode())

    migrating.migrate(url)

    with psycopg.connect(url) as connection:
        counters = {
            id: (used, bucket) for id, used, bucket in connection.execute("select id, used, bucket from counters")
        }
        rewards = connection.execute("select id, stock, revision, is_counted from rewards order by 1").fetchall()
        (realm,) = connection.execute("select id from realms").fetchone() or (0,)
    stocks = {f"reward:{id}": used for id, used in (("rwd_always", 2), ("rwd_later", 3), ("rwd_once", 2))}
    assert counters == {
        **{name: (used, bucket_of(realm, name)) for name, used in stocks.items()},
        "reward:loy_1:rwd_always": (1, 7),
        "reward:loy_2:rwd_always": (1, 7),
        "reward:loy_1:rwd_later": (1, 7),
        "reward:loy_2:rwd_later": (2, 7),
        "reward:loy_1:rwd_once": (2, 7),
        "reward:loy_1:rwd_never": (1, 7),
    }
    # Of the stock that was set later 3 were left: 4, of which 1 was counted. It is as if its owner had raised it by 2.
    assert rewards == [
        ("rwd_always", 3, 1, True),
        ("rwd_later", 6, 2, True),
        ("rwd_never", None, 1, False),
        ("rwd_never:loy_1", 8, 1, True),
        ("rwd_once", None, 1, True),
    ]
    assert verify(url).disagreements == []
