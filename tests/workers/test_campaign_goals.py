"""Goals and caps on PostgreSQL: what they cost a payment, and that long histories are not read again (R50, R51)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from test_campaign_steps import MORE_CAMPAIGNS, PAYMENT, Engine, engine

from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns import commands as campaigns
from vinr_server.core.earning import commands as earning
from vinr_server.core.payments import commands as payments
from vinr_server.storage.campaigns import measuring
from vinr_server.storage.postgres.connect import connect_writer

__all__ = ["engine"]
# 20,000 days of a member who enters each day, and is sent a message; each goal is over after three days.
HISTORY = """
insert into campaign_enrolments (bucket, realm, id, campaign_id, program_id, account_id, customer_id, entry_key,
  revision, status, position, entered_at, since_at, heard, ways, results, entry, entry_type, pauses, outcome, over_at,
  failures, goal_until, entry_revision)
select bucket, realm, 'enr_' || id || n, 'cmp_care', program_id, id, customer_id, n, 1, 'over', 1,
  now() - n * interval '1 day', now() - n * interval '1 day', '[]', '{}', '{}', '{"type": "call", "data": {}}', 'call',
  0, 'completed', now(), 0, now() - (n - 3) * interval '1 day', 1
from accounts cross join generate_series(1, 20000) as n where realm = %(realm)s and id = 'loy_0';
insert into campaign_steps select bucket, realm, id, 1, account_id, campaign_id, 'tell', 'send_event', 1, 'done',
  entered_at, '{}'
from campaign_enrolments where realm = %(realm)s;
analyze campaign_enrolments, campaign_steps
"""


async def launch(engine: Engine, name: str) -> None:
    """A campaign with a goal and a cap, that members enter by an event."""
    definition = {
        "entry": {"event": {"type": "cart.left"}},
        "goal": {"event": {"type": "payment.completed"}, "within": "3d"},
        "caps": [{"of": "messages", "max": 5, "within": "7d", "scope": "program"}],
        "reentry": {"mode": "after_exit"},
        "start": "tell",
        "steps": {"tell": {"kind": "send_event", "name": "hi"}},
    }
    drafted = read_definition(definition, zone="UTC")
    await engine.do(campaigns.CreateCampaign("prog_1", name, "journey", drafted, id=f"cmp_{name}"))
    await engine.do(campaigns.PublishCampaign(f"cmp_{name}"))


async def asked(engine: Engine) -> int:
    """How many statements a payment takes."""
    await engine.do(PAYMENT())  # the first one reads the catalogue
    engine.statements.clear()
    await engine.do(PAYMENT())
    return len(engine.statements)


async def test_goals_cost_a_payment_one_statement_however_many_campaigns_have_one(engine: Engine) -> None:
    without = await asked(engine)

    await launch(engine, "aim")
    with_one = await asked(engine)
    for statement in MORE_CAMPAIGNS.replace("cmp_care", "cmp_aim").split(";"):
        engine.sql(statement)

    assert with_one == without + 1
    assert await asked(engine) == with_one
    assert engine.sql("select count(*) from campaigns where realm = %(realm)s") == [(501,)]


async def test_a_payment_converts_each_passage_whose_goal_is_open_and_no_other(engine: Engine) -> None:
    await launch(engine, "aim")
    for statement in HISTORY.replace("cmp_care", "cmp_aim").split(";"):
        engine.sql(statement)

    paid = await engine.do(PAYMENT())

    assert [reaction["did"] for reaction in paid["campaigns"]] == ["converted"] * 2
    assert engine.sql("select count(*) from campaign_enrolments where converted is not null") == [(2,)]


async def test_an_entry_its_goal_and_the_goal_s_refund_in_one_batch_leave_it_not_converted(engine: Engine) -> None:
    await launch(engine, "aim")
    commands = [
        earning.ReportEvent("cart.left", {"customer": "cust_0"}, customer_id="cust_0"),
        PAYMENT(id="pay_1"),
        payments.RefundPayment("pay_1"),
    ]

    await asyncio.wait_for(asyncio.gather(*(engine.do(command) for command in commands)), timeout=30)

    stands = "select converted, json_array_length(goals) from campaign_enrolments"
    stands += " where realm = %(realm)s and campaign_id = 'cmp_aim'"
    assert engine.sql(stands) == [(None, 1)]


@pytest.mark.parametrize(("sql", "more"), [(measuring.GOALS, ()), (measuring.MEETINGS, ([timedelta(days=7)],))])
async def test_long_histories_are_not_read_again(engine: Engine, sql: str, more: tuple[Any, ...]) -> None:
    for statement in HISTORY.split(";"):
        engine.sql(statement)
    ((bucket,),) = engine.sql("select bucket from accounts where realm = %(realm)s and id = 'loy_0'")
    connection = await connect_writer(engine.database_url)
    columns = ([engine.realm], [bucket], ["loy_0"], ["prog_1"], [datetime.now(UTC)], *more)

    ((plan,),) = await connection.fetch(f"explain (analyze, buffers, format json) {sql}", *columns)
    await connection.close()

    top = json.loads(plan)[0]["Plan"]
    assert top["Actual Rows"] in (2, 12)
    # A dozen and two dozen pages, of 3,000 that the history has.
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 100
