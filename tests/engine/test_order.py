"""One order for everybody: which row a batch takes first, and what it looks at again once it has its locks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
import pytest
from submissions import Ground, answered, settle, shown, submission, until_waiting

from conftest import WITHOUT_LIMITS, Realm
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.rows import EarningRule
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals import commands as referrals_commands
from vinr_server.core.referrals.rows import ReferralTerms
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.engine.batch import Catalogues
from vinr_server.engine.submission import Outcome, Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.transaction import Seen, read_catalogue
from vinr_server.storage.postgres.connect import connect_writer


@asynccontextmanager
async def holding(database_url: str, statement: str, *arguments: Any) -> AsyncIterator[None]:
    """The statement's locks are held for as long as the block lasts; nothing of it stays."""
    holder = await asyncpg.connect(database_url)
    transaction = holder.transaction()
    await transaction.start()
    assert (await holder.execute(statement, *arguments)).endswith(" 1")
    try:
        yield
    finally:
        await transaction.rollback()
        await holder.close()


async def can_take(database_url: str, statement: str, *arguments: Any) -> int:
    """How many rows the statement gets without waiting for anybody; they are given back at once."""
    other = await asyncpg.connect(database_url, server_settings={"lock_timeout": "500"})
    transaction = other.transaction()
    await transaction.start()
    try:
        return int((await other.execute(statement, *arguments)).rpartition(" ")[2])
    except asyncpg.LockNotAvailableError:
        return 0
    finally:
        await transaction.rollback()
        await other.close()


def codes(outcomes: Sequence[Outcome | BaseException]) -> list[Any]:
    """Each outcome's status or refusal."""
    return [
        one.status if isinstance(one, Reply) else one.code if isinstance(one, Rejected) else one for one in outcomes
    ]


async def test_rows_are_locked_in_the_order_of_their_ids(writer: Writer, database: str, realm: Realm) -> None:
    """A batch that waits for the first row of all holds none of the others."""
    ground = await settle(writer, realm.id, members=40)
    lowest = min(ground.accounts)

    async with holding(database, "select from accounts where id = $1 for update", lowest):
        waiting = [writer.enqueue(ground.award(account=at)) for at in reversed(range(40))]
        await until_waiting(database, 1)
        free = await can_take(database, "select from accounts where id <> $1 for update skip locked", lowest)
    outcomes = await answered(waiting)

    assert free == 39
    assert codes(outcomes) == [201] * 40


@dataclass(frozen=True)
class Insertion:
    """Two new rows of a table, by the column that orders them, and the commands that make them, later name first."""

    column: str
    names: tuple[str, str]
    commands: Sequence[tuple[Command, str | None]]

    def row(self, realm: int, name: str) -> str:
        """What sets this name's row apart from another row of its table."""
        return json.dumps({"bucket": bucket_of(realm, name), "id": name, self.column: name})


def payment(id: str) -> Command:
    """A payment of nobody."""
    return payments_commands.CreatePayment(100, "EUR", 100, id=id)


INSERTIONS = {
    "directory": Insertion("id", ("pay_a", "pay_b"), [(payment("pay_b"), None), (payment("pay_a"), None)]),
    "accounts": Insertion(
        "customer_id",
        ("cust_a", "cust_b"),
        [(members_commands.CreateAccount("prog_engine", name), None) for name in ("cust_b", "cust_a")],
    ),
    "counters": Insertion(
        "id",
        ("reward:rwd_a", "reward:rwd_b"),
        [(rewards_commands.CreateRedemption("", name), None) for name in ("rwd_b", "rwd_a")],
    ),
    "idempotency_keys": Insertion(
        "key", ("a", "b"), [(earning_commands.ReportEvent("order.noted", {}), name) for name in ("b", "a")]
    ),
}
# One more row like one that is there.
LIKE_ANOTHER = """
insert into {table} select (jsonb_populate_record(t, $1::jsonb)).* from {table} t where realm = $2 limit 1"""


@pytest.mark.parametrize("table", INSERTIONS)
async def test_rows_are_inserted_in_the_order_of_their_names(
    writer: Writer, database: str, realm: Realm, table: str
) -> None:
    """A batch that waits for the first name has not taken the second."""
    case, ground = INSERTIONS[table], await _settle_with_patterns(writer, realm.id)
    statement = LIKE_ANOTHER.format(table=table)
    first, second = (case.row(realm.id, name) for name in case.names)

    async with holding(database, statement, first, realm.id):
        waiting = [writer.enqueue(_submission(ground, command, key)) for command, key in case.commands]
        await until_waiting(database, 1)
        free = await can_take(database, statement, second, realm.id)
    outcomes = await answered(waiting)

    assert free == 1
    assert codes(outcomes) == [201, 201]


async def _settle_with_patterns(writer: Writer, realm: int) -> Ground:
    """A ground with a row in each table, and rewards with stocks that nobody has redeemed."""
    ground = await settle(writer, realm)
    await writer.submit(ground.award(100))
    await writer.submit(submission(realm, earning_commands.ReportEvent("order.noted", {}), "pattern"))
    for name in ("rwd_pattern", "rwd_a", "rwd_b"):
        reward = rewards_commands.CreateReward("prog_engine", "Cup", 1, {"type": "voucher"}, id=name, stock=5)
        shown(await writer.submit(submission(realm, reward)))
    shown(await writer.submit(submission(realm, rewards_commands.CreateRedemption(ground.accounts[0], "rwd_pattern"))))
    return ground


def _submission(ground: Ground, command: Command, key: str | None) -> Submission:
    if isinstance(command, rewards_commands.CreateRedemption):
        command = rewards_commands.CreateRedemption(ground.accounts[0], command.reward_id)
    return submission(ground.realm, command, key)


async def test_an_award_that_joins_a_payment_before_its_lock_is_clawed_back(
    writer: Writer, database: str, realm: Realm
) -> None:
    """A refund has looked for the payment's awards when one more comes, by another process."""
    ground = await settle(writer, realm.id)
    paid = shown(await writer.submit(submission(realm.id, payment("pay_nobody"))))["id"]
    award = submission(realm.id, ledger_commands.AwardPoints(ground.accounts[0], 50, payment_id=paid))
    refund = submission(realm.id, payments_commands.RefundPayment(paid))

    async with second_writer(database) as other:
        # Who waits first is to stay first: after a second in the queue it would begin anew, behind the other.
        await other.lanes[0]._connection.execute(WITHOUT_LIMITS)
        async with holding(database, "select from payments where id = $1 for update", paid):
            awarding = other.enqueue(award)
            await until_waiting(database, 1)
            refunding = writer.enqueue(refund)
            await until_waiting(database, 2)
        outcomes = await answered([awarding, refunding])

    assert codes(outcomes) == [201, 201]
    assert shown(outcomes[1])["refund"]["points_reversed"] == 50


@asynccontextmanager
async def second_writer(database_url: str) -> AsyncIterator[Writer]:
    """Another engine on the same database, as another process has it."""
    other = Writer(partial(connect_writer, database_url))
    await other.start()
    yield other
    await other.stop()


async def test_a_catalogue_read_beside_a_batch_is_not_taken_for_its_own(
    writer: Writer, database: str, realm: Realm
) -> None:
    """A writer's other lane reads the catalogue anew while this batch, tried again, works on the old one."""
    ground = await settle(writer, realm.id)
    connection = await connect_writer(database)
    catalogues, beside = Catalogues(), None
    mine = await catalogues.known(connection, [ground.realm])
    await writer.submit(submission(ground.realm, programs_commands.UpdateProgram("prog_engine", {"name": "New"})))
    revision = {ground.realm: mine[ground.realm][0] + 1}

    while beside is None or not catalogues.are_at(revision, beside):
        beside = await catalogues.known(connection, [ground.realm])
    is_mine_new = catalogues.are_at(revision, mine)
    again = await catalogues.known(connection, [ground.realm])
    await connection.close()

    assert not is_mine_new
    assert again == beside, "what is new is kept"


async def test_a_catalogue_read_again_is_made_anew_where_it_has_changed(
    writer: Writer, database: str, realm: Realm
) -> None:
    ground = await settle(writer, realm.id)
    connection = await connect_writer(database)
    seen: Seen = {}
    _revision, before = await read_catalogue(connection, realm.id, seen)
    await writer.submit(submission(ground.realm, programs_commands.UpdateProgram("prog_engine", {"name": "New"})))
    _revision, after = await read_catalogue(connection, realm.id, seen)
    await connection.close()

    programs = [layer.get(Program, "prog_engine") for layer in (before, after)]
    assert [program.name for program in programs if program is not None] == ["Engine", "New"]
    (old_rule,), (new_rule,) = (layer.every(EarningRule) for layer in (before, after))
    assert new_rule is old_rule, "what has not changed is not decoded again"


async def test_an_id_that_the_engine_gave_is_taken(writer: Writer, database: str, realm: Realm) -> None:
    """Who sends it as an id of its own neither pays once more nor edits the payment that has it."""
    ground = await settle(writer, realm.id)
    paid = shown(await writer.submit(ground.payment(0)))["id"]

    again = await writer.submit(ground.payment(0, 50, id=paid))

    assert codes([again]) == ["id_conflict"]


async def test_a_key_refused_is_free_again_in_the_same_batch(writer: Writer, realm: Realm) -> None:
    ground = await settle(writer, realm.id)
    spend = submission(realm.id, ledger_commands.AdjustPoints(ground.accounts[0], -10, "because"), "key")

    outcomes = await asyncio.gather(*(writer.enqueue(one) for one in (spend, ground.award(10), spend)))

    assert codes(outcomes) == ["insufficient_points", 201, 201]


async def test_what_many_decisions_of_a_kind_ask_for_is_loaded_at_once(writer: Writer, realm: Realm) -> None:
    """However many friends convert in a batch, or are enrolled by it: it is not loaded again for each."""
    ground = await settle(writer, realm.id, members=41)
    terms = ReferralTerms(30, is_for_new_customers=True)
    await writer.submit(submission(realm.id, referrals_commands.CreateReferralProgram("prog_engine", terms)))
    for friend in range(1, 41):
        brought = referrals_commands.RegisterReferral(f"cust_{friend}", account_id=ground.accounts[0])
        shown(await writer.submit(submission(realm.id, brought)))
    before = writer.figures.reloads

    paid = await answered([writer.enqueue(ground.payment(friend)) for friend in range(1, 41)])

    assert all(shown(one)["referrals"] for one in paid)
    assert writer.figures.reloads - before <= 2
    before = writer.figures.reloads

    joining = [members_commands.CreateAccount("prog_engine", f"cust_{number}") for number in range(41, 81)]
    commands = [submission(realm.id, one) for one in joining] + [ground.payment(number) for number in range(41, 81)]
    enrolled = await answered([writer.enqueue(one) for one in commands])

    assert codes(enrolled) == [201] * 80
    assert writer.figures.reloads == before
