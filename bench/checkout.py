"""One cart of 20 lines among 10 to 10,000 live offers: ours in process and over HTTP, next to engines of the same kind.

All start from the same cart and offers (checkout_workload.py), and must arrive at the discount known beforehand.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench.checkout_peers import NODE, PEERS_OF_OURS, Peers
from bench.checkout_workload import PRICES, SIZES, UNITS, BenchOffer, expected_minor, offers
from bench.report import Goal, Report
from bench.rig import Realm, Rig, Server, make_realm, serving
from bench.usage import Meter, Patience
from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.carts.evaluation import evaluate
from vinr_server.core.carts.index import MEMBERS, OfferIndex
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.numbers import SCALE
from vinr_server.core.offers.promotions import promotion_of
from vinr_server.core.offers.rows import CheckoutTerms, Criteria, Offer, OfferTerms, PercentageDiscount
from vinr_server.storage.batch.tables import TABLES

START = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = "cust_bench"
CART = Cart("EUR", tuple(CartLine(sku, price, UNITS) for sku, price in PRICES.items()))
# Up to this size no two offers share a line, and every engine must arrive at the same discount.
SAME_FOR_ALL = 100
GOAL_SIZE = 1_000
IN_PROCESS = "in process"
# How many clients ask at once.
OVER_HTTP = {"over HTTP": 1, "over HTTP, 8 clients": 8}
OURS = (IN_PROCESS, *OVER_HTTP)


@dataclass(frozen=True)
class Timed:
    """One engine's times for one evaluation, and its discount in minor units.

    `others` is how many cores other processes kept busy, where that was measured.
    """

    p50_ms: float
    p99_ms: float
    discount: float
    version: str = ""
    others: float | None = None


def offer_row(offer: BenchOffer) -> Offer:
    """The offer as the engine stores it: percentages are for members, the others for every cart."""
    is_percent = offer.kind == "percent"
    if is_percent:
        is_far = offer.min_units > UNITS
        conditions = Conditions(skus=offer.skus, min_amount_minor=10_000_000 if is_far else None)
        terms = OfferTerms(percentage=PercentageDiscount(offer.value * SCALE), conditions=conditions)
    else:
        is_bogo = offer.kind == "bogo"
        criteria = Criteria(
            min_subtotal_minor=offer.min_minor or None,
            min_quantity=offer.min_units,
            skus=offer.skus,
            buy_quantity=2 if is_bogo else None,
            get_quantity=1 if is_bogo else None,
        )
        checkout = CheckoutTerms("bogo", None, criteria=criteria)
        if not is_bogo:
            checkout = CheckoutTerms("fixed_discount", offer.value, per="unit", criteria=criteria)
        terms = OfferTerms(checkout=checkout)
    return Offer(
        id=f"ofr_{offer.number:05d}",
        kind="engagement" if is_percent else "checkout",
        program_id=None,
        revision=1,
        name=f"Offer {offer.number}",
        terms=terms,
        starts_at=None,
        ends_at=None,
        status="published",
        metadata={},
        created_at=START + timedelta(seconds=offer.number),
    )


def timed(attempt: Callable[[], Any], *, seconds: float) -> tuple[list[float], Any]:
    """The milliseconds of each attempt within so many seconds, after five to warm up; and the result of the last."""
    for _ in range(5):
        last = attempt()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 20:
        start = time.perf_counter()
        last = attempt()
        times.append(1000 * (time.perf_counter() - start))
    return times, last


def summed_up(times: list[float], discount: float, *, others: float | None = None) -> Timed:
    """Median and 99th percentile."""
    times = sorted(times)
    return Timed(times[len(times) // 2], times[min(int(len(times) * 0.99), len(times) - 1)], discount, others=others)


def measure_in_process(made: Sequence[BenchOffer], *, seconds: float) -> Timed:
    """The evaluation alone, with the index built and spared by the garbage collector, as in a running server."""
    index = OfferIndex(promotion_of(offer_row(offer)) for offer in made)
    gc.collect()
    gc.freeze()
    try:
        times, last = timed(lambda: evaluate(CART, index, now=START, audiences=[MEMBERS]), seconds=seconds)
    finally:
        gc.unfreeze()
    return summed_up(times, last.discount_minor)


# ---- over HTTP


@contextmanager
def shop(rig: Rig, made: Sequence[BenchOffer]) -> Iterator[Shop]:
    """A server of two processes over these offers; the customer is a member."""
    database = rig.copy("vinr")
    realm = make_realm(rig.url(database))
    asyncio.run(_store(rig.url(database), realm, [offer_row(offer) for offer in made]))
    try:
        with serving(rig, database) as server:
            client = _Client(server.base_url, realm.key)
            program = json.loads(client.post("/v1/loyalty/programs", json.dumps({"name": "Bench"})))["id"]
            client.post("/v1/loyalty/accounts", json.dumps({"program": program, "customer": CUSTOMER}))
            yield Shop(rig, server, realm)
    finally:
        rig.drop(database)


@dataclass(frozen=True)
class Shop:
    """A server with its offers, which clients ask for the cart's discount."""

    rig: Rig
    server: Server
    realm: Realm

    def measure(self, *, clients: int, seconds: float) -> Timed:
        """So many clients, each with a connection that stays open, each asking again when it has its answer."""
        with (
            Meter(
                postgres_pid=self.rig.postgres.pid, server_pid=self.server.pid, is_load_in_this_process=True
            ) as meter,
            ThreadPoolExecutor(clients) as threads,
        ):
            running = [threads.submit(self._ask, seconds) for _ in range(clients)]
            asked = [asking.result() for asking in running]
        discounts = {json.loads(body)["total_discount"] for _times, body in asked}
        assert len(discounts) == 1, f"one cart, several discounts: {discounts}"
        times = [milliseconds for times, _body in asked for milliseconds in times]
        return summed_up(times, discounts.pop(), others=meter.usage.cores()["others"])

    def _ask(self, seconds: float) -> tuple[list[float], Any]:
        client = _Client(self.server.base_url, self.realm.key)
        lines = [{"sku": line.sku, "unit_price": line.unit_price_minor, "quantity": UNITS} for line in CART.lines]
        body = json.dumps({"currency": "EUR", "customer": CUSTOMER, "lines": lines})
        return timed(lambda: client.post("/v1/checkout/evaluate", body), seconds=seconds)


class _Client:
    """One connection that stays open."""

    def __init__(self, base_url: str, key: str) -> None:
        place = urlsplit(base_url)
        assert place.hostname is not None
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def post(self, path: str, body: str) -> bytes:
        """The body of a good answer."""
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {text[:500]!r}")
        return text


async def _store(url: str, realm: Realm, rows: Sequence[Offer]) -> None:
    connection = await asyncpg.connect(url)
    try:
        sql, arguments = TABLES[Offer].insert([(realm.id, row) for row in rows])
        await connection.execute(sql, *arguments)
        await connection.execute("update realms set catalogue_revision = catalogue_revision + 1")
        await connection.execute("analyze")
    finally:
        await connection.close()


# ---- the measurement


class CheckoutBench:
    """Measures all sides at every size and keeps the figures of each round, by engine and size."""

    def __init__(self, rig: Rig, *, seconds: float, rounds: int, patience: Patience) -> None:
        self.rig, self.seconds, self.rounds, self._patience = rig, seconds, rounds, patience
        self.figures: dict[tuple[str, int], list[Timed]] = {}

    def measure(self, size: int, peers: Peers | None) -> None:
        """One size: ours in every round, the peers once."""
        made = offers(size)
        with shop(self.rig, made) as ours:
            for _round in range(self.rounds):
                self._keep(IN_PROCESS, size, measure_in_process, made)
                for name, clients in OVER_HTTP.items():
                    self._keep(name, size, ours.measure, clients=clients)
        if peers is None:
            return
        for peer in peers.measured_at(size):
            figures = peers.measure(peer, made, seconds=self.seconds)
            if figures is not None:
                times = Timed(figures["p50_ms"], figures["p99_ms"], figures["discount"], version=figures["version"])
                self.figures[peer.name, size] = [times]

    def _keep(self, name: str, size: int, attempt: Callable[..., Timed], *given: Any, **more: Any) -> None:
        self._patience.wait()
        made = attempt(*given, seconds=self.seconds, **more)
        self.figures.setdefault((name, size), []).append(made)
        print(f"  {size:6,} offers  {name:20}  p50 {made.p50_ms:8.3f} ms  p99 {made.p99_ms:8.3f} ms", file=sys.stderr)

    def median(self, name: str, size: int) -> Timed:
        """The medians over the rounds."""
        rounds = self.figures[name, size]
        p50, p99 = (statistics.median(getattr(timed, of) for timed in rounds) for of in ("p50_ms", "p99_ms"))
        others = [timed.others for timed in rounds if timed.others is not None]
        return replace(rounds[0], p50_ms=p50, p99_ms=p99, others=statistics.median(others) if others else None)

    def problems(self) -> Iterator[str]:
        """Each engine that arrives at a wrong discount, which makes its figures worthless."""
        for (name, size), rounds in self.figures.items():
            known = expected_minor(offers(size))["phases"]
            must = name in OURS or size <= SAME_FOR_ALL
            for discount in {timed.discount for timed in rounds}:
                if must and abs(discount - known) > 0.5:
                    yield f"{name} takes off {discount} at {size} offers, not {known}"


def measure_checkout(rig: Rig, report: Report, *, seconds: float, rounds: int, minutes: float, is_short: bool) -> None:
    """Times and totals of all sides at every size; goals at 1,000. `minutes` may be spent waiting for quiet."""
    bench = CheckoutBench(rig, seconds=seconds, rounds=rounds, patience=Patience(60 * minutes))
    peers = None if is_short else Peers(rig)
    for size in (10, GOAL_SIZE) if is_short else SIZES:
        bench.measure(size, peers)
    report.problems += bench.problems()
    rows = []
    for name, size in bench.figures:
        median = bench.median(name, size)
        times = (round(median.p50_ms, 3), round(median.p99_ms, 3))
        rows.append((size, name, median.version, *times, median.discount, median.others))
    head = ("offers", "engine", "version", "p50 ms", "p99 ms", "discount", "others' cores")
    report.add_table("Ratios", head, rows)
    report.figures["times"] = [
        {"engine": name, "offers": size, "rounds": [asdict(timed) for timed in figures]}
        for (name, size), figures in bench.figures.items()
    ]
    if peers is not None:
        _report_peers(report, bench, peers)
    over_http = bench.median("over HTTP", GOAL_SIZE)
    report.noise_cores = over_http.others or 0.0
    report.goals.append(Goal("over HTTP, 1,000 offers, p99", over_http.p99_ms, 10, is_at_most=True, unit="ms"))


def _report_peers(report: Report, bench: CheckoutBench, peers: Peers) -> None:
    """Report which peers were left out and why, and the goal against the fastest; it needs at least one peer."""
    left_out = [f"{name}: {why}." for name, why in peers.missing.items()]
    left_out += [f"{peer.name} beyond {peer.most:,} offers: {peer.why}." for peer in PEERS_OF_OURS if peer.why]
    report.add_text("Not measured", "\n".join(f"- {line}" for line in left_out))
    report.problems += [f"no figures of {name}: {why}" for name, why in peers.missing.items()]
    times = [bench.median(peer.name, GOAL_SIZE).p50_ms for peer in NODE if (peer.name, GOAL_SIZE) in bench.figures]
    if times:
        ours = bench.median(IN_PROCESS, GOAL_SIZE).p50_ms
        report.goals.append(Goal("the fastest peer's time in ours, 1,000 offers", min(times) / ours, 10))
