"""What came off a session's lines and shipping is kept as numbers when an older schema is migrated."""

from __future__ import annotations

import psycopg
from test_migrated_limits import to_revision
from test_schema import empty_database

from vinr_server.storage.postgres import migrate as migrating
from vinr_server.storage.postgres.embedded import EmbeddedServer

BEFORE = """
insert into tenants (id, name) values ('tnt_old', 'Old');
insert into realms (tenant_id, livemode) values ('tnt_old', false);
insert into checkout_sessions (bucket, realm, id, cart, status, subtotal_minor, discount_minor, total_minor, evaluation,
  discount_ids, held_ids, metadata, created_at, expires_at)
select 7, r.id, s.id, '{}', 'open', 0, 0, 0, s.evaluation::json, '[]', '[]', '{}', now(), now()
from realms r, (values
  ('cs_1', '{"lines": [{"discount": 50}, {"discount": 0}, {"discount": 7}], "shipping": {"discount": 400}}'),
  ('cs_2', '{"lines": [], "shipping": {"discount": 0}}')) as s (id, evaluation);
"""


def test_sessions_keep_what_they_promised(postgres: EmbeddedServer) -> None:
    url = empty_database(postgres, "schema_promises")
    to_revision(url, "0018")
    with psycopg.connect(url) as connection:
        connection.execute(BEFORE.encode())

    migrating.migrate(url)

    with psycopg.connect(url) as connection:
        promised = connection.execute(
            "select id, line_discounts_minor, shipping_discount_minor from checkout_sessions order by id"
        ).fetchall()
    assert promised == [("cs_1", [50, 0, 7], 400), ("cs_2", [], 0)]
