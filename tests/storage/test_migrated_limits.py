"""What an older schema counted for each account of an offer of every program is the customer's when it is migrated."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from test_schema import empty_database

from vinr_server.storage.laws.verify import verify
from vinr_server.storage.postgres import migrate as migrating
from vinr_server.storage.postgres.embedded import EmbeddedServer

# A customer with two accounts, whose id has a colon, has used one offer of every program three times, and an offer of a
# program once by each; another customer has one account.
BEFORE = """
insert into tenants (id, name) values ('tnt_old', 'Old');
insert into realms (tenant_id, livemode) values ('tnt_old', false);
insert into accounts select 7, r.id, a.id, a.program, a.customer, 0, 0, 0, 0, null, null, 'active', '{}', now()
from realms r, (values ('loy_1', 'prog_1', 'cust_a:~b'), ('loy_2', 'prog_2', 'cust_a:~b'),
  ('loy_3', 'prog_1', 'cust_c')) as a (id, program, customer);
insert into offers select r.id, o.id, 'engagement', o.program, 1, o.id, cast(o.terms as json), null, null, 'published',
  '{}', now(), null, null
from realms r, (values ('ofr_all', null, '{"per_member_limit": 2}'), ('ofr_more', null, '{"per_member_limit": 9}'),
  ('ofr_one', 'prog_1', '{"per_member_limit": 1}')) as o (id, program, terms);
insert into offer_revisions select realm, id, 1, name, terms, starts_at, ends_at, created_at from offers;
insert into offer_claims select 7, r.id, c.offer, c.account, 1, cast(c.at as timestamptz)
from realms r, (values ('ofr_all', 'loy_1', '2026-02-01'), ('ofr_all', 'loy_2', '2026-01-01'),
  ('ofr_one', 'loy_1', '2026-01-03'), ('ofr_one', 'loy_3', '2026-01-04')) as c (offer, account, at);
insert into offer_redemptions (bucket, realm, id, offer_id, offer_revision, account_id, status, receipt, created_at,
  redeemed_at)
select 7, r.id, 'ordm_' || u.id, u.offer, 1, u.account, 'confirmed', '{}', now(), now()
from realms r, (values (1, 'ofr_all', 'loy_1'), (2, 'ofr_all', 'loy_1'), (3, 'ofr_all', 'loy_2'),
  (4, 'ofr_one', 'loy_1'), (5, 'ofr_one', 'loy_3'), (6, 'ofr_all', 'loy_3'), (7, 'ofr_more', 'loy_2'))
  as u (id, offer, account);
insert into events (bucket, realm, id, type, account_id, data, created_at, is_deliverable)
select bucket, realm, 'evt_' || id, 'loyalty.offer.redeemed', account_id, json_build_object('id', id), created_at, true
from offer_redemptions;
insert into counters select bucket, realm, 'offer:' || account_id || ':' || offer_id, count(*), 0
from offer_redemptions group by 1, 2, 3;
"""


def test_claims_and_uses_of_several_accounts_are_one_customers(postgres: EmbeddedServer) -> None:
    url = empty_database(postgres, "schema_limits")
    to_revision(url, "0007")
    with psycopg.connect(url) as connection:
        connection.execute(BEFORE.encode())

    migrating.migrate(url)

    with psycopg.connect(url) as connection:
        counters = dict(connection.execute("select id, used from counters where id like 'offer:%'").fetchall())
        claims = connection.execute("select offer_id, member_id, account_id from offer_claims order by 1, 2").fetchall()
        revisions = dict(connection.execute("select id, revision from offers").fetchall())
        kept = dict(connection.execute("select offer_id, max(revision) from offer_revisions group by 1").fetchall())
    assert counters == {
        "offer:cust_a~1~0b:ofr_all": 3,
        "offer:cust_a~1~0b:ofr_more": 1,
        "offer:cust_c:ofr_all": 1,
        "offer:loy_1:ofr_one": 1,
        "offer:loy_3:ofr_one": 1,
    }
    assert claims == [
        ("ofr_all", "cust_a:~b", "loy_2"),
        ("ofr_one", "loy_1", "loy_1"),
        ("ofr_one", "loy_3", "loy_3"),
    ]
    # Only the offer that was used more often than the customer's limit is at a new revision: what was given stands.
    assert revisions == kept == {"ofr_all": 2, "ofr_more": 1, "ofr_one": 1}
    assert verify(url).disagreements == []


def to_revision(url: str, revision: str) -> None:
    """The database is at an older schema."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()
