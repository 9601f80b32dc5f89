"""The writer's manners: batches whose members do not disturb each other, twins in two processes, no deadlock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import httpx2
import psycopg
import pytest
from ledger_invariants import broken_invariants
from submissions import Ground, answered, settle, shown, submission, until_waiting

from conftest import PEPPER, Realm
from vinr_server.api.edge.app import App
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.engine.submission import Outcome, Reply, Submission, Unavailable
from vinr_server.engine.writer import QUEUE_MAX, Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.reads.reader import Reader


@pytest.fixture
async def twins(database: str) -> AsyncIterator[tuple[Writer, Writer]]:
    """Two engines on one database, as two processes have them."""
    writers = (Writer(partial(connect_writer, database)), Writer(partial(connect_writer, database)))
    for writer in writers:
        await writer.start()
    yield writers
    for writer in writers:
        await writer.stop()


async def all_of(writer: Writer, submissions: Sequence[Submission]) -> list[Outcome | BaseException]:
    """The outcomes of one batch: everything is in the queue before the writer wakes up."""
    return await answered([writer.enqueue(one) for one in submissions])


def statuses(outcomes: Sequence[Outcome | BaseException]) -> list[Any]:
    """Each outcome's status, refusal code or exception type."""
    return [
        one.status if isinstance(one, Reply) else one.code if isinstance(one, Rejected) else type(one)
        for one in outcomes
    ]


def figure(database_url: str, query: str) -> int:
    """A number from the database."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


def run(database_url: str, *statements: str) -> None:
    """Statements of the database's owner."""
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


class TestPoison:
    async def test_in_a_statement_is_refused_alone(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)
        run(database, "alter table entries add constraint no_poison check (reason <> 'poison')")
        reasons = ["poison" if position in (7, 40) else "fine" for position in range(60)]

        outcomes = await all_of(
            writer, [ground.award(reason=reason, key=f"k{at}") for at, reason in enumerate(reasons)]
        )

        assert writer.batch_sizes[60] == 1, "they were not in one batch"
        expected = [asyncpg.CheckViolationError if reason == "poison" else 201 for reason in reasons]
        assert statuses(outcomes) == expected
        assert figure(database, "select count(*) from entries") == 58
        assert figure(database, "select count(*) from idempotency_keys") == 58
        assert broken_invariants(database) == {}
        assert statuses(await all_of(writer, [ground.award()])) == [201], "the writer goes on"

    async def test_at_commit_is_refused_alone(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)
        run(
            database,
            """create function no_poison() returns trigger language plpgsql as $$
               begin
                 if new.reason = 'poison' then raise check_violation using message = 'poison'; end if;
                 return null;
               end $$""",
            """create constraint trigger no_poison after insert on entries deferrable initially deferred
               for each row execute function no_poison()""",
        )

        outcomes = await all_of(writer, [ground.award(reason="poison" if at == 3 else "fine") for at in range(20)])

        assert statuses(outcomes) == [asyncpg.CheckViolationError if at == 3 else 201 for at in range(20)]
        assert figure(database, "select count(*) from entries") == 19
        assert broken_invariants(database) == {}

    async def test_over_http_is_an_error_in_json(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)
        run(database, "alter table entries add constraint no_poison check (reason <> 'poison')")
        async with api(database, writer, realm) as client:
            body = {"account": ground.accounts[0], "points": 1}
            calls = [client.post("/v1/loyalty/points/award", json={**body, "reason": r}) for r in ("a", "poison", "b")]
            answers = await asyncio.gather(*calls)

        assert [answer.status_code for answer in answers] == [201, 500, 201]
        error = answers[1].json()["error"]
        assert (error["type"], error["code"]) == ("api_error", "internal_error")
        assert "no_poison" not in answers[1].text


class api:
    """The API over a writer of this process, without a server."""

    def __init__(self, database_url: str, writer: Writer, realm: Realm) -> None:
        self._database_url, self._writer, self._realm = database_url, writer, realm

    async def __aenter__(self) -> httpx2.AsyncClient:
        self._pool = await connect_readers(self._database_url, size=2)
        app: Any = App(Reader(self._pool), self._writer, pepper=PEPPER)
        headers = {"Authorization": f"Bearer {self._realm.key}"}
        transport = httpx2.ASGITransport(app)
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://vinr", headers=headers)
        return self._client

    async def __aexit__(self, *_error: object) -> None:
        await self._client.aclose()
        await self._pool.close()


@pytest.fixture
async def holder(writer: Writer, database: str) -> AsyncIterator[Any]:
    """A connection that holds locks; they are gone before the writer stops, however the test ends."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


class TestQueue:
    async def test_that_is_full_sheds_calls_and_loses_none(
        self, writer: Writer, holder: Any, database: str, realm: Realm
    ) -> None:
        ground = await settle(writer, realm.id)
        held = holder.transaction()
        await held.start()
        await holder.execute("select from accounts for update")
        first = writer.enqueue(ground.award())  # the batch that waits for the account
        while writer._queue:
            await asyncio.sleep(0)
        waiting = [writer.enqueue(ground.award()) for _ in range(QUEUE_MAX)]

        with pytest.raises(Unavailable, match="full"):
            writer.enqueue(ground.award())
        async with api(database, writer, realm) as client:
            shed = await client.post("/v1/loyalty/points/award", json={"account": ground.accounts[0], "points": 1})
            read = await client.get(f"/v1/loyalty/accounts/{ground.accounts[0]}")
            await held.rollback()
            outcomes = await answered([first, *waiting])
            again = await client.post("/v1/loyalty/points/award", json={"account": ground.accounts[0], "points": 1})

        assert (shed.status_code, shed.headers["retry-after"]) == (503, "1")
        assert shed.json()["error"]["code"] == "unavailable"
        assert (read.status_code, read.json()["balance"]) == (200, 0)
        assert statuses(outcomes) == [201] * (QUEUE_MAX + 1)
        assert again.json()["balance_after"] == QUEUE_MAX + 2
        assert broken_invariants(database) == {}

    async def test_is_emptied_before_the_writer_stops(self, database: str, realm: Realm) -> None:
        writer = Writer(partial(connect_writer, database))
        await writer.start()
        ground = await settle(writer, realm.id)
        waiting = [writer.enqueue(ground.award()) for _ in range(600)]

        await writer.stop()

        assert statuses([one.result() for one in waiting]) == [201] * 600
        with pytest.raises(Unavailable, match="shutting down"):
            writer.enqueue(ground.award())


class TestWaiters:
    async def test_that_are_cancelled_disturb_nobody(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)
        run(database, "alter table entries add constraint no_poison check (reason <> 'poison')")
        reasons = ["poison" if at in (3, 4) else "fine" for at in range(30)]
        waiters = [asyncio.create_task(writer.submit(ground.award(reason=reason))) for reason in reasons]
        while not writer.batch_sizes.get(30):  # every turn lets the writer do its part
            await asyncio.sleep(0)

        for at in (0, 3, 15, 29):
            waiters[at].cancel()
        outcomes = await answered(waiters)

        expected: list[Any] = [asyncpg.CheckViolationError if reason == "poison" else 201 for reason in reasons]
        for at in (0, 3, 15, 29):
            expected[at] = asyncio.CancelledError
        assert statuses(outcomes) == expected
        assert statuses(await all_of(writer, [ground.award()])) == [201]
        assert figure(database, "select count(*) from entries") == 29, "a command is done though nobody waits for it"
        assert broken_invariants(database) == {}

    async def test_that_all_left_leave_the_writer_at_work(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)
        for _ in range(5):
            waiters = [asyncio.create_task(writer.submit(ground.award())) for _ in range(10)]
            await asyncio.sleep(0)
            for waiter in waiters:
                waiter.cancel()
            await answered(waiters)

        assert shown((await all_of(writer, [ground.award()]))[0])["balance_after"] == 51


class TestTwins:
    async def test_with_one_key_have_one_effect(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        ground = await settle(twins[0], realm.id, members=4)
        commands_of_each: list[Command] = [
            ledger_commands.AwardPoints(ground.accounts[0], 10),
            ledger_commands.AdjustPoints(ground.accounts[1], 10, "because"),
            payments_commands.CreatePayment(500, "EUR", 100, customer_id="cust_2"),
            members_commands.CreateCustomer(name="Ada"),
            clocks_commands.CreateTestClock(datetime.fromisoformat("2030-01-01T00:00:00+00:00")),
            rewards_commands.CreateReward("prog_engine", "Cup", 5, {"type": "voucher"}),
            earning_commands.ReportEvent("review.posted", {"stars": 5}),
        ]

        for round_number in range(8):
            for command in commands_of_each:
                one = submission(realm.id, command, f"twin-{round_number}")
                first, second = await answered([writer.submit(one) for writer in twins])
                assert isinstance(first, Reply) and isinstance(second, Reply), (first, second)
                assert first.body == second.body, command
                assert sorted((first.is_replay, second.is_replay)) == [False, True], command

        assert figure(database, "select count(*) from entries") == 8 * 3
        assert figure(database, "select count(*) from customers") == 8
        assert figure(database, "select count(*) from rewards") == 8
        assert figure(database, "select count(*) from test_clocks") == 8
        assert broken_invariants(database) == {}

    async def test_with_many_keys_in_opposite_orders_have_one_effect_each(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        ground = await settle(twins[0], realm.id, members=20)

        for round_number in range(5):
            batch = [ground.award(account=at % 20, key=f"{round_number}-{at}") for at in range(100)]
            mine, theirs = await asyncio.gather(all_of(twins[0], batch), all_of(twins[1], batch[::-1]))
            assert statuses(mine) == statuses(theirs) == [201] * 100
            bodies = [one.body for one in mine if isinstance(one, Reply)]
            assert bodies == [one.body for one in reversed(theirs) if isinstance(one, Reply)]

        assert figure(database, "select count(*) from entries") == 500
        assert broken_invariants(database) == {}

    async def test_in_one_batch_have_one_effect(self, writer: Writer, database: str, realm: Realm) -> None:
        ground = await settle(writer, realm.id)

        outcomes = await all_of(
            writer, [ground.award(5, key="same") for _ in range(10)] + [ground.award(6, key="same")]
        )

        assert statuses(outcomes) == [201] * 10 + ["idempotency_key_reused"]
        assert len({one.body for one in outcomes if isinstance(one, Reply)}) == 1
        assert figure(database, "select sum(points) from entries") == 5


class TestStaleReads:
    """What a batch read before its locks may be outdated when it has them."""

    async def test_of_a_refunds_id_still_make_one_refund(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        """Both batches see that the id is free, then queue up for the member's account."""
        ground = await settle(twins[0], realm.id)
        payment = shown(await twins[0].submit(ground.payment(0, 1000)))["id"]
        refund = submission(realm.id, payments_commands.RefundPayment(payment, "re_one", 400))
        holder = await asyncpg.connect(database)
        held = holder.transaction()
        await held.start()
        await holder.execute("select from accounts for update")
        both = []
        for number, writer in enumerate(twins, start=1):
            both.append(asyncio.create_task(writer.submit(refund)))
            await until_waiting(database, number)

        await held.rollback()
        outcomes = await answered(both)
        await holder.close()

        assert sorted(statuses(outcomes), key=str) == [200, 201], outcomes
        assert figure(database, "select sum(amount_minor) from refunds") == 400
        assert broken_invariants(database) == {}

    async def test_of_the_catalogue_still_know_a_members_program(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        """A batch has read the catalogue when another makes a program and enrols the customer who pays."""
        ground = await settle(twins[0], realm.id)
        five = {"type": "discount", "amount": 5, "currency": "EUR"}
        made: list[Command] = [
            ledger_commands.AwardPoints(ground.accounts[0], 10),
            rewards_commands.CreateReward("prog_engine", "Five", 1, five, id="rwd_five"),
            rewards_commands.CreateRedemption(ground.accounts[0], "rwd_five"),
        ]
        discount = [shown(await twins[0].submit(submission(realm.id, command))) for command in made][-1]["discount"]
        payment = payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0", discount_ids=(discount,))
        others = [
            programs_commands.CreateProgram("New", id="prog_new"),
            members_commands.CreateAccount("prog_new", "cust_0"),
        ]
        holder = await asyncpg.connect(database)
        held = holder.transaction()
        await held.start()
        await holder.execute("lock table discounts in access exclusive mode")  # read before the customer's accounts
        paying = asyncio.create_task(twins[0].submit(submission(realm.id, payment)))
        await until_waiting(database, 1)

        enrolled = await all_of(twins[1], [submission(realm.id, command) for command in others])
        await held.rollback()
        outcomes = await answered([paying])
        await holder.close()

        assert statuses(enrolled) == [201, 201]
        assert statuses(outcomes) == [201], outcomes
        assert broken_invariants(database) == {}


class TestDeadlocks:
    """None, whatever two processes do at once: locks are taken in one order by everybody."""

    @pytest.fixture(autouse=True)
    def told_quickly(self, database: str) -> None:
        """A deadlock is found before the lock timeout ends it by chance."""
        name = database.rsplit("/", 1)[1]
        run(database, f"alter database \"{name}\" set deadlock_timeout = '15ms'")

    async def race(
        self, twins: tuple[Writer, Writer], batches: Sequence[tuple[list[Submission], list[Submission]]]
    ) -> list[Any]:
        """Both writers commit a batch at the same time, again and again; what else came out than answers."""
        strange: list[Any] = []
        for mine, theirs in batches:
            results = await asyncio.gather(all_of(twins[0], mine), all_of(twins[1], theirs))
            strange += [one for result in results for one in statuses(result) if not isinstance(one, (int, str))]
        return strange

    async def count(self, twins: tuple[Writer, Writer], database: str) -> int:
        """The deadlocks PostgreSQL has found; a connection tells its own when it closes."""
        for writer in twins:
            await writer.stop()
        return figure(database, "select deadlocks from pg_stat_database where datname = current_database()")

    async def test_come_from_payments_in_opposite_orders(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        ground = await settle(twins[0], realm.id, members=12)
        dice = random.Random(1)
        batches = []
        for number in range(40):
            customers = [dice.randrange(14) for _ in range(40)]  # two of them are no members
            payments = [
                ground.payment(customer, id=f"pay_{number}_{at}", key=f"{number}-{at}" if at % 3 else None)
                for at, customer in enumerate(customers)
            ]
            batches.append((payments, payments[::-1] if number % 2 else dice.sample(payments, len(payments))))

        strange = await self.race(twins, batches)

        assert (strange, await self.count(twins, database)) == ([], 0)
        assert figure(database, "select count(*) from payments") == 1600
        assert broken_invariants(database) == {}

    async def test_come_from_enrolling_and_paying_in_opposite_orders(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        await settle(twins[0], realm.id)
        dice = random.Random(2)
        batches = []
        for number in range(30):
            made: list[Command] = []
            for customer in range(20):
                name = f"cust_{number}_{customer}"
                made.append(members_commands.CreateAccount("prog_engine", name))
                made.append(members_commands.CreateCustomer(name))
                made.append(payments_commands.CreatePayment(100, "EUR", 100, customer_id=name, enrol_in="prog_engine"))
            mine = [submission(realm.id, command) for command in dice.sample(made, len(made))]
            batches.append((mine, [submission(realm.id, command) for command in dice.sample(made, len(made))]))

        strange = await self.race(twins, batches)

        assert (strange, await self.count(twins, database)) == ([], 0)
        assert figure(database, "select count(*) from accounts") == 601
        assert broken_invariants(database) == {}

    async def test_come_from_redeeming_one_reward_while_canceling_another(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        """One process redeems A and cancels a redemption of B, the other redeems B and cancels one of A."""
        ground = await settle(twins[0], realm.id, members=8)
        names = ("rwd_a", "rwd_b")
        for name in names:
            reward = rewards_commands.CreateReward(
                "prog_engine", "Cup", 1, {"type": "voucher"}, id=name, stock=1_000_000
            )
            await twins[0].submit(submission(realm.id, reward))
        await all_of(twins[0], [ground.award(10_000, account=at) for at in range(8)])

        def redeem(reward: int, member: int) -> Submission:
            return submission(realm.id, rewards_commands.CreateRedemption(ground.accounts[member], names[reward]))

        strange: list[Any] = []
        for _ in range(25):
            made = await all_of(twins[0], [redeem(0, 0), redeem(1, 4)])
            cancels = [submission(realm.id, rewards_commands.CancelRedemption(shown(one)["id"])) for one in made]
            strange += await self.race(twins, [([redeem(0, 1), cancels[1]], [redeem(1, 5), cancels[0]])])

        assert (strange, await self.count(twins, database)) == ([], 0)
        assert broken_invariants(database) == {}

    async def test_come_from_moving_a_clock_while_canceling(
        self, twins: tuple[Writer, Writer], database: str, realm: Realm
    ) -> None:
        """One process advances a clock and cancels a redemption of a reward that the other redeems on that clock."""
        start = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
        clock = shown(await twins[0].submit(submission(realm.id, clocks_commands.CreateTestClock(start))))["id"]
        await twins[0].submit(
            submission(realm.id, programs_commands.CreateProgram("Clock", id="prog_clock", clock_id=clock))
        )
        reward = rewards_commands.CreateReward(
            "prog_clock", "Cup", 1, {"type": "voucher"}, id="rwd_clock", stock=1_000_000
        )
        await twins[0].submit(submission(realm.id, reward))
        enrolments = [
            submission(realm.id, members_commands.CreateAccount("prog_clock", f"cust_{at}")) for at in range(2)
        ]
        accounts = [shown(one)["id"] for one in await all_of(twins[0], enrolments)]
        awards = [submission(realm.id, ledger_commands.AwardPoints(account, 10_000)) for account in accounts]
        await all_of(twins[0], awards)

        strange: list[Any] = []
        for _ in range(25):
            redeem = [submission(realm.id, rewards_commands.CreateRedemption(one, "rwd_clock")) for one in accounts]
            made = shown(await twins[0].submit(redeem[0]))
            cancel = submission(realm.id, rewards_commands.CancelRedemption(made["id"]))
            advance = submission(realm.id, clocks_commands.AdvanceTestClock(clock, start))
            strange += await self.race(twins, [([advance, cancel], [redeem[1]])])

        assert (strange, await self.count(twins, database)) == ([], 0)
        assert broken_invariants(database) == {}

    async def test_come_from_anything_at_once(self, twins: tuple[Writer, Writer], database: str, realm: Realm) -> None:
        ground = await settle(twins[0], realm.id, members=10)
        rewards = [f"rwd_{number}" for number in range(3)]
        for name in rewards:
            reward = rewards_commands.CreateReward(
                "prog_engine", "Cup", 1, {"type": "voucher"}, id=name, stock=100_000, per_member_limit=99_999
            )
            await twins[0].submit(submission(realm.id, reward))
        await all_of(twins[0], [ground.award(100_000, account=at) for at in range(10)])
        dice = random.Random(3)
        redeemed: list[str] = []
        paid: list[str] = []

        strange: list[Any] = []
        for _ in range(40):
            batch = _anything(dice, ground, rewards, redeemed, paid)
            mine, theirs = batch[: len(batch) // 2], batch[len(batch) // 2 :]
            results = await asyncio.gather(all_of(twins[0], mine), all_of(twins[1], theirs))
            outcomes = [one for result in results for one in result]
            strange += [one for one in statuses(outcomes) if not isinstance(one, (int, str))]
            made = [shown(one) for one in outcomes if isinstance(one, Reply)]
            redeemed = [one["id"] for one in made if one["object"] == "redemption" and one["status"] == "confirmed"]
            paid = [one["id"] for one in made if one["object"] == "payment" and "refund" not in one]

        assert (strange, await self.count(twins, database)) == ([], 0)
        assert broken_invariants(database) == {}


def _anything(
    dice: random.Random, ground: Ground, rewards: Sequence[str], redeemed: Sequence[str], paid: Sequence[str]
) -> list[Submission]:
    """Some sixty commands of every kind that locks rows, in any order."""
    made: list[Command] = [rewards_commands.CancelRedemption(one) for one in redeemed]
    made += [payments_commands.RefundPayment(one, amount_minor=dice.randint(1, 60)) for one in paid]
    for _ in range(10):
        account = dice.choice(ground.accounts)
        made.append(rewards_commands.CreateRedemption(account, dice.choice(rewards)))
        made.append(
            payments_commands.CreatePayment(dice.randint(1, 5000), "EUR", 100, customer_id=f"cust_{dice.randrange(12)}")
        )
        made.append(ledger_commands.AwardPoints(account, dice.randint(1, 50)))
        made.append(ledger_commands.AdjustPoints(account, -dice.randint(1, 50), "because"))
        made.append(members_commands.CreateAccount("prog_engine", f"cust_{dice.randrange(40)}"))
    if dice.random() < 0.2:
        made.append(rewards_commands.UpdateReward(dice.choice(rewards), {"name": f"Cup {dice.random()}"}))
    dice.shuffle(made)
    return [submission(ground.realm, command, f"{dice.random()}" if dice.random() < 0.5 else None) for command in made]
