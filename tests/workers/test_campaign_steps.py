"""Campaigns on PostgreSQL: what an event costs, whose faults are whose, and who is found to be due (R41, R44, 59)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from submissions import shown, submission

from conftest import make_realm
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns import commands as campaigns
from vinr_server.core.campaigns.entries.rows import BEFORE_ALL
from vinr_server.core.campaigns.passages.actions import ACTIONS
from vinr_server.core.clocks import commands as clocks
from vinr_server.core.earning import commands as earning
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members import commands as members
from vinr_server.core.payments import commands as payments
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs import commands as programs
from vinr_server.engine.writer import Writer
from vinr_server.storage.campaigns.due import due_steps
from vinr_server.storage.laws.verify import verify
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.workers.due import DueWorker

Json = dict[str, Any]
PAYMENT = partial(payments.CreatePayment, 1_000, "EUR", 100, customer_id="cust_0")
MORE_CAMPAIGNS = """
insert into campaigns select realm, id || n, program_id, name, type, revision, drafted, starts_at, ends_at, priority,
  metadata, created_at, published_at, paused_at, archived_at, pauses
from campaigns cross join generate_series(1, 499) as n where realm = %(realm)s and id = 'cmp_care';
insert into campaign_revisions select realm, 'cmp_care' || n || '.1', 'cmp_care' || n, revision, given, definition,
  created_at
from campaign_revisions cross join generate_series(1, 499) as n where realm = %(realm)s and campaign_id = 'cmp_care';
update realms set catalogue_revision = catalogue_revision + 1 where id = %(realm)s
"""


class Engine:
    """A writer whose statements are seen, and a worker that works when told to."""

    def __init__(self, database_url: str) -> None:
        self.database_url, self.realm = database_url, make_realm(database_url).id
        self.statements: list[str] = []

    async def start(self) -> None:
        """Everything is connected; two members are enrolled, and a campaign is live."""

        async def connect() -> Any:
            connection = await connect_writer(self.database_url)
            connection.add_query_logger(lambda record: self.statements.append(record.query))
            return connection

        self.writer = Writer(connect)
        await self.writer.start()
        self.pool = await connect_readers(self.database_url, size=2)
        self.worker = DueWorker(self.pool, self.writer)
        await self.do(programs.CreateProgram("Main", id="prog_1"))
        for n in range(2):
            await self.do(members.CreateAccount("prog_1", f"cust_{n}", account_id=f"loy_{n}"))
        await self.launch("care", "cart.left")

    async def stop(self) -> None:
        """Everything is closed."""
        await self.writer.stop()
        await self.pool.close()

    async def do(self, command: Command) -> Json:
        """The answer to an accepted command."""
        return shown(await self.writer.submit(submission(self.realm, command)))

    async def launch(self, name: str, type: str) -> None:
        """A campaign that a member enters by an event, to get points an hour later."""
        steps = {"calm": {"kind": "wait", "for": "1h", "next": "gift"}, "gift": {"kind": "award_points", "points": 7}}
        await self.publish(name, {"entry": {"event": {"type": type}}, "start": "calm", "steps": steps})

    async def publish(self, name: str, definition: Json) -> None:
        """A live campaign."""
        drafted = read_definition(definition, zone="UTC")
        await self.do(campaigns.CreateCampaign("prog_1", name, "journey", drafted, id=f"cmp_{name}"))
        await self.do(campaigns.PublishCampaign(f"cmp_{name}"))

    async def launch_challenge(self, name: str, type: str) -> None:
        """A campaign that counts events, two of which give points."""
        progress = {"of": {"event": type}, "measure": "count", "target": 2, "repeat": None}
        steps = {"gift": {"kind": "award_points", "points": 7}}
        definition = {"entry": {}, "progress": progress, "start": "gift", "steps": steps}
        drafted = read_definition(definition, zone="UTC")
        await self.do(campaigns.CreateCampaign("prog_1", name, "challenge", drafted, id=f"cmp_{name}"))
        await self.do(campaigns.PublishCampaign(f"cmp_{name}"))

    async def report(self, n: int, type: str = "cart.left") -> Json:
        """An event of a member."""
        return await self.do(earning.ReportEvent(type, {"customer": f"cust_{n}"}, customer_id=f"cust_{n}"))

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """A statement beside the engine."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(
                statement.encode(), {"realm": self.realm, **values} if "%(" in statement else None
            )
            return cursor.fetchall() if cursor.description is not None else []

    def passages(self) -> dict[str, tuple[str, str | None]]:
        """Where each member stands."""
        rows = self.sql("select account_id, status, outcome from campaign_enrolments where realm = %(realm)s")
        return {account: (status, outcome) for account, status, outcome in rows}


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine on a database of its own."""
    made = Engine(database)
    await made.start()
    yield made
    await made.stop()


async def test_a_payment_asks_as_much_at_500_campaigns_as_at_1(engine: Engine) -> None:
    async def asked() -> int:
        await engine.do(PAYMENT())  # the first one reads the catalogue
        engine.statements.clear()
        await engine.do(PAYMENT())
        return len(engine.statements)

    with_one = await asked()
    for statement in MORE_CAMPAIGNS.split(";"):
        engine.sql(statement)

    assert await asked() == with_one
    assert engine.sql("select count(*) from campaigns where realm = %(realm)s") == [(500,)]


async def test_a_page_that_was_done_before_lets_nobody_in_again(engine: Engine) -> None:
    steps = {"gift": {"kind": "award_points", "points": 7}}
    entry, reentry = {"schedule": {"every": "day", "at": "10:00"}}, {"mode": "after_exit"}
    await engine.publish("news", {"entry": entry, "reentry": reentry, "start": "gift", "steps": steps})
    engine.sql("update campaigns set next_entry_at = now() - interval '1 minute' where id = 'cmp_news'")
    engine.sql("update realms set catalogue_revision = catalogue_revision + 1 where id = %(realm)s")
    await engine.do(campaigns.BeginEntries("cmp_news"))
    ((name,),) = engine.sql("select name from campaign_scans where realm = %(realm)s")
    members = engine.sql("select created_at, id from accounts where realm = %(realm)s order by 1, 2")
    page = campaigns.EnterPage("cmp_news", name, (BEFORE_ALL, ""), tuple(members), is_last=False)

    first = await engine.do(page)
    for n in range(2):
        await engine.do(campaigns.TakeSteps(f"loy_{n}"))
    again = await engine.do(page)

    assert (first["entered"], again["entered"]) == (2, 0)
    assert engine.passages() == {"loy_0": ("over", "completed"), "loy_1": ("over", "completed")}
    assert engine.sql("select entered, refused from campaign_scans where realm = %(realm)s") == [(2, 0)]


async def test_of_occurrences_that_nobody_worked_for_the_latest_is_begun_and_the_others_are_missed(
    engine: Engine,
) -> None:
    steps = {"gift": {"kind": "award_points", "points": 7}}
    entry, reentry = {"schedule": {"every": "day", "at": "10:00"}}, {"mode": "after_exit"}
    await engine.publish("news", {"entry": entry, "reentry": reentry, "start": "gift", "steps": steps})
    due = "update campaigns set next_entry_at = next_entry_at - interval '3 days' where id = 'cmp_news'"
    engine.sql(due)
    engine.sql("update realms set catalogue_revision = catalogue_revision + 1 where id = %(realm)s")

    while await engine.worker.work_once():
        pass

    found = engine.sql("select is_missed from campaign_scans where realm = %(realm)s order by name")
    assert found == [(True,), (True,), (False,)]


async def test_two_workers_let_in_as_many_a_minute_as_the_campaign_says(engine: Engine) -> None:
    start = datetime(2026, 1, 15, 10, tzinfo=UTC)
    await engine.do(clocks.CreateTestClock(start, id="clock_1"))
    await engine.do(programs.CreateProgram("Timed", id="prog_2", clock_id="clock_1"))
    for n in range(7):
        await engine.do(members.CreateAccount("prog_2", f"cust_{n}", account_id=f"loy_t{n}"))
    entry, reentry = {"schedule": {"every": "day", "at": "10:05"}}, {"mode": "after_exit"}
    definition = {"entry": entry, "reentry": reentry, "entry_rate": 3, "start": "gift"}
    definition["steps"] = {"gift": {"kind": "award_points", "points": 7}}
    drafted = read_definition(definition, zone="UTC")
    await engine.do(campaigns.CreateCampaign("prog_2", "paced", "journey", drafted, id="cmp_paced"))
    await engine.do(campaigns.PublishCampaign("cmp_paced"))
    workers = [DueWorker(engine.pool, engine.writer) for _each in range(2)]
    ready = "select status = 'ready' from test_clocks where realm = %(realm)s"

    for minutes in (6, 24 * 60, 30):
        ((now,),) = engine.sql("select frozen_at from test_clocks where realm = %(realm)s")
        await engine.do(clocks.AdvanceTestClock("clock_1", now + timedelta(minutes=minutes)))
        while engine.sql(ready) != [(True,)]:
            await asyncio.gather(*(worker.work_once() for worker in workers))

    entered = engine.sql(
        "select entered_at, count(*) from campaign_enrolments where realm = %(realm)s group by 1 order by 1"
    )
    minutes = [
        (start + timedelta(days=day, minutes=5 + n), count) for day in (0, 1) for n, count in enumerate((3, 3, 1))
    ]
    assert entered == minutes
    assert engine.sql("select entered, refused from campaign_scans where realm = %(realm)s") == [(7, 0), (7, 0)]
    assert verify(engine.database_url).broken == {}


async def test_a_payment_that_counts_asks_for_what_counts_and_no_more(engine: Engine) -> None:
    async def asked() -> int:
        await engine.do(PAYMENT())  # the first one reads the catalogue, and enters
        await engine.worker.work_once()
        engine.statements.clear()
        await engine.do(PAYMENT())
        return len(engine.statements)

    await engine.launch_challenge("walks", "walk.taken")
    without = await asked()
    await engine.launch_challenge("buys", "payment.completed")

    assert await asked() - without <= 2  # where the member stands, and what counts; both are read as one of many


async def test_the_challenges_that_a_member_can_enter_are_found_by_as_many_statements_at_500_as_at_1(
    engine: Engine,
) -> None:
    async def asked() -> tuple[int, int]:
        await engine.do(campaigns.FindChallenges("loy_0"))  # the first one reads the catalogue
        engine.statements.clear()
        found = await engine.do(campaigns.FindChallenges("loy_0"))
        return len(engine.statements), len(found["challenges"])

    await engine.launch_challenge("buys", "payment.completed")
    with_one = await asked()
    for statement in MORE_CAMPAIGNS.replace("cmp_care", "cmp_buys").split(";"):
        engine.sql(statement)

    assert await asked() == (with_one[0], 500)
    assert with_one[1] == 1


async def test_a_payment_and_its_refund_in_one_batch_settle_what_they_let_in(engine: Engine) -> None:
    await engine.launch("bought", "payment.completed")
    await engine.launch_challenge("buys", "payment.completed")
    both = [PAYMENT(id="pay_1"), payments.RefundPayment("pay_1")]

    done = await asyncio.wait_for(asyncio.gather(*(engine.do(command) for command in both)), timeout=30)

    assert done[1]["refunded"]
    kept = "select kept_amount from campaign_contributions where realm = %(realm)s"
    assert engine.sql(kept) == [(0,)]
    outcomes = "select outcome from campaign_enrolments where realm = %(realm)s and campaign_id = 'cmp_bought'"
    assert engine.sql(outcomes) == [("entry_refunded",)]


async def test_a_fault_in_a_step_is_its_passage_s_own(engine: Engine) -> None:
    for n in range(2):
        await engine.report(n)
    engine.sql(
        "update campaign_enrolments set due_at = now() - interval '1 s', entered_at = now() - interval '2 h',"
        " since_at = now() - interval '2 h' where realm = %(realm)s"
    )
    await engine.worker.work_once()
    broken = "update campaign_enrolments set due_at = now() - interval '1 s', failures = 2,"
    broken += " step = case account_id when 'loy_0' then 'gone' else step end where realm = %(realm)s"
    engine.sql(broken)

    paid = await engine.do(PAYMENT())
    await engine.worker.work_once()

    assert paid["amount"] == 1_000
    assert engine.passages() == {"loy_0": ("failed", None), "loy_1": ("over", "completed")}
    ((id, error),) = engine.sql(
        "select id, error from campaign_enrolments where realm = %(realm)s and status = 'failed'"
    )
    assert error.startswith("err_")

    engine.sql("update campaign_enrolments set step = 'gift' where realm = %(realm)s and status = 'failed'")
    await engine.do(campaigns.RetryEnrolment("cmp_care", id))
    await engine.worker.work_once()
    assert engine.passages()["loy_0"] == ("over", "completed")


async def test_a_step_that_reads_what_nobody_declared_fails_no_payment(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTIONS, "award_points", lambda acting: acting.draft.get(Payment, "pay_there"))
    await engine.report(0)
    engine.sql("update campaign_enrolments set due_at = now() - interval '1 s' where realm = %(realm)s")
    await engine.worker.work_once()
    due_again = "update campaign_enrolments set due_at = now() - interval '1 s', step = 'gift', waits_since = null"

    for attempt in range(1, 4):
        engine.sql(f"{due_again} where realm = %(realm)s")
        paid = await engine.do(PAYMENT(id=f"pay_{attempt}"))

        assert paid["amount"] == 1_000
        assert engine.sql("select failures from campaign_enrolments where realm = %(realm)s") == [(attempt,)]
    assert engine.passages()["loy_0"][0] == "failed"


async def test_a_wait_goes_on_in_another_process_and_once(engine: Engine, database: str) -> None:
    # CAMPAIGNS scenario 4: what tells a step from its repetition is where the passage stands, and not who takes it.
    waiting = "select step, position, waits_since is not null from campaign_enrolments where realm = %(realm)s"
    over = "update campaign_enrolments set due_at = now() - interval '1 s' where realm = %(realm)s and step is not null"
    writers = [Writer(partial(connect_writer, database)) for _n in range(2)]
    for writer in writers:
        await writer.start()
    workers = [DueWorker(engine.pool, writer) for writer in writers]
    await engine.report(0)
    await workers[0].work_once()
    assert engine.sql(waiting) == [("calm", 0, True)]

    engine.sql(over)
    await asyncio.gather(*(worker.work_once() for worker in [*workers, engine.worker]))

    taken = "select step, position, outcome from campaign_steps where realm = %(realm)s order by position"
    assert engine.sql(taken) == [("calm", 1, "waited"), ("gift", 2, "done")]
    assert engine.sql("select count(*), sum(points) from entries where realm = %(realm)s") == [(1, 7)]
    for writer in writers:
        await writer.stop()


async def test_who_is_in_a_paused_campaign_is_never_met(engine: Engine) -> None:
    await engine.launch("other", "cart.found")
    await engine.report(0)
    await engine.report(1, "cart.found")
    engine.sql("update campaign_enrolments set due_at = now() - interval '1 s' where realm = %(realm)s")
    await engine.do(campaigns.PauseCampaign("cmp_care"))

    due = await due_steps(engine.pool, datetime.now(UTC) + timedelta(seconds=5), limit=10, realm=engine.realm)

    assert [one.account_id for one in due] == ["loy_1"]
