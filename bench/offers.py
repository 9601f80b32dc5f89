"""One capped offer that all connections redeem at once, each for other members, against pgbench on the same rows.

The cap is never reached: each redemption is granted, and both sides queue for the row that counts them.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import psycopg

from bench.award import INSERT_ACCOUNTS, PROGRAM, TOLERANCE, post
from bench.load import Load, generate, generator_name
from bench.parity import Written, count_written, differ, differences
from bench.pgbench import run_pgbench, run_until_some
from bench.report import Goal, Report
from bench.rig import Realm, Rig, Server, make_realm, serving
from bench.usage import QUIET_CORES, Meter, Patience
from vinr_server.core.kernel.caps import counter_of
from vinr_server.storage.batch.buckets import bucket_of

CONNECTIONS = 64
TEMPLATE = "offer_template"
OFFER = "ofr_bench"
SCRIPT = "activation_statements.sql"
# More than either side serves, so that no member is named twice.
MEMBERS_PER_SECOND = 12_000
# Each activation adds a row to these; all of them lock and update the offer's own counter.
ADDED = {
    **dict.fromkeys(("offer_claims", "offer_redemptions", "entries", "lots", "idempotency_keys"), "true"),
    "counters": "id <> 'offer:ofr_bench'",
    "events": "account_id is not null",
}
COUNTED = {**ADDED, "accounts": "sequence > 0"}
COUNT = """
select (select count(*) from offer_redemptions where offer_id = %(offer)s and status = 'confirmed'),
  (select coalesce(sum(used), 0)::int8 from counters where id = %(counter)s),
  (select count(*) from entries where source_id = %(offer)s),
  (select count(*) from accounts where ledger_balance_points = 5),
  (select coalesce(sum(ledger_balance_points), 0)::int8 from accounts),
  (select count(*) from batches), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8
"""


@dataclass(frozen=True)
class Plan:
    """What to measure, how often and for how long."""

    seconds: float
    rounds: int
    warm_up_seconds: float = 1.0
    # Over the whole run: to wait for a quiet machine, and to repeat disturbed measurements.
    patience_seconds: float = 0.0

    @property
    def warm_up_members(self) -> int:
        """How many members may be served before the measurement."""
        return round(MEMBERS_PER_SECOND * self.warm_up_seconds)

    @property
    def members(self) -> int:
        """How many members there are."""
        return self.warm_up_members + round(MEMBERS_PER_SECOND * self.seconds)


SHORT = Plan(seconds=1, rounds=1)


@dataclass(frozen=True)
class Counts:
    """What a database says about the offer, counted in several ways, and how much was written."""

    redemptions: int
    counter: int
    entries: int
    members: int
    points: int
    batches: int
    wal: int

    def problem(self) -> str | None:
        """Why the counts disagree on how often the offer was redeemed; None if they agree."""
        counts = {self.redemptions, self.counter, self.entries, self.members}
        if len(counts) == 1 and self.points == 5 * self.redemptions:
            return None
        return f"redemptions, counter, entries, members and points disagree: {self}"


@dataclass(frozen=True)
class Record:
    """One measurement of one side."""

    side: str
    round: int
    rate: float
    p50_ms: float
    p99_ms: float
    redemptions: int
    cores: dict[str, float]
    wal_bytes: float
    batch_size: float


class OfferBench:
    """Measures both sides round by round and keeps the records."""

    def __init__(self, rig: Rig, plan: Plan) -> None:
        self.rig, self.plan = rig, plan
        self.records: list[Record] = []
        self.problems: list[str] = []
        self.unfair: list[str] = []
        self.written: dict[str, Written] = {}
        self._patience = Patience(plan.patience_seconds)

    def run(self) -> None:
        """Measure all rounds, and compare what both sides wrote."""
        self._realm = make_template(self.rig, self.plan.members)
        for number in range(1, self.plan.rounds + 1):
            self._measure(partial(self._ours, number))
            self._measure(partial(self._anchor, number))
            self._compare()

    def _measure(self, attempt: Callable[[], Record]) -> None:
        """One record is kept, from a quiet moment as long as patience lasts."""
        while True:
            self._patience.wait()
            record = attempt()
            if not self._patience.is_left_after(record.cores, seconds=self.plan.seconds):
                break
        self.records.append(record)
        print(
            f"  round {record.round}  {record.side:7}  {record.rate:8,.0f}/s"
            f"  p50 {record.p50_ms:7.2f} ms  p99 {record.p99_ms:7.2f} ms",
            file=sys.stderr,
        )

    def _ours(self, number: int) -> Record:
        database = self.rig.copy(TEMPLATE)
        try:
            with serving(self.rig, database) as server:
                record = self._measure_ours(database, server, number)
            self._count_written("ours", database)
        finally:
            self.rig.drop(database)
        return record

    def _measure_ours(self, database: str, server: Server, number: int) -> Record:
        url, plan = self.rig.url(database), self.plan
        load = Load(server.base_url, self._realm.key, plan.members, CONNECTIONS, plan.warm_up_seconds, "activate")
        generate(load)
        before = _counts(url)
        with Meter(postgres_pid=self.rig.postgres.pid, server_pid=server.pid) as meter:
            figures = generate(replace(load, seconds=plan.seconds, first=plan.warm_up_members))
        after = _counts(url)
        made = after.redemptions - before.redemptions
        if figures.non_2xx or figures.errors or not figures.requests:
            self.problems.append(f"ours, round {number}: {figures}; the server's log ends with:\n{server.log_tail()}")
        # Requests under way at the end of the warm-up, or at the end, are in the database but not among the answers.
        if not 0 <= made - figures.requests <= 2 * CONNECTIONS:
            self.problems.append(f"ours, round {number}: {figures.requests} answers, but {made} redemptions")
        return Record(
            side="ours",
            round=number,
            rate=figures.requests / figures.seconds,
            p50_ms=figures.p50_ms,
            p99_ms=figures.p99_ms,
            redemptions=made,
            cores=meter.usage.cores(),
            wal_bytes=(after.wal - before.wal) / max(made, 1),
            batch_size=made / max(after.batches - before.batches, 1),
        )

    def _anchor(self, number: int) -> Record:
        database = self.rig.copy(TEMPLATE)
        url, plan = self.rig.url(database), self.plan
        bucket = bucket_of(self._realm.id, counter_of("offer", OFFER))
        try:
            with psycopg.connect(url) as connection:
                # The engine creates this row with the first redemption.
                row = (bucket, self._realm.id, counter_of("offer", OFFER))
                connection.execute(
                    "insert into counters (bucket, realm, id, used, reserved) values (%s, %s, %s, 0, 0)", row
                )
            run = partial(run_pgbench, url, SCRIPT, clients=CONNECTIONS)
            known = {"realm": self._realm.id, "offer_bucket": bucket}
            run(seconds=plan.warm_up_seconds, run=1, known={**known, "first": 0})
            before = _counts(url)
            with Meter(postgres_pid=self.rig.postgres.pid) as meter:
                measured = {**known, "first": plan.warm_up_members}
                figures = run_until_some(run, plan.seconds, known=measured)
            after = _counts(url)
            made = after.redemptions - before.redemptions
            if not made or figures.failed or made != figures.transactions:
                self.problems.append(f"pgbench, round {number}: {figures}, but {made} redemptions")
            self._count_written("pgbench", database)
        finally:
            self.rig.drop(database)
        return Record(
            side="pgbench",
            round=number,
            rate=figures.tps,
            p50_ms=figures.p50_ms,
            p99_ms=figures.p99_ms,
            redemptions=made,
            cores=meter.usage.cores(),
            wal_bytes=(after.wal - before.wal) / max(made, 1),
            batch_size=1.0,
        )

    def _count_written(self, side: str, database: str) -> None:
        url = self.rig.url(database)
        if problem := _counts(url).problem():
            self.problems.append(f"{side}: {problem}")
        self.written[side] = count_written(url, COUNTED)

    def _compare(self) -> None:
        ours, theirs = self.written["ours"], self.written["pgbench"]
        found = differences(ours, theirs, tolerance=TOLERANCE)
        for table in ADDED:
            mine, other = (written.rows[table] / max(written.rows["entries"], 1) for written in (ours, theirs))
            if differ(mine, other, tolerance=TOLERANCE):
                found.append(f"{table}: {mine:.3f} rows for each redemption, {other:.3f}")
        self.unfair += found

    def values(self, side: str, figure: str) -> Sequence[float]:
        """One figure of one side, by rounds."""
        return [getattr(record, figure) for record in self.records if record.side == side]

    def median(self, side: str, figure: str) -> float:
        """The median over the rounds of one figure."""
        return statistics.median(self.values(side, figure))

    def ratios(self) -> list[float]:
        """How many times faster ours was, by rounds: both sides of a round had much the same neighbors."""
        pairs = zip(self.values("ours", "rate"), self.values("pgbench", "rate"), strict=True)
        return [ours / theirs if theirs else 0.0 for ours, theirs in pairs]

    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios())


def make_template(rig: Rig, members: int) -> Realm:
    """The template holds a program, its members, and a published offer with a redemption for each of them."""
    rig.drop(TEMPLATE)
    with psycopg.connect(rig.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE} template vinr")
    url = rig.url(TEMPLATE)
    realm = make_realm(url)
    offer = {
        "id": OFFER,
        "program": PROGRAM,
        "name": "Bench",
        "incentive": {"type": "points_bonus", "points": 5},
        "application": "opt_in",
        "max_redemptions": members,
    }
    with serving(rig, TEMPLATE, workers=1) as server:
        program = {"name": "Bench", "id": PROGRAM, "currency": {"expiry_months": 12}}
        post(server, realm.key, "/v1/loyalty/programs", program)
        post(server, realm.key, "/v1/engagement/offers", offer)
        post(server, realm.key, f"/v1/engagement/offers/{OFFER}/publish", {})
    with psycopg.connect(url) as connection:
        connection.execute(INSERT_ACCOUNTS, {"realm": realm.id, "program": PROGRAM, "accounts": members})
    rig.settle(TEMPLATE)
    return realm


def _counts(url: str) -> Counts:
    with psycopg.connect(url) as connection:
        row = connection.execute(COUNT, {"offer": OFFER, "counter": counter_of("offer", OFFER)}).fetchone()
    assert row is not None
    return Counts(*row)


def measure_offer(rig: Rig, plan: Plan, report: Report) -> None:
    """The report holds the figures of both sides, their ratio and the goals."""
    bench = OfferBench(rig, plan)
    bench.run()
    report.parameters |= {"load generator": generator_name(), "connections": CONNECTIONS, "members": plan.members}
    report.figures["records"] = [asdict(record) for record in bench.records]
    report.problems += bench.problems
    _report_sides(bench, report)
    _report_parity(bench, report)
    if bench.unfair:
        report.problems += ["The two sides did not write the same; no ratios.", *bench.unfair[:20]]
        return
    _report_ratios(bench, report)
    report.goals.append(Goal("one offer, 64 connections ÷ pgbench locking its row", bench.ratio(), 5.0))


def _report_sides(bench: OfferBench, report: Report) -> None:
    rows = []
    for side in ("ours", "pgbench"):
        figures = [bench.median(side, name) for name in ("rate", "p50_ms", "p99_ms", "batch_size")]
        records = [record for record in bench.records if record.side == side]
        cores = {role: statistics.median(record.cores[role] for record in records) for role in records[0].cores}
        rows.append([side, *figures, *cores.values(), bench.median(side, "wal_bytes")])
    head = ["side", "redemptions/s", "p50 ms", "p99 ms", "redemptions/commit"]
    head += ["cores: load", "server", "postgres", "others", "stolen", "WAL bytes/redemption"]
    report.add_table("One capped offer (medians)", head, rows)
    others = statistics.median(record.cores["others"] + record.cores["stolen"] for record in bench.records)
    report.noise_cores = others
    if others > QUIET_CORES:
        report.add_text("Noise", f"Other processes kept {others:.2f} cores busy: trust neither PASS nor FAIL.")


def _report_parity(bench: OfferBench, report: Report) -> None:
    written = [bench.written[side] for side in ("ours", "pgbench")]
    rows = [
        [table, *(side.rows[table] / max(side.rows["entries"], 1) for side in written)]
        + [side.row_bytes(table) for side in written]
        for table in COUNTED
    ]
    head = ["table", "rows/redemption ours", "pgbench", "bytes/row ours", "pgbench"]
    report.add_table("The same rows", head, rows)


def _report_ratios(bench: OfferBench, report: Report) -> None:
    columns = [bench.values(side, figure) for side in ("ours", "pgbench") for figure in ("rate", "p99_ms")]
    rows = [[number, *cells] for number, cells in enumerate(zip(*columns, bench.ratios(), strict=True), start=1)]
    head = ["round", "ours: redemptions/s", "p99 ms", "pgbench: redemptions/s", "p99 ms", "ours ÷ pgbench"]
    report.add_table("Ratios", head, rows)
