"""Whole files of shops: imported twice, and a newer one on top; members out of one realm and into another.

The long form: VINR_FILE_ROWS=100000 .venv/bin/pytest -n 0 -s tests/cli/test_import_files.py
"""

from __future__ import annotations

import csv
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from order_files import OPTIONS, Order, balances_of, file_of, orders
from shops import Run, Shop, new_shop

from conftest import RunningServer
from vinr_server.storage.laws.verify import verify

ROWS = int(os.environ.get("VINR_FILE_ROWS", "2000"))
IS_LONG = ROWS > 10_000
SECONDS = 120 + ROWS / 20
TIERS = [{"id": "silver", "threshold": 0}, {"id": "gold", "threshold": 500}]
Json = dict[str, Any]


@pytest.fixture
def shops(shared_server: RunningServer, tmp_path: Path) -> Iterator[list[Shop]]:
    """Two shops, each in a new realm, with the same program."""
    makers = [new_shop(shared_server, tmp_path) for _shop in range(2)]
    made = [next(maker) for maker in makers]
    for shop in made:
        shop.client.post(f"/v1/loyalty/programs/{shop.program}", json={"tiers": TIERS})
    yield made
    for maker in makers:
        maker.close()


def members_of(shop: Shop) -> dict[str, Json]:
    """What leaves with every member, by customer, without what differs between two realms."""
    found: dict[str, Json] = {}
    query: Json = {"limit": 100, "program": shop.program}
    while True:
        page = shop.client.get("/v1/loyalty/accounts/export", params=query).json()
        for member in page["data"]:
            kept = {name: value for name, value in member.items() if name not in ("id", "program", "livemode")}
            found[member["customer"]] = kept
        if not page["has_more"]:
            return found
        query["starting_after"] = page["data"][-1]["id"]


class TestOrders:
    def test_come_in_once_whichever_export_they_are_in(self, shops: list[Shop], shared_server: RunningServer) -> None:
        shop, _other = shops
        made = orders(ROWS, seed=7, until=datetime(2026, 6, 30, tzinfo=UTC))
        newer = orders(1_000 if IS_LONG else 100, seed=8, until=datetime(2026, 9, 30, tzinfo=UTC))
        later = [*newer, *_refunded_since(made)]
        counted = sum(order.status != "Storniert" for order in made)

        started = time.monotonic()
        first = self._run(shop, made)
        seconds = time.monotonic() - started
        again = self._run(shop, made)
        before = shop.balances()
        on_top = self._run(shop, later)

        assert first.counts == (counted, 0, 0), first.err[-2000:]
        assert again.counts == (0, counted, 0), again.err[-2000:]
        assert before == balances_of(made)
        fresh = sum(order.status != "Storniert" for order in newer)
        assert on_top.counts == (fresh, counted, 0), on_top.err[-2000:]
        assert shop.balances() == balances_of(later)
        if not IS_LONG:
            assert self._run(shop, random.Random(9).sample(later, k=len(later))).counts == (0, counted + fresh, 0)
            assert shop.balances() == balances_of(later)
        assert verify(shared_server.database_url).is_consistent
        print(f"{ROWS} rows: {ROWS / seconds:.0f} rows/s; " + first.out)

    @staticmethod
    def _run(shop: Shop, made: Sequence[Order]) -> Run:
        file = shop.write(file_of(made), name="bestellungen.csv")
        words = shop.command(file, "--currency", "EUR")[3:]
        at = words.index("--columns")
        return shop.vinr(*words[:at], *words[at + 2 :], *OPTIONS, seconds=SECONDS)


def _refunded_since(made: Sequence[Order]) -> list[Order]:
    """The same orders, of which some were given back meanwhile: of those that nothing else in the file is like."""
    counts = Counter(made)
    return [
        replace(order, status="Rückerstattet", refunded=order.amount)
        if place % 97 == 5 and order.status == "Abgeschlossen" and not order.refunded and counts[order] == 1
        else order
        for place, order in enumerate(made)
    ]


class TestMembers:
    def test_leave_and_come_in_with_the_same_balances_ends_and_tiers(
        self, shops: list[Shop], shared_server: RunningServer
    ) -> None:
        source, target = shops
        count = ROWS if ROWS > 2_000 else 500
        self._bring(source, count)
        left, of_source = members_of(source), ("--program", source.program)

        started = time.monotonic()
        wrote = source.vinr("export", "members", *of_source, "-o", "members.csv", seconds=SECONDS)
        export_seconds = time.monotonic() - started
        names = ("members.csv", "--program", target.program, "--json")
        started = time.monotonic()
        read = target.vinr("import", "members", *names, seconds=SECONDS)
        import_seconds = time.monotonic() - started

        assert (wrote.code, read.code, read.counts) == (0, 0, (count, 0, 0)), (wrote.err[-800:], read.err[-800:])
        came = members_of(target)
        assert len(left) == count
        assert came == left
        assert {member["tier"] for member in left.values()} == {"silver", "gold"}
        assert verify(shared_server.database_url).is_consistent
        print(f"{count} members: out {count / export_seconds:.0f}/s, in {count / import_seconds:.0f}/s")

    def test_are_exported_as_harmless_cells_and_on_from_where_it_stopped(self, shops: list[Shop]) -> None:
        source, target = shops
        self._bring(source, 250)
        item = {"customer": "cust_formula", "email": "=1+1@x.de", "points": -5, "metadata": {"note": "+x\ny,z"}}
        source.client.post("/v1/loyalty/accounts/bulk", json={"program": source.program, "accounts": [item]})
        path = source.directory / "out.csv"

        of_source = ("--program", source.program)

        source.vinr("export", "members", *of_source, "-o", "out.csv")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        again = source.vinr("export", "members", *of_source, "-o", "out.csv")
        resumed = source.vinr("export", "members", *of_source, "-o", "out.csv", "--resume")
        lines = source.vinr("export", "members", *of_source, "--format", "jsonl")

        assert (again.code, resumed.code, "--resume" in again.err) == (1, 0, True), (again, resumed)
        assert path.read_bytes() == whole
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert (rows[0]["email"], rows[0]["points"]) == ("'=1+1@x.de", "-5")
        assert [json.loads(line)["id"] for line in lines.out.splitlines()] == [row["id"] for row in rows]
        read = target.vinr("import", "members", "out.csv", "--program", target.program, "--json")
        assert read.counts == (251, 0, 0), read
        assert members_of(target) == members_of(source)

    @staticmethod
    def _bring(shop: Shop, count: int) -> None:
        """So many members of another system, as its file has them, and what some did since."""
        chance = random.Random(count)
        lines = ["customer,email,points,expires_at,lifetime_points,tier,joined_at,metadata.old_id"]
        for number in range(count):
            points = chance.randint(-50, 2_000)
            end = "2031-12-31" if points > 0 and chance.random() < 0.6 else ""
            tier = "gold" if chance.random() < 0.1 else ""
            joined = f"2025-0{chance.randint(1, 9)}-{chance.randint(10, 28)}"
            lines.append(f"cust_{number},m{number}@x.de,{points},{end},{abs(points) + 300},{tier},{joined},{number}")
        file = shop.write("\n".join(lines) + "\n", name="brought.csv")
        started = time.monotonic()
        run = shop.vinr("import", "members", str(file), "--program", shop.program, "--json", seconds=SECONDS)
        assert (run.code, run.counts) == (0, (count, 0, 0)), run.err[-800:]
        print(f"{count} balances in {time.monotonic() - started:.1f} s")
        for member in shop.client.get("/v1/loyalty/accounts", params={"limit": 20}).json()["data"]:
            shop.client.post("/v1/loyalty/points/award", json={"account": member["id"], "points": 40})
