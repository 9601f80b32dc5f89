"""What codes cost a cart: nothing where it presents none, one statement more where it does, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.checkout.commands import EvaluateCart
from vinr_server.core.codes.commands import CreateCode
from vinr_server.core.offers.commands import CreateOffer
from vinr_server.core.offers.rows import CheckoutTerms, OfferTerms
from vinr_server.engine.evaluator import Evaluator
from vinr_server.engine.submission import Reply, system_submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers
from vinr_server.storage.postgres.tenants import ensure_realm
from vinr_server.storage.reads.reader import Reader

CART = Cart("EUR", (CartLine("tea", 3000),))
MANY = """
insert into codes select c.bucket, c.realm, 'code_' || n || c.bucket, c.folded || n, c.code, true, c.offer_id, null,
  'active', null, 0, 0, null, null, '{}', now(), null, null
from codes c, generate_series(1, 2000) as n
"""


class Counting(Reader):
    """A reader that counts the statements of its snapshots."""

    statements = 0

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Any]:
        """As a reader's, counted."""
        async with super().snapshot() as connection:
            yield _Counted(self, connection)


class _Counted:
    def __init__(self, reader: Counting, connection: Any) -> None:
        self._reader, self._connection = reader, connection

    def __getattr__(self, name: str) -> Any:
        self._reader.statements += 1
        return getattr(self._connection, name)


async def test_a_cart_without_codes_makes_the_statements_it_made_before(database: str, writer: Writer) -> None:
    with psycopg.connect(database) as connection:
        realm = ensure_realm(connection, "tnt_cost", "Cost", livemode=False)
    pool = await connect_readers(database, size=1)
    reader = Counting(pool)
    evaluator = Evaluator(reader, writer)

    async def statements(*codes: str) -> int:
        before = reader.statements
        command = EvaluateCart(CART, "cust_1", codes=codes)
        outcome = await evaluator.evaluate(system_submission(realm, command, livemode=False))
        assert isinstance(outcome, Reply), outcome
        return reader.statements - before

    await statements()  # reads the catalogue, once
    none = await statements()
    terms = OfferTerms(checkout=CheckoutTerms("fixed_discount", 100), requires_code=True)
    for command in (
        CreateOffer("checkout", "Coded", terms, "published", id="ofr_coded"),
        CreateCode("SAVE", "ofr_coded"),
        CreateCode("TEN", "ofr_coded"),
    ):
        await writer.submit(system_submission(realm, command, livemode=False))
    await statements("save")
    few = [await statements(), await statements("save"), await statements("save", "ten", "unknown")]
    with psycopg.connect(database) as connection:
        connection.execute(MANY.encode())
    many = [await statements(), await statements("save"), await statements("save", "ten", "unknown")]
    await pool.close()

    assert few == many == [none, none + 1, none + 1]
