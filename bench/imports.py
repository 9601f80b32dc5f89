"""The import of a purchase history against a set-based load of the same rows written by hand."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.award import post
from bench.history import History, read_history
from bench.parity import Written, count_written, differences
from bench.report import Goal, Report
from bench.rig import Realm, Rig, Server, make_realm, serving
from bench.usage import Meter

HERE = Path(__file__).parent
NOW = "1998-07-01T00:00:00Z"
TEMPLATE = "import_template"
ITEMS, LANES = 500, 4
# Fewer rows are done before the importer gets going: then only the rows are compared, not the speed.
GATED_ROWS = 10_000
SECONDS_MAX = 600
TABLES = (
    *("customers", "accounts", "directory", "payments", "entries", "lots", "lot_uses", "deficits", "events"),
    *("idempotency_keys", "redemptions", "discounts", "counters", "refunds"),
)
TOLERANCE = 0.05
TOTALS = """
select coalesce(sum(ledger_balance_points), 0)::int8 as balance, coalesce(sum(lifetime_points), 0)::int8 as lifetime,
  md5(string_agg(customer_id || ':' || ledger_balance_points || ':' || sequence, ',' order by customer_id)) as digest
from accounts
"""


@dataclass(frozen=True)
class Setting:
    """The program that both sides write for."""

    realm: Realm
    program: str
    rule: str


@dataclass(frozen=True)
class Loaded:
    """What one side did, and what its database holds afterwards."""

    seconds: float
    cores: dict[str, float]
    totals: dict[str, Any]
    written: Written


def measure_import(rig: Rig, cdnow: Path | None, report: Report, *, rounds: int, is_short: bool) -> None:
    """The report holds purchases per second of both sides, and their ratio."""
    history = read_history(cdnow, rig.directory, limit=3000 if is_short else None)
    setting = make_template(rig)
    is_importer_there = has_importer()
    by = "vinr import purchases" if is_importer_there else f"POST /v1/payments/bulk, {ITEMS} each, {LANES} lanes"
    report.parameters |= {"history": history.name, "purchases": len(history.rows), "rounds": rounds, "ours by": by}
    ours, by_hand = [], []
    for number in range(1, rounds + 1):
        ours.append(import_ours(rig, history, setting, by_importer=is_importer_there))
        by_hand.append(load_by_hand(rig, history, setting))
        for side, loaded in (("ours", ours[-1]), ("by hand", by_hand[-1])):
            rate = len(history.rows) / loaded.seconds
            print(f"  round {number}  {side:8}  {loaded.seconds:6.2f} s  {rate:8,.0f} purchases/s", file=sys.stderr)
        report.problems += [f"round {number}: {difference}" for difference in compare(ours[-1], by_hand[-1])]
    report_import(report, history, {"ours": ours, "COPY + INSERT … SELECT by hand": by_hand})


def report_import(report: Report, history: History, sides: dict[str, list[Loaded]]) -> None:
    """The report says how fast each side was, what it wrote, and the ratio if both wrote the same."""
    count = len(history.rows)
    rate = {name: count / statistics.median(load.seconds for load in loads) for name, loads in sides.items()}
    rows = [
        [name, statistics.median(load.seconds for load in loads), rate[name], *loads[0].cores.values()]
        for name, loads in sides.items()
    ]
    head = ["", "seconds", "purchases/s", "cores: load", "server", "postgres", "others", "stolen"]
    report.add_table("Import (medians)", head, rows)
    ours, by_hand = (loads[-1] for loads in sides.values())
    pair = [ours.written, by_hand.written]
    written = [
        [table, *(side.rows[table] for side in pair), *(side.row_bytes(table) for side in pair)]
        for table in TABLES
        if any(side.rows[table] for side in pair)
    ]
    report.add_table("The same rows", ["table", "rows ours", "rows by hand", "bytes/row ours", "by hand"], written)
    report.add_text("Totals", f"ours {ours.totals}; by hand {by_hand.totals}")
    report.figures = {name: [asdict(load) for load in loads] for name, loads in sides.items()}
    if not report.problems:
        ratio, *_rest = [rate["ours"] / other for name, other in rate.items() if name != "ours"]
        name = "import ÷ COPY + INSERT … SELECT by hand"
        if count < GATED_ROWS:
            report.add_text(
                "Ratios", f"{name}: {ratio:.2f} x, over {count:,} purchases: most of the time is starting up."
            )
        else:
            report.goals.append(Goal(name, ratio, 0.25))


def make_template(rig: Rig) -> Setting:
    """The template holds a clock, a program that lives on it, and its rule: a point for each dollar."""
    rig.drop(TEMPLATE)
    with psycopg.connect(rig.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE} template vinr")
    realm = make_realm(rig.url(TEMPLATE))
    with serving(rig, TEMPLATE, workers=1) as server:
        clock = post(server, realm.key, "/v1/test_helpers/test_clocks", {"frozen_time": NOW})
        program = {"name": "CDNOW", "currency": {"expiry_months": 12}, "test_clock": clock["id"]}
        program_id = post(server, realm.key, "/v1/loyalty/programs", program)["id"]
        rule = {"program": program_id, "trigger": "payment.completed", "earn": {"points_per_currency_unit": 1}}
        rule_id = post(server, realm.key, "/v1/loyalty/earning_rules", rule)["id"]
    rig.settle(TEMPLATE)
    return Setting(realm, program_id, rule_id)


def import_ours(rig: Rig, history: History, setting: Setting, *, by_importer: bool) -> Loaded:
    """The history is imported through the API, by our importer if it exists."""
    database = rig.copy(TEMPLATE)
    try:
        with serving(rig, database) as server:
            started = time.monotonic()
            with Meter(postgres_pid=rig.postgres.pid, server_pid=server.pid) as meter:
                if by_importer:
                    run_importer(rig, server, history, setting)
                else:
                    send_in_bulk(server, history, setting)
            seconds = time.monotonic() - started
        return _loaded(rig.url(database), seconds, meter)
    finally:
        rig.drop(database)


def has_importer() -> bool:
    """Whether `vinr import purchases` exists."""
    command = [sys.executable, "-m", "vinr_server.cli", "import", "purchases", "--help"]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def run_importer(rig: Rig, server: Server, history: History, setting: Setting) -> None:
    """`vinr import purchases` has run, in a separate process."""
    command = [sys.executable, "-m", "vinr_server.cli", "import", "purchases", str(history.path)]
    command += ["--program", setting.program, "--columns", "customer,date,-,amount", "--skip-rows", "1"]
    command += ["--date-format", "%Y%m%d", "--time", "12:00", "--currency", "USD"]
    command += ["--customer-prefix", "cust_cdnow_", "--payment-prefix", "pay_cdnow_"]
    environment = os.environ | {"VINR_BASE_URL": server.base_url, "VINR_SECRET_KEY": setting.realm.key}
    # Files that it writes next to its input or in its directory go away with the rig.
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, cwd=rig.directory, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"vinr import purchases failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def send_in_bulk(server: Server, history: History, setting: Setting) -> None:
    """Every purchase is reported; each customer's purchases go through one lane, in order."""
    lanes: list[list[dict[str, Any]]] = [[] for _ in range(LANES)]
    for number, (customer, day, _discs, dollars) in enumerate(history.rows, start=1):
        at = f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z"
        payment = {"id": f"pay_cdnow_{number}", "customer": f"cust_cdnow_{customer}", "currency": "USD"}
        payment |= {"amount": int(Decimal(dollars) * 100), "occurred_at": at}
        lanes[zlib.crc32(customer.encode()) % LANES].append(payment)
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(lambda payments: _send_lane(server, setting, payments), lanes))


def _send_lane(server: Server, setting: Setting, payments: Sequence[dict[str, Any]]) -> None:
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {setting.realm.key}", "Content-Type": "application/json"}
    for start in range(0, len(payments), ITEMS):
        body = {"program": setting.program, "payments": payments[start : start + ITEMS]}
        connection.request("POST", "/v1/payments/bulk", json.dumps(body), headers)
        answer = connection.getresponse()
        result = json.loads(answer.read())
        if answer.status != 200 or result["created"] != len(body["payments"]):
            raise RuntimeError(f"POST /v1/payments/bulk: {answer.status} {str(result)[:500]}")
    connection.close()


def load_by_hand(rig: Rig, history: History, setting: Setting) -> Loaded:
    """The same rows are written by COPY and one statement for each table, in one transaction."""
    database = rig.copy(TEMPLATE)
    try:
        lines = "".join("\t".join(row) + "\n" for row in history.rows)
        statements = list(_statements(setting))
        with psycopg.connect(rig.url(database)) as connection:
            started = time.monotonic()
            with Meter(postgres_pid=rig.postgres.pid) as meter:
                connection.execute(
                    "create temp table raw (line int4 generated always as identity, customer text, day text,"
                    " discs int4, dollars numeric) on commit drop"
                )
                with connection.cursor().copy("copy raw (customer, day, discs, dollars) from stdin") as copy:
                    copy.write(lines)
                for statement in statements:
                    connection.execute(statement)
                connection.commit()
            seconds = time.monotonic() - started
        return _loaded(rig.url(database), seconds, meter)
    finally:
        rig.drop(database)


def _statements(setting: Setting) -> Iterator[bytes]:
    text = (HERE / "sql" / "import_by_hand.sql").read_text()
    now = sql.SQL("{}::timestamptz").format(sql.Literal(NOW)).as_string()
    known = {"realm": str(setting.realm.id), "now": now}
    known |= {"program": sql.Literal(setting.program).as_string(), "rule": sql.Literal(setting.rule).as_string()}
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return (statement.encode() for statement in text.split(";\n") if statement.strip())


def _loaded(url: str, seconds: float, meter: Meter) -> Loaded:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(TOTALS)
        row = cursor.fetchone()
        assert row is not None and cursor.description is not None
        totals = dict(zip((column.name for column in cursor.description), row, strict=True))
    return Loaded(seconds, meter.usage.cores(), totals, count_written(url, dict.fromkeys(TABLES, "true")))


def compare(ours: Loaded, by_hand: Loaded) -> list[str]:
    """The differences between what the two sides wrote."""
    found = [
        f"{table}: {ours.written.rows[table]} rows, by hand {by_hand.written.rows[table]}"
        for table in TABLES
        if ours.written.rows[table] != by_hand.written.rows[table]
    ]
    if ours.totals != by_hand.totals:
        found.append(f"totals: {ours.totals}, by hand {by_hand.totals}")
    return found + differences(ours.written, by_hand.written, tolerance=TOLERANCE)
