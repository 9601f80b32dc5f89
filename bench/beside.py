"""What campaigns and codes cost those who have nothing to do with them: payments beside other campaigns, carts beside
other codes. And how fast codes are made.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from bench.crowds import send
from bench.statements import Ledger, TimedConnection
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns.commands import CreateCampaign, PublishCampaign
from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.checkout.commands import EvaluateCart
from vinr_server.core.codes.commands import CreateCodeBatch
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members.commands import CreateAccount
from vinr_server.core.offers.commands import CreateOffer
from vinr_server.core.offers.rows import CheckoutTerms, OfferTerms
from vinr_server.core.payments.commands import CreatePayment
from vinr_server.core.programs.commands import CreateProgram
from vinr_server.engine.evaluator import Evaluator
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.tenants import ensure_realm
from vinr_server.storage.reads.reader import Reader
from vinr_server.workers.codes import CodeWorker

PAYMENTS, MEMBERS = 64, 512
PATTERN, ALPHABET = "####-####-####", "23456789BCDFGHJKMNPQRSTVWXYZ"
CART = Cart("EUR", (CartLine("tea", 1_000, 2),))
OPENED = OfferTerms(checkout=CheckoutTerms("fixed_discount", 100), requires_code=True)
# As many rows of the same form, by one statement that has nothing to draw, and no neighbor to ask about keys.
BY_HAND = (
    "create table codes_by_hand (like codes including all)",
    "insert into codes_by_hand select * from codes where realm = {realm} and batch_id = 'cbt_{count}'",
    "drop table codes_by_hand",
)
# How often each index of a table of ours was looked into, by everybody; a table without is read from end to end.
LOOKS = """
select indexrelname, idx_scan from pg_stat_user_indexes where idx_scan > 0
union all select relname || ', all of it', seq_scan from pg_stat_user_tables where seq_scan > 0
"""


@dataclass(frozen=True)
class Paid:
    """Medians of payments in one realm: µs of wall time and of this process' CPU for each, and statements a batch."""

    wall_us: float
    cpu_us: float
    statements: float


async def pay_beside(url: str, counts: Sequence[int], *, rounds: int) -> dict[int, Paid]:
    """Payments in realms with so many live campaigns that hear of other events, in turns."""
    ledger = Ledger()

    async def connect() -> TimedConnection:
        return Counted(await connect_writer(url), ledger)

    writer = Writer(connect)
    await writer.start()
    try:
        realms = {count: _realm(url, f"campaigns_{count}") for count in counts}
        for count, realm in realms.items():
            await _publish(writer, realm, count)
        taken: dict[int, list[Paid]] = {count: [] for count in counts}
        for number in range(-5, rounds):
            for count in random.sample(counts, len(counts)):
                paid = await _pay(writer, realms[count], number)
                if number >= 0:
                    taken[count].append(paid)
    finally:
        await writer.stop()
    figures = ("wall_us", "cpu_us", "statements")
    return {
        count: Paid(*(statistics.median(getattr(paid, figure) for paid in all_paid) for figure in figures))
        for count, all_paid in taken.items()
    }


class Counted(TimedConnection):
    """A connection whose statements are counted, over all of them."""

    count = 0

    async def _run(self, method: str, statement: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        Counted.count += statement != "discard plans"
        return await getattr(self._connection, method)(statement, *arguments, **named)


def _realm(url: str, name: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return ensure_realm(connection, f"tnt_{name}", name, livemode=False)


async def _publish(writer: Writer, realm: int, count: int) -> None:
    """A program with members, and campaigns that each hear of an event of their own."""
    await send(writer, realm, [CreateProgram("Main", id="prog_main")])
    await send(writer, realm, [CreateAccount("prog_main", f"cust_{n}") for n in range(MEMBERS)])
    for n in range(count):
        gift = {"kind": "award_points", "points": 5}
        given = {"entry": {"event": {"type": f"app.event_{n}"}}, "start": "gift", "steps": {"gift": gift}}
        drafted = read_definition(given, zone="UTC")
        assert not drafted.problems, drafted.problems
        await send(writer, realm, [CreateCampaign("prog_main", f"Care {n}", "journey", drafted, id=f"cmp_{n}")])
        await send(writer, realm, [PublishCampaign(f"cmp_{n}")])


async def _pay(writer: Writer, realm: int, number: int) -> Paid:
    commands: list[Command] = [
        CreatePayment(2_000, "EUR", 100, id=f"pay_{number}_{member}", customer_id=f"cust_{member}")
        for member in random.sample(range(MEMBERS), PAYMENTS)
    ]
    before, wall, cpu = Counted.count, time.perf_counter(), time.process_time()
    await send(writer, realm, commands)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Paid(wall / PAYMENTS * 1e6, cpu / PAYMENTS * 1e6, Counted.count - before)


# ---- codes


@dataclass(frozen=True)
class Priced:
    """A cart: milliseconds (median), and how often it looks into which index."""

    ms: float
    looks: dict[str, float]


@dataclass(frozen=True)
class Made:
    """Codes in a second, and rows of one `INSERT … SELECT` of as many; and carts beside all codes there are by then."""

    codes: int
    rate: float
    by_hand: float
    carts: dict[str, Priced]


async def make_codes(url: str, counts: Sequence[int], *, carts: int) -> list[Made]:
    """Batches of so many codes, made one after the other; after each, so many carts of either kind are priced."""
    realm, made = _realm(url, "codes"), []
    writer = Writer(partial(connect_writer, url))
    await writer.start()
    pool = await connect_readers(url, size=4)
    try:
        await send(writer, realm, [CreateOffer("checkout", "Ten", OPENED, "published", id="ofr_ten")])
        worker = CodeWorker(pool, writer)
        for count in counts:
            batch = CreateCodeBatch("ofr_ten", "Many", PATTERN, ALPHABET, amount=count, id=f"cbt_{count}")
            await send(writer, realm, [batch])
            started = time.perf_counter()
            while await worker.work_once():
                pass
            rate = count / (time.perf_counter() - started)
            by_hand = _by_hand(url, realm, count)
            made.append(Made(count, rate, by_hand, await _price(url, writer, realm, carts)))
    finally:
        await writer.stop()
        await pool.close()
    return made


def _by_hand(url: str, realm: int, count: int) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze codes")
        create, insert, drop = (text.format(realm=realm, count=count).encode() for text in BY_HAND)
        connection.execute(create)
        started = time.perf_counter()
        written = connection.execute(insert).rowcount
        rate = count / (time.perf_counter() - started)
        connection.execute(drop)
    assert written == count, f"{written} codes of {count}"
    return rate


async def _price(url: str, writer: Writer, realm: int, carts: int) -> dict[str, Priced]:
    """Carts without a code and with one that applies, in turns; and what each of them looks for."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select code from codes where realm = %s order by folded limit 1", (realm,)).fetchone()
    assert row is not None
    kinds: dict[str, tuple[str, ...]] = {"no code": (), "a code": (row[0],)}
    pool = await connect_readers(url, size=1)
    try:
        evaluator = Evaluator(Reader(pool), writer)
        looks = {name: await _looks(pool, evaluator, realm, codes, carts) for name, codes in kinds.items()}
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(carts):
            for name, codes in kinds.items():
                started = time.perf_counter()
                await _evaluate(evaluator, realm, codes)
                times[name].append((time.perf_counter() - started) * 1000)
    finally:
        await pool.close()
    return {name: Priced(statistics.median(times[name]), looks[name]) for name in kinds}


async def _looks(pool: Any, evaluator: Evaluator, realm: int, codes: tuple[str, ...], carts: int) -> dict[str, float]:
    """By index, how often a cart looks into it."""
    await _evaluate(evaluator, realm, codes)
    before = await _scans(pool)
    for _ in range(carts):
        await _evaluate(evaluator, realm, codes)
    after = await _scans(pool)
    return {name: (count - before.get(name, 0)) / carts for name, count in after.items() if count > before.get(name, 0)}


async def _scans(pool: Any) -> dict[str, int]:
    await pool.execute("select pg_stat_force_next_flush()")
    return dict(await pool.fetch(LOOKS))


async def _evaluate(evaluator: Evaluator, realm: int, codes: tuple[str, ...]) -> None:
    command = EvaluateCart(CART, codes=codes)
    outcome = await evaluator.evaluate(Submission(realm, False, "bench", command, b""))
    assert isinstance(outcome, Reply), outcome
    assert [code["status"] for code in json.loads(outcome.body)["codes"]] == ["applied"] * len(codes), outcome
