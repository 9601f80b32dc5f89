"""One cart of 20 lines among 10 to 10,000 live offers: ours in process and over HTTP, beside engines of the same kind.

All start from the same cart and offers (checkout_workload.py), and must come to the discount that is known beforehand.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench.checkout_workload import PRICES, SIZES, UNITS, BenchOffer, expected_minor, offers
from bench.report import Goal, Report
from bench.rig import Realm, Rig, make_realm, serving
from vinr_server.core.carts import Cart, CartLine
from vinr_server.core.earning import Conditions
from vinr_server.core.evaluation import evaluate
from vinr_server.core.offer_index import MEMBERS, OfferIndex
from vinr_server.core.offer_rows import Offer
from vinr_server.core.offers import CheckoutTerms, Criteria, OfferTerms, PercentageDiscount
from vinr_server.core.points import SCALE
from vinr_server.core.promotions import promotion_of
from vinr_server.storage.tables import TABLES

PEERS = Path(__file__).parent / "peers"
PEER_NAMES = ("json-rules-engine", "medusa")
START = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = "cust_bench"
CART = Cart("EUR", tuple(CartLine(sku, price, UNITS) for sku, price in PRICES.items()))
# Up to here no two offers share a line, and every engine must come to the same discount.
SAME_FOR_ALL = 100


@dataclass(frozen=True)
class Timed:
    """One engine's times for one evaluation, and the discount it came to, in minor units."""

    p50_ms: float
    p99_ms: float
    discount: float
    version: str = ""


def offer_row(one: BenchOffer) -> Offer:
    """The offer as the engine stores it: percentages are for members, the others for every cart."""
    is_percent = one.kind == "percent"
    if is_percent:
        is_far = one.min_units > UNITS
        conditions = Conditions(skus=one.skus, min_amount_minor=10_000_000 if is_far else None)
        terms = OfferTerms(percentage=PercentageDiscount(one.value * SCALE), conditions=conditions)
    else:
        is_bogo = one.kind == "bogo"
        criteria = Criteria(
            min_subtotal_minor=one.min_minor or None,
            min_quantity=one.min_units,
            skus=one.skus,
            buy_quantity=2 if is_bogo else None,
            get_quantity=1 if is_bogo else None,
        )
        checkout = CheckoutTerms("bogo", None, criteria=criteria)
        if not is_bogo:
            checkout = CheckoutTerms("fixed_discount", one.value, per="unit", criteria=criteria)
        terms = OfferTerms(checkout=checkout)
    return Offer(
        id=f"ofr_{one.number:05d}",
        kind="engagement" if is_percent else "checkout",
        program_id=None,
        revision=1,
        name=f"Offer {one.number}",
        terms=terms,
        starts_at=None,
        ends_at=None,
        status="published",
        metadata={},
        created_at=START + timedelta(seconds=one.number),
    )


def timed(attempt: Callable[[], float], *, seconds: float) -> Timed:
    """The attempt again and again for so long, after five to warm up."""
    for _ in range(5):
        discount = attempt()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 20:
        start = time.perf_counter()
        discount = attempt()
        times.append(1000 * (time.perf_counter() - start))
    times.sort()
    return Timed(times[len(times) // 2], times[min(int(len(times) * 0.99), len(times) - 1)], discount)


def measure_in_process(made: Sequence[BenchOffer], *, seconds: float) -> Timed:
    """The evaluation alone, the index at hand as in a running server."""
    index = OfferIndex(promotion_of(offer_row(one)) for one in made)
    return timed(lambda: evaluate(CART, index, now=START, audiences=[MEMBERS]).discount_minor, seconds=seconds)


# ---- over HTTP


def measure_over_http(rig: Rig, made: Sequence[BenchOffer], *, seconds: float) -> Timed:
    """One client at a time, keep-alive, two server processes; the customer is a member."""
    database = rig.copy("vinr")
    realm = make_realm(rig.url(database))
    asyncio.run(_store(rig.url(database), realm, [offer_row(one) for one in made]))
    try:
        with serving(rig, database) as server:
            client = _Client(server.base_url, realm.key)
            program = client.post("/v1/loyalty/programs", {"name": "Bench"})["id"]
            client.post("/v1/loyalty/accounts", {"program": program, "customer": CUSTOMER})
            lines = [{"sku": one.sku, "unit_price": one.unit_price_minor, "quantity": UNITS} for one in CART.lines]
            body = {"currency": "EUR", "customer": CUSTOMER, "lines": lines}
            return timed(lambda: client.post("/v1/checkout/evaluate", body)["total_discount"], seconds=seconds)
    finally:
        rig.drop(database)


class _Client:
    """One connection that stays open."""

    def __init__(self, base_url: str, key: str) -> None:
        place = urlsplit(base_url)
        assert place.hostname is not None
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self._connection.request("POST", path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {text[:500]!r}")
        return json.loads(text)


async def _store(url: str, realm: Realm, rows: Sequence[Offer]) -> None:
    connection = await asyncpg.connect(url)
    try:
        sql, arguments = TABLES[Offer].insert([(realm.id, row) for row in rows])
        await connection.execute(sql, *arguments)
        await connection.execute("update realms set catalogue_revision = catalogue_revision + 1")
        await connection.execute("analyze")
    finally:
        await connection.close()


# ---- peers


def install_peers(directory: Path) -> str | None:
    """The peers stand in the directory; else why they don't."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "node and npm are not installed"
    shutil.copytree(PEERS, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return "npm ci took more than 5 minutes"
    return None if done.returncode == 0 else f"npm ci failed: {done.stderr[-300:]}"


def measure_peer(directory: Path, name: str, made: Sequence[BenchOffer], *, seconds: float) -> Timed:
    """The peer in a process of its own, timed by itself."""
    cart = [{"sku": line.sku, "price": line.unit_price_minor, "units": line.quantity} for line in CART.lines]
    work = json.dumps({"cart": cart, "offers": [asdict(one) for one in made]})
    command = ["node", "measure.js", name, str(seconds)]
    done = subprocess.run(
        command, cwd=directory, input=work, capture_output=True, text=True, timeout=seconds + 120, check=True
    )
    figures = json.loads(done.stdout)
    return Timed(figures["p50_ms"], figures["p99_ms"], figures["discount"], figures["version"])


# ---- the measurement


def measure_checkout(rig: Rig, report: Report, *, seconds: float, is_short: bool) -> None:
    """Times and totals of all sides at every size; goals at 1,000."""
    sizes = (10, 1_000) if is_short else SIZES
    directory = rig.directory / "peers"
    missing = "left out of the short form" if is_short else install_peers(directory)
    figures: dict[tuple[str, int], Timed] = {}
    for size in sizes:
        made = offers(size)
        figures["in process", size] = measure_in_process(made, seconds=seconds)
        figures["over HTTP", size] = measure_over_http(rig, made, seconds=seconds)
        for name in () if missing or size > 1_000 else PEER_NAMES:
            figures[name, size] = measure_peer(directory, name, made, seconds=seconds)
        _check(report, size, expected_minor(made), figures)
    _tell(report, figures, missing)


def _check(report: Report, size: int, known: dict[str, int], figures: dict[tuple[str, int], Timed]) -> None:
    """Figures of an engine that comes to another discount are worth nothing."""
    for (name, at), one in figures.items():
        must = name in ("in process", "over HTTP") or size <= SAME_FOR_ALL
        if at == size and must and abs(one.discount - known["phases"]) > 0.5:
            report.problems.append(f"{name} takes off {one.discount} at {size} offers, not {known['phases']}")


def _tell(report: Report, figures: dict[tuple[str, int], Timed], missing: str | None) -> None:
    rows = [
        (size, name, one.version, round(one.p50_ms, 3), round(one.p99_ms, 3), one.discount)
        for (name, size), one in figures.items()
    ]
    report.add_table("Ratios", ("offers", "engine", "version", "p50 ms", "p99 ms", "discount"), rows)
    if missing:
        report.add_text("Peers", f"Not measured: {missing}.")
    report.figures["times"] = [{"engine": name, "offers": size, **asdict(one)} for (name, size), one in figures.items()]
    ours, over_http = figures["in process", 1_000], figures["over HTTP", 1_000]
    peers = [figures[name, 1_000].p50_ms for name in PEER_NAMES if (name, 1_000) in figures]
    if peers:
        report.goals.append(Goal("the fastest peer's time in ours, 1,000 offers", min(peers) / ours.p50_ms, 10))
    report.goals.append(Goal("over HTTP, 1,000 offers, p99", over_http.p99_ms, 10, is_at_most=True, unit="ms"))
