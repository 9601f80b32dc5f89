"""Members of a campaign, as many as a measurement wants: the engine makes the first, the others are copies of its rows.

So every row is one that the engine writes, with another member's ids and bucket in it, and a million take as long as
PostgreSQL needs to write them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from bench.rig import Rig, make_realm
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns.commands import CreateCampaign, EnterCampaign, PublishCampaign
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members.commands import CreateAccount
from vinr_server.core.programs.commands import CreateProgram
from vinr_server.core.segments.commands import CreateSegment
from vinr_server.core.segments.conditions import Bounds, SegmentConditions
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import BATCH_MAX, Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.workers.due import DueWorker

PROGRAM, CAMPAIGN = "prog_crowd", "cmp_crowd"
FIRST_WAIT = timedelta(days=300)
POINTS = 5
# No member is ever in it for so long, so each is in it and is due to be judged on one day far from now.
STAYING = SegmentConditions(days_since_enrolled=Bounds(at_most=5_000), balance=Bounds(at_least=0))
# Of member n: the bucket as the engine hashes it, ids as the engine makes them, and which of those that wait it is.
# Members come into the campaign in another order than into the program.
CROWD = """
create table crowd as
select n, place, bucket, customer,
  'loy_' || lpad(to_hex(n), 25, '0') || lpad(to_hex(bucket), 2, '0') as account,
  'enr_' || lpad(to_hex(place), 25, '0') || lpad(to_hex(bucket), 2, '0') as enrolment,
  case when place < %(due)s then interval '0'
    else interval '10 days' + interval '290 days' * (place::float8 / %(members)s) end as later
from (select n, (n::int8 * 7919) %% %(members)s as place, 'cust_' || n as customer
  from generate_series(1, %(members)s - 1) n) as named
cross join lateral (select get_byte(sha256(convert_to(%(realm)s || '/' || customer, 'UTF8')), 0) as bucket) as hashed
"""
# What is another member's in a copy; all else is the first member's.
OTHERS: Mapping[str, Mapping[str, str]] = {
    "customers": {"bucket": "c.bucket", "id": "c.customer"},
    "accounts": {"bucket": "c.bucket", "id": "c.account", "customer_id": "c.customer"},
    "segment_members": {"bucket": "c.bucket", "account_id": "c.account"},
    "campaign_enrolments": {
        "bucket": "c.bucket",
        "id": "c.enrolment",
        "account_id": "c.account",
        "customer_id": "c.customer",
        **{name: f"t.{name} + c.later" for name in ("entered_at", "since_at", "waits_since", "due_at")},
    },
}
COLUMNS = """
select column_name from information_schema.columns where table_schema = 'public' and table_name = %s
order by ordinal_position
"""


class Instants:
    """A clock that stands where it was set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """The instant."""
        return self.at


def journey(rounds: int) -> dict[str, Any]:
    """A long wait; then so many times a message, points and an hour's wait."""
    steps: dict[str, Any] = {"arrived": {"kind": "wait", "for": f"{FIRST_WAIT.days}d", "next": "tell_1"}}
    for n in range(1, rounds + 1):
        steps[f"tell_{n}"] = {"kind": "send_event", "name": "hello", "next": f"gift_{n}"}
        steps[f"gift_{n}"] = {"kind": "award_points", "points": POINTS, "next": f"rest_{n}"}
        steps[f"rest_{n}"] = {"kind": "wait", "for": "1h", "next": f"tell_{n + 1}" if n < rounds else "end"}
    steps["end"] = {"kind": "exit", "outcome": "done"}
    return {"entry": {}, "start": "arrived", "steps": steps}


async def send(writer: Writer, realm: int, commands: Sequence[Command]) -> list[Any]:
    """The answers of commands that are all accepted, in full batches."""
    answers: list[Any] = []
    for start in range(0, len(commands), BATCH_MAX):
        batch = [Submission(realm, False, "bench", command, b"") for command in commands[start : start + BATCH_MAX]]
        outcomes = await asyncio.gather(*[writer.enqueue(submission) for submission in batch])
        refused = [outcome for outcome in outcomes if not isinstance(outcome, Reply)]
        assert not refused, refused[0]
        answers += outcomes
    return answers


def make_crowd(rig: Rig, template: str, *, members: int, due: int, rounds: int, at: datetime) -> int:
    """A template where so many members wait, of whom some are due at that instant; returns its realm.

    Nobody else is due within ten days. All are in a dynamic segment.
    """
    with psycopg.connect(rig.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {template} template vinr".encode())
    realm = make_realm(rig.url(template)).id
    asyncio.run(_make_first(rig.url(template), realm, rounds, at - FIRST_WAIT))
    with psycopg.connect(rig.url(template), autocommit=True) as connection:
        connection.execute(CROWD.encode(), {"members": members, "due": due, "realm": realm})
        for name, changed in OTHERS.items():
            columns = [record[0] for record in connection.execute(COLUMNS, (name,))]
            copied = [sql.SQL(changed.get(column, f't."{column}"')) for column in columns]  # type: ignore[arg-type]
            connection.execute(
                sql.SQL(
                    "insert into {table} ({columns}) select {copied} from crowd c"
                    " cross join (select * from {table} limit 1) t order by {order}"
                ).format(
                    table=sql.Identifier(name),
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                    copied=sql.SQL(", ").join(copied),
                    order=sql.SQL("c.place" if name == "campaign_enrolments" else "c.n"),
                )
            )
    rig.settle(template)
    return realm


async def _make_first(url: str, realm: int, rounds: int, entered_at: datetime) -> None:
    """Program, segment and campaign are there, and one member, who waits for as long as the first step says."""
    clock = Instants(entered_at)
    writer = Writer(partial(connect_writer, url), clock=clock)
    await writer.start()
    pool = await connect_readers(url, size=1)
    try:
        drafted = read_definition(journey(rounds), zone="UTC")
        assert not drafted.problems, drafted.problems
        made: list[Command] = [
            CreateProgram("Crowd", id=PROGRAM),
            CreateSegment("Staying", "dynamic", STAYING, id="seg_staying"),
            CreateCampaign(PROGRAM, "Crowd", "journey", drafted, id=CAMPAIGN),
            PublishCampaign(CAMPAIGN),
            CreateAccount(PROGRAM, "cust_first"),
        ]
        for command in made:
            await send(writer, realm, [command])
        account = await pool.fetchval("select id from accounts")
        await send(writer, realm, [EnterCampaign(CAMPAIGN, account)])
        worker = DueWorker(pool, writer, clock=clock)
        while await worker.work_once():  # the segment is looked through, and the first step taken
            pass
    finally:
        await writer.stop()
        await pool.close()
