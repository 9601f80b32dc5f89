"""Whichever statement of a batch fails, and however: what was acknowledged is there, and asking again does it once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from databases import Database, open_database
from engines import WALL
from gates import FAULTS, Fault, Gate
from invariants import violations
from steps import Step, submission
from worlds import FIRST_STEP, step_of, world

from conftest import make_database
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.engine.submission import Outcome, Rejected, Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.postgres.embedded import EmbeddedServer

KEPT = "select key from idempotency_keys where realm = %s and key = any(%s)"
# What each request did, by what it alone can do: an entry of the award, the payment's row, the redemption's row.
DONE = """
select 'award' as what, count(*) from entries where realm = %(realm)s and reason = %(tag)s
union all select 'payment', count(*) from payments where realm = %(realm)s and id = 'pay_' || %(tag)s
union all select 'redemption', count(*) from redemptions where realm = %(realm)s and metadata ->> 'tag' = %(tag)s
"""


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


class Shop:
    """A world, and a writer whose statements fail."""

    def __init__(self, database: Database) -> None:
        self.database, self.run = database, database.writer_run(0, has_two_realms=False)
        self.realm = self.run.realms[0]
        self.gate = Gate()
        self.number = FIRST_STEP
        self.writer: Any = None

    async def open(self) -> None:
        """The writer takes requests."""

        async def connect() -> Any:
            return self.gate.through(await connect_writer(self.database.url))

        self.writer = Writer(connect, clock=lambda: WALL)
        await self.writer.start()

    def requests(self, tag: str) -> list[Submission]:
        """An award, a payment and a redemption, each under a key."""
        (account,) = [ref for ref, member in world(0, 0).accounts.items() if member == ("prog_c", "cust_cem")]
        made: dict[str, Command] = {
            "award": ledger_commands.AwardPoints(account, 40, tag),
            "payment": payments_commands.CreatePayment(700, "EUR", 100, id=f"pay_{tag}", customer_id="cust_cem"),
            "redemption": rewards_commands.CreateRedemption(account, "rwd_shipping", metadata={"tag": tag}),
        }
        steps: list[Step] = []
        for what, command in made.items():
            self.number += 1
            steps.append(step_of(self.number, 0, command, key=f"{what}-{tag}"))
        return [submission(step, self.run.realms, self.run.answers) for step in steps]

    async def ask(self, requests: Sequence[Submission]) -> list[Outcome | BaseException]:
        """All at once, so that they make one batch."""
        return await asyncio.gather(*(self.writer.enqueue(one) for one in requests), return_exceptions=True)

    def kept(self, requests: Sequence[Submission]) -> set[str]:
        """The keys among these that are known."""
        keys = [one.idempotency_key for one in requests]
        return {record[0] for record in self.database.reads.execute(KEPT, [self.realm, keys])}

    def done(self, tag: str) -> dict[str, int]:
        """How often each request took effect."""
        return dict(self.database.reads.execute(DONE, {"realm": self.realm, "tag": tag}).fetchall())


@pytest.mark.parametrize("fault", FAULTS)
def test_any_statement_may_fail(database: Database, fault: Fault) -> None:
    shop = Shop(database)
    seen: Counter[str] = Counter()

    async def scenario() -> None:
        await shop.open()
        # The first batch reads the catalogue too; from the second on all send the same statements.
        for tag in ("first", "second"):
            shop.gate.fail_at(-1, fault)
            assert all(isinstance(one, Reply) for one in await shop.ask(shop.requests(tag)))
        for statement in range(len(shop.gate.statements)):
            tag = f"{fault}-{statement}"
            requests = shop.requests(tag)
            shop.gate.fail_at(statement, fault)
            seen.update(_check(shop, tag, requests, await shop.ask(requests)))
            assert shop.gate.has_failed, statement

            again = await shop.ask(requests)

            assert all(isinstance(one, Reply) for one in again), (statement, again)
            assert shop.done(tag) == {"award": 1, "payment": 1, "redemption": 1}, statement
        await shop.writer.stop()

    database.runner.run(scenario())

    assert violations(database, shop.run.realms) == {}
    assert seen["acknowledged" if fault in ("refused", "again") else "not acknowledged"] > 10, seen


def _check(shop: Shop, tag: str, requests: Sequence[Submission], outcomes: Sequence[Any]) -> Counter[str]:
    """An acknowledged request took effect; one that was not did so with its key, or not at all."""
    done, kept = shop.done(tag), shop.kept(requests)
    seen: Counter[str] = Counter()
    for request, outcome in zip(requests, outcomes, strict=True):
        assert not isinstance(outcome, Rejected), outcome
        assert request.idempotency_key is not None
        what = request.idempotency_key.partition("-")[0]
        is_acknowledged = isinstance(outcome, Reply)
        seen["acknowledged" if is_acknowledged else "not acknowledged"] += 1
        assert done[what] == (request.idempotency_key in kept), f"{request.idempotency_key}: {outcome}"
        assert done[what] or not is_acknowledged, f"{request.idempotency_key} was acknowledged and is not there"
    return seen
