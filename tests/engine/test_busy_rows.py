"""What a call is told whose rows somebody else holds for longer than it may wait: what is busy, and that it can try
again."""

from __future__ import annotations

import psycopg
import pytest
from submissions import settle, shown

from conftest import Realm
from vinr_server.core.kernel.answers import Rejected
from vinr_server.engine.submission import Unavailable
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.buckets import bucket_of

BEGUN = """
insert into idempotency_keys
select (jsonb_populate_record(k, jsonb_build_object('key', 'twin', 'bucket', %s::int))).* from idempotency_keys k
where k.key = 'first'"""


class TestBusyRows:
    async def test_of_an_account_are_not_taken_for_the_key(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)

        with psycopg.connect(database) as holder:
            holder.execute("select from accounts for update")
            with pytest.raises(Unavailable, match="rows that this request needs"):
                await writer.submit(ground.award(key="k"))
            holder.rollback()

        assert shown(await writer.submit(ground.award(key="k")))["points"] == 1

    async def test_of_a_key_say_which(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)
        shown(await writer.submit(ground.award(key="first")))

        with psycopg.connect(database) as other:
            assert other.execute(BEGUN, (bucket_of(realm.id, "twin"),)).rowcount == 1
            outcome = await writer.submit(ground.award(key="twin"))
            other.rollback()

        assert isinstance(outcome, Rejected) and outcome.code == "idempotency_key_in_use"
        assert "'twin'" in outcome.message
        assert shown(await writer.submit(ground.award(key="twin")))["balance_after"] == 2
