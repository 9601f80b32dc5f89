"""Awards over HTTP against pgbench writing the same rows, in turns within each round, on one PostgreSQL."""

from __future__ import annotations

import json
import statistics
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import psycopg

from bench.load import Load, generate, generator_name
from bench.parity import Written, count_written, differ, differences
from bench.pgbench import FORM_NAMES, FORMS, run_pgbench, run_until_some
from bench.report import Goal, Report
from bench.rig import Realm, Rig, Server, make_realm, serving
from bench.usage import QUIET_CORES, Meter, Patience

ACCOUNTS = 10_000
TEMPLATE = "award_template"
# Each award adds a row to these. Only the engine writes batches, so pgbench leaves them out.
ADDED = ("entries", "lots", "events", "idempotency_keys")
# Accounts that no award has reached have no next expiry yet.
COUNTED = {**dict.fromkeys(ADDED, "true"), "accounts": "sequence > 0"}
TOLERANCE = 0.02
PROGRAM = "prog_bench"
# Ids that pgbench can put together from a number: 25 hex digits of it, and the two of its bucket.
INSERT_ACCOUNTS = """
insert into accounts (bucket, realm, id, program_id, customer_id, ledger_balance_points, lifetime_points, sequence,
  status, metadata, created_at)
select n %% 256, %(realm)s, 'loy_' || lpad(to_hex(n), 25, '0') || lpad(to_hex(n %% 256), 2, '0'), %(program)s,
  'cust_' || lpad(n::text, 12, '0'), 0, 0, 0, 'active', '{}', now()
from generate_series(1, %(accounts)s) n
"""


@dataclass(frozen=True)
class Plan:
    """What to measure, how often and for how long."""

    seconds: float
    rounds: int
    connections: tuple[int, ...] = (1, 16, 64, 256)
    # pgbench's best number of clients is looked for among these too.
    more_clients: tuple[int, ...] = (8, 32)
    warm_up_seconds: float = 1.0
    # Over the whole run: to wait for a quiet machine, and to repeat disturbed measurements.
    patience_seconds: float = 0.0


SHORT = Plan(seconds=1, rounds=1, connections=(64,), more_clients=())


@dataclass(frozen=True)
class Record:
    """One measurement of one side."""

    side: str
    connections: int
    round: int
    rate: float
    p50_ms: float
    p99_ms: float
    awards: int
    cores: dict[str, float]
    wal_bytes: float
    batch_size: float | None = None
    server_processes: tuple[float, ...] = ()


class AwardBench:
    """Measures both sides round by round and keeps the records."""

    def __init__(self, rig: Rig, plan: Plan) -> None:
        self.rig, self.plan = rig, plan
        self.records: list[Record] = []
        self.problems: list[str] = []
        self.unfair: list[str] = []
        self.realm: Realm | None = None
        self.written: dict[tuple[str, int], Written] = {}
        self._patience = Patience(plan.patience_seconds)

    def run(self) -> None:
        """Measure all rounds."""
        self.realm = make_template(self.rig)
        for number in range(1, self.plan.rounds + 1):
            for connections in self.plan.connections:
                self._measure(partial(self._ours, number, connections))
                for form in FORMS:
                    self._measure(partial(self._anchor, number, form, connections))
            for clients in self.plan.more_clients:
                for form in FORMS:
                    self._measure(partial(self._anchor, number, form, clients))

    def _measure(self, attempt: Callable[[], Record]) -> None:
        """One record is kept, from a quiet moment as long as patience lasts."""
        while True:
            self._patience.wait()
            record = attempt()
            if not self._patience.is_left_after(record.cores, seconds=self.plan.seconds):
                break
        self._keep(record)

    def _ours(self, number: int, connections: int) -> Record:
        assert self.realm is not None
        database = self.rig.copy(TEMPLATE)
        try:
            with serving(self.rig, database) as server:
                record = self._measure_ours(database, server, number, connections)
            self.written["ours", connections] = count_written(self.rig.url(database), COUNTED)
        finally:
            self.rig.drop(database)
        return record

    def _measure_ours(self, database: str, server: Server, number: int, connections: int) -> Record:
        assert self.realm is not None
        seconds = self.plan.seconds
        load = Load(server.base_url, self.realm.key, ACCOUNTS, connections, self.plan.warm_up_seconds)
        generate(load)
        before = _counts(self.rig.url(database))
        with Meter(postgres_pid=self.rig.postgres.pid, server_pid=server.pid) as meter:
            figures = generate(Load(**{**asdict(load), "seconds": seconds}))
        after = _counts(self.rig.url(database))
        awards, batches = after["entries"] - before["entries"], after["batches"] - before["batches"]
        what = f"{connections} connections, round {number}"
        if not awards:
            raise RuntimeError(f"{what}: nothing was awarded: {figures}")
        if figures.non_2xx or figures.errors or not figures.requests:
            self.problems.append(f"{what}: {figures}")
        # Requests under way at the end of the warm-up, or at the end, are in the database but not among the answers.
        if not 0 <= awards - figures.requests <= 2 * connections:
            self.problems.append(f"{what}: {figures.requests} answers, but {awards} awards in the database")
        return Record(
            side="ours",
            connections=connections,
            round=number,
            rate=figures.requests / figures.seconds,
            p50_ms=figures.p50_ms,
            p99_ms=figures.p99_ms,
            awards=awards,
            cores=meter.usage.cores(),
            wal_bytes=(after["wal"] - before["wal"]) / max(awards, 1),
            batch_size=awards / max(batches, 1),
            server_processes=tuple(meter.usage.server_processes),
        )

    def _anchor(self, number: int, form: str, clients: int) -> Record:
        assert self.realm is not None
        database = self.rig.copy(TEMPLATE)
        url = self.rig.url(database)
        try:
            run = partial(
                run_pgbench, url, FORMS[form], clients=clients, known={"realm": self.realm.id, "accounts": ACCOUNTS}
            )
            run(seconds=self.plan.warm_up_seconds, run=1)
            before = _counts(url)
            with Meter(postgres_pid=self.rig.postgres.pid) as meter:
                figures = run_until_some(run, self.plan.seconds)
            after = _counts(url)
            awards = after["entries"] - before["entries"]
            if not awards or figures.failed or awards != figures.transactions:
                self.problems.append(f"pgbench {form}, {clients} clients, round {number}: {figures}")
            self._compare(form, clients, count_written(url, COUNTED))
        finally:
            self.rig.drop(database)
        return Record(
            side=form,
            connections=clients,
            round=number,
            rate=figures.tps,
            p50_ms=figures.p50_ms,
            p99_ms=figures.p99_ms,
            awards=awards,
            cores=meter.usage.cores(),
            wal_bytes=(after["wal"] - before["wal"]) / max(awards, 1),
        )

    def _compare(self, form: str, clients: int, theirs: Written) -> None:
        self.written[form, clients] = theirs
        ours = self.written.get(("ours", clients)) or self.written["ours", max(self.plan.connections)]
        found = differences(ours, theirs, tolerance=TOLERANCE)
        for table in ADDED:
            mine, other = (written.rows[table] / written.rows["entries"] for written in (ours, theirs))
            if differ(mine, other, tolerance=TOLERANCE):
                found.append(f"{table}: {mine:.3f} rows for each award, {other:.3f}")
        self.unfair += [f"pgbench {form}, {clients} clients: {difference}" for difference in found]

    def _keep(self, record: Record) -> None:
        self.records.append(record)
        side = "ours" if record.side == "ours" else f"pgbench {record.side}"
        print(
            f"  round {record.round}  {record.connections:3} connections  {side:9}  {record.rate:8,.0f}/s"
            f"  p50 {record.p50_ms:7.2f} ms  p99 {record.p99_ms:7.2f} ms",
            file=sys.stderr,
        )

    def median(self, side: str, connections: int, figure: str = "rate") -> float:
        """The median over the rounds of one figure."""
        return statistics.median(getattr(record, figure) for record in self.records_of(side, connections))

    def records_of(self, side: str, connections: int) -> list[Record]:
        """The records of one side, one for each round."""
        return [record for record in self.records if (record.side, record.connections) == (side, connections)]

    def cores(self, side: str, connections: int) -> dict[str, float]:
        """The median over the rounds of the cores that each role kept busy."""
        records = self.records_of(side, connections)
        return {role: statistics.median(record.cores[role] for record in records) for role in records[0].cores}

    def clients(self, side: str) -> Sequence[int]:
        """The numbers of clients that a side was measured with."""
        return sorted({record.connections for record in self.records if record.side == side})

    def best(self, form: str) -> tuple[int, float]:
        """The number of clients that pgbench is fastest with, and how fast that is."""
        return max(((clients, self.median(form, clients)) for clients in self.clients(form)), key=lambda pair: pair[1])


def make_template(rig: Rig) -> Realm:
    """The template holds a program and its enrolled accounts."""
    rig.drop(TEMPLATE)
    with psycopg.connect(rig.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE} template vinr")
    url = rig.url(TEMPLATE)
    realm = make_realm(url)
    with serving(rig, TEMPLATE, workers=1) as server:
        post(
            server,
            realm.key,
            "/v1/loyalty/programs",
            {"name": "Bench", "id": PROGRAM, "currency": {"expiry_months": 12}},
        )
    with psycopg.connect(url) as connection:
        connection.execute(INSERT_ACCOUNTS, {"realm": realm.id, "program": PROGRAM, "accounts": ACCOUNTS})
    rig.settle(TEMPLATE)
    return realm


def post(server: Server, key: str, path: str, body: dict[str, Any]) -> Any:
    """Make a call of the API that must succeed; returns the answer."""
    request = urllib.request.Request(server.base_url + path, data=json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _counts(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            """select (select count(*) from entries), (select count(*) from batches),
                pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8"""
        ).fetchone()
    assert row is not None
    return dict(zip(("entries", "batches", "wal"), row, strict=True))


def measure_award(rig: Rig, plan: Plan, report: Report) -> None:
    """The report holds the figures of both sides, their ratios and the goals."""
    bench = AwardBench(rig, plan)
    bench.run()
    report.parameters["load generator"] = generator_name()
    report.figures["records"] = [asdict(record) for record in bench.records]
    report.problems += bench.problems
    _report_ours(bench, report)
    _report_anchors(bench, report)
    _report_noise(bench, report)
    _report_parity(bench, report)
    if bench.unfair:
        report.problems += ["The two sides did not write the same; no ratios.", *bench.unfair[:20]]
        return
    _report_ratios(bench, report)


def _report_ours(bench: AwardBench, report: Report) -> None:
    rows = []
    for connections in bench.clients("ours"):
        rate, p50, p99, batch, wal = (
            bench.median("ours", connections, name) for name in ("rate", "p50_ms", "p99_ms", "batch_size", "wal_bytes")
        )
        cores = bench.cores("ours", connections)
        spent = [cores[role] / rate * 1e6 for role in ("server", "postgres", "load")]
        shares = [
            max(record.server_processes) / sum(record.server_processes)
            for record in bench.records_of("ours", connections)
        ]
        rows.append([connections, rate, p50, p99, batch, *cores.values(), max(shares), *spent, wal])
    head = ["connections", "awards/s", "p50 ms", "p99 ms", "batch"]
    head += ["cores: load", "server", "postgres", "others", "stolen", "busiest worker's share"]
    head += ["CPU µs/award: server", "postgres", "load", "WAL bytes/award"]
    report.add_table("Ours, over HTTP, 2 processes (medians)", head, rows)


def _report_anchors(bench: AwardBench, report: Report) -> None:
    rows = []
    for form in FORMS:
        for clients in bench.clients(form):
            rate, p50, p99, wal = (
                bench.median(form, clients, name) for name in ("rate", "p50_ms", "p99_ms", "wal_bytes")
            )
            cores = bench.cores(form, clients)
            # On a machine so busy that a short round saw no commit, there is nothing to share out.
            spent = [cores[role] / rate * 1e6 if rate else 0.0 for role in ("postgres", "load")]
            shown = [cores[role] for role in ("load", "postgres", "others")]
            rows.append([f"({form}) {FORM_NAMES[form]}", clients, rate, p50, p99, *shown, *spent, wal])
    head = ["pgbench", "clients", "awards/s", "p50 ms", "p99 ms", "cores: pgbench", "postgres", "others"]
    head += ["CPU µs/award: postgres", "pgbench", "WAL bytes/award"]
    report.add_table("The anchor, straight to PostgreSQL (medians)", head, rows)


def _report_noise(bench: AwardBench, report: Report) -> None:
    """Report how much of the machine others used: it slows down the side that would have used it."""
    others = [record.cores["others"] + record.cores["stolen"] for record in bench.records]
    report.noise_cores = statistics.median(others)
    text = f"Other processes kept {statistics.median(others):.2f} cores busy (median; at most {max(others):.2f})."
    if statistics.median(others) > QUIET_CORES:
        text += " The machine was not quiet: trust CPU µs/award more than awards/s, and neither PASS nor FAIL."
    report.add_text("Noise", text)


def _report_parity(bench: AwardBench, report: Report) -> None:
    level = 64 if 64 in bench.plan.connections else max(bench.plan.connections)
    sides = ["ours", *FORMS]
    written = [bench.written[side, level] for side in sides]
    rows = [
        [table, *(side.rows[table] / side.rows["entries"] if table in ADDED else None for side in written)]
        + [side.row_bytes(table) for side in written]
        for table in written[0].rows
    ]
    head = ["table", *(f"rows/award {side}" for side in sides), *(f"bytes/row {side}" for side in sides)]
    report.add_table(f"The same rows (at {level})", head, rows)


def _report_ratios(bench: AwardBench, report: Report) -> None:
    best = {form: bench.best(form) for form in FORMS}
    rows = []
    for connections in bench.clients("ours"):
        ours = bench.median("ours", connections)
        rows.append([connections, *(ours / bench.median(form, connections) for form in FORMS)])
        rows[-1] += [ours / rate for _clients, rate in best.values()]
    head = ["connections", *(f"÷ ({form}) same clients" for form in FORMS)]
    head += [f"÷ ({form}) at its best, {clients} clients" for form, (clients, _rate) in best.items()]
    report.add_table("Ratios of medians", head, rows)
    levels = bench.clients("ours")
    if 64 in levels:
        ours = bench.median("ours", 64)
        report.goals += [
            Goal("64 connections ÷ pgbench (a)", ours / bench.median("a", 64), 2.0),
            Goal("64 connections ÷ pgbench (c)", ours / bench.median("c", 64), 1.2),
            Goal("64 connections, p99", bench.median("ours", 64, "p99_ms"), 40, is_at_most=True, unit="ms"),
        ]
    if 256 in levels:
        ours = bench.median("ours", 256)
        report.goals += [
            Goal("256 connections ÷ pgbench (a) at its best", ours / best["a"][1], 1.5),
            Goal("256 connections ÷ pgbench (c) at its best", ours / best["c"][1], 1.0),
        ]
    if 1 in levels:
        bound = bench.median("a", 1, "p50_ms") + 1.5
        p50 = bench.median("ours", 1, "p50_ms")
        report.goals.append(Goal("1 connection, p50 (pgbench (a) + 1.5)", p50, bound, is_at_most=True, unit="ms"))
