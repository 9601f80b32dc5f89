"""Steps that a worker takes for members of whom few, or few of very many, are due; and its rounds where nobody is.

Worker and writer are the engine's own, in this process, on a PostgreSQL. The anchor are awards by the same writer, to
the same members in batches of the same size.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from bench.crowds import POINTS, Instants, send
from bench.usage import Meter
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger.commands import AwardPoints
from vinr_server.engine.writer import BATCH_MAX, Writer
from vinr_server.storage.campaigns.due import DUE_STEPS
from vinr_server.storage.due.segments import MOVING
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.workers.due import DueWorker

HOUR = timedelta(hours=1)
# Each passage that is due ends its wait, sends a message and awards points.
STEPS_EACH = 3
# The ways a round's books must agree: what is logged, what is in the ledger, what is announced, and who was due.
BOOKS = """
select (select count(*) from campaign_steps), (select count(*) from campaign_steps where kind = 'send_event'),
  (select count(*) from entries where source_type = 'campaign'),
  (select count(*) from events where type = 'campaign.message'),
  (select count(*) from campaign_enrolments where position > 0)
"""
PAGES = "select blks_hit + blks_read from pg_stat_database where datname = current_database()"


@dataclass(frozen=True)
class Work:
    """So much was done in so many seconds, by so many seconds of processors: of this process and of PostgreSQL."""

    done: int
    seconds: float
    python_seconds: float
    postgres_seconds: float
    cores: dict[str, float]

    @property
    def rate(self) -> float:
        """How much in a second."""
        return self.done / self.seconds

    @property
    def core_us(self) -> float:
        """Microseconds of a processor for each; what others do on the machine changes it less than the rate."""
        return (self.python_seconds + self.postgres_seconds) / self.done * 1e6


@dataclass(frozen=True)
class Round:
    """The steps of those who were due, and awards to as many members."""

    steps: Work
    awards: Work


@dataclass(frozen=True)
class Idle:
    """A worker's round with nothing to do."""

    ms: float
    pages: float


@asynccontextmanager
async def working(url: str, clock: Instants) -> AsyncIterator[tuple[DueWorker, Writer]]:
    """A worker and its writer, by this clock."""
    writer = Writer(partial(connect_writer, url), clock=clock)
    await writer.start()
    pool = await connect_readers(url, size=4)
    try:
        yield DueWorker(pool, writer, clock=clock), writer
    finally:
        await writer.stop()
        await pool.close()


async def take_steps(url: str, realm: int, at: datetime, *, due: int, postgres_pid: int) -> Round:
    """Everybody who is due by then has gone on to the next wait, and as many members were awarded points."""
    before = _books(url)
    async with working(url, Instants(at)) as (worker, writer):
        with Meter(postgres_pid=postgres_pid, is_load_in_this_process=True) as meter:
            while await worker.work_once():
                pass
        steps = _work(STEPS_EACH * due, meter)
        taken = [after - earlier for after, earlier in zip(_books(url), before, strict=True)]
        assert taken[:4] == [STEPS_EACH * due, due, due, due], f"the books say {taken}, and {due} were due"
        with psycopg.connect(url) as connection:
            ids = connection.execute("select account from crowd where place < %s order by n", (due,)).fetchall()
        commands: list[Command] = [AwardPoints(id, POINTS) for (id,) in ids]
        with Meter(postgres_pid=postgres_pid, is_load_in_this_process=True) as meter:
            await send(writer, realm, commands)
        return Round(steps, _work(len(ids), meter))


def _work(done: int, meter: Meter) -> Work:
    usage = meter.usage
    return Work(done, usage.seconds, usage.load, usage.postgres, usage.cores())


def _books(url: str) -> tuple[int, ...]:
    with psycopg.connect(url) as connection:
        row = connection.execute(BOOKS.encode()).fetchone()
    assert row is not None
    return tuple(row)


async def rest(url: str, at: datetime, *, rounds: int) -> Idle:
    """What a round costs with nobody due: milliseconds, and pages that all its statements touch. The least of three."""
    pool = await connect_readers(url, size=1)
    writer = Writer(partial(connect_writer, url), clock=Instants(at))
    worker = DueWorker(pool, writer, clock=Instants(at))
    try:
        await _rounds(worker, 10)  # statements are prepared, and planned for good from the sixth time on
        noted = []
        for _ in range(3):
            pages, started = await _pages(pool), time.perf_counter()
            await _rounds(worker, rounds)
            ms = (time.perf_counter() - started) / rounds * 1000
            noted.append(Idle(ms, (await _pages(pool) - pages) / rounds))
    finally:
        await pool.close()
    return Idle(min(idle.ms for idle in noted), min(idle.pages for idle in noted))


async def _rounds(worker: DueWorker, count: int) -> None:
    for _ in range(count):
        assert not await worker.work_once(), "somebody is due"


async def _pages(pool: Any) -> int:
    """The pages that the database's connections have touched, those of the pool's only one up to now."""
    await pool.execute("select pg_stat_force_next_flush()")
    return int(await pool.fetchval(PAGES))


@dataclass(frozen=True)
class Scan:
    """How an index was used: the rows that it found, those that nobody wanted, and pages."""

    index: str
    rows: int
    removed: int
    pages: int


def plans(url: str, at: datetime) -> list[Scan]:
    """How those who are due are found, of steps and of segments, by EXPLAIN; only indexes of members."""
    found: list[Scan] = []
    with psycopg.connect(url) as connection:
        for statement in (DUE_STEPS, MOVING):
            text = statement.replace("$1", "%(now)s").replace("$2", "%(limit)s").replace("$3", "%(realm)s")
            given = {"now": at, "limit": BATCH_MAX, "realm": None}
            row = connection.execute(f"explain (analyze, buffers, format json) {text}".encode(), given).fetchone()
            assert row is not None
            found += _scans(row[0][0]["Plan"])
    return found


def _scans(plan: dict[str, Any]) -> Iterator[Scan]:
    """The scans of tables of members; one without an index has met everybody."""
    if plan.get("Relation Name") in ("accounts", "campaign_enrolments"):
        loops, pages = plan["Actual Loops"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        rows, removed = (round(plan.get(name, 0) * loops) for name in ("Actual Rows", "Rows Removed by Filter"))
        yield Scan(plan.get("Index Name", "none"), rows, removed, pages)
    for part in plan.get("Plans", ()):
        yield from _scans(part)
