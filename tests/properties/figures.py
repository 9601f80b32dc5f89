"""What an engine's run shows of every account, put beside what the oracle says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from databases import Database
from engines import WALL, CoreRun, Run, outcome_text
from oracle import Oracle
from oracle_answers import Verdict
from oracle_units import EXPIRED, Account
from steps import Step

from vinr_server.core.events import rows as events_rows
from vinr_server.core.ledger import rows as ledger_rows
from vinr_server.core.members import rows as members_rows
from vinr_server.core.programs import rows as programs_rows
from vinr_server.engine.submission import Outcome, Reply


class LotFigures(NamedTuple):
    """One accrual. `free` can be spent now, `gone` has expired, swept or not."""

    points: int
    available_at: datetime
    expires_at: datetime | None
    free: int
    gone: int
    reversed: int
    pending: int
    held: int


class AccountFigures(NamedTuple):
    """One account, as if all that is over had been swept."""

    balance: int
    lifetime: int
    tier: str | None
    tier_end: datetime | None
    tier_grace: datetime | None
    is_closed: bool
    owed: int
    lots: list[LotFigures]


def figures_of(account: Any, lots: Iterable[Any], deficits: Iterable[Any], now: datetime) -> AccountFigures:
    """From the engine's rows, whichever way they were read."""
    shown: list[LotFigures] = []
    overdue = 0
    for lot in sorted(lots, key=lambda lot: lot.sequence):
        end = account.inactive_at if lot.by_inactivity else lot.expires_at
        rest = lot.remaining_points - lot.held_points
        unswept = rest if end is not None and end <= now else 0
        overdue += unswept
        free, gone = rest - unswept, lot.expired_points + unswept
        waits = (lot.pending_points, lot.held_points)
        shown.append(LotFigures(lot.points, lot.available_at, end, free, gone, lot.reversed_points, *waits))
        # The due worker and the reads find what is over by these fields.
        idle_at = None if account.is_inactive else account.inactive_at
        finds = idle_at if lot.by_inactivity else account.next_expiry_at
        is_found = finds is not None and finds <= (end or now)
        assert not rest or end is None or is_found, f"nobody will expire {lot} of {account}"
    standing = account.standing
    if isinstance(standing, dict):  # as the tables hold it
        standing = msgspec.convert(standing, members_rows.TierStanding)
    return AccountFigures(
        balance=account.ledger_balance_points - overdue,
        lifetime=account.lifetime_points,
        tier=account.tier,
        tier_end=standing.expires_at if standing is not None else None,
        tier_grace=standing.grace_until if standing is not None else None,
        is_closed=account.status == "closed",
        owed=sum(deficit.remaining_points for deficit in deficits),
        lots=shown,
    )


def expected(account: Account) -> AccountFigures:
    """From the oracle."""
    return AccountFigures(
        balance=account.balance,
        lifetime=account.lifetime,
        tier=account.tier,
        tier_end=account.tier_end,
        tier_grace=account.tier_grace,
        is_closed=account.is_closed,
        owed=sum(points for _name, points in account.debts),
        lots=[
            LotFigures(
                len(lot.units),
                lot.available_at,
                account.end_of(lot),
                lot.free,
                lot.units.count(EXPIRED),
                lot.reversed,
                lot.pending,
                lot.held,
            )
            for lot in account.lots
        ],
    )


# program and customer
Member = tuple[str, str]


def core_figures(run: CoreRun, realm: int, nows: Mapping[str, datetime]) -> dict[Member, AccountFigures]:
    """From a run in memory, each account at its program's instant."""
    layer = run.settled(realm)
    written = run.layers[run.realms[realm]].all_written()
    ids = [row.id for row in written if isinstance(row, members_rows.Account)]
    accounts = [account for id in ids if (account := layer.get(members_rows.Account, id)) is not None]
    return {
        (account.program_id, account.customer_id): figures_of(
            account,
            layer.children(ledger_rows.Lot, account.id),
            layer.children(ledger_rows.Deficit, account.id),
            nows[account.program_id],
        )
        for account in accounts
    }


def sql_figures(database: Database, realm: int, nows: Mapping[str, datetime]) -> dict[Member, AccountFigures]:
    """From the tables, each account at its program's instant."""
    found: dict[str, dict[str, list[Any]]] = {}
    for table, column in (("accounts", "id"), ("lots", "account_id"), ("deficits", "account_id")):
        grouped: dict[str, list[Any]] = defaultdict(list)
        with database.reads.cursor() as cursor:
            cursor.row_factory = _record  # type: ignore[assignment]
            for record in cursor.execute(f"select * from {table} where realm = %s".encode(), [realm]):
                grouped[getattr(record, column)].append(record)
        found[table] = grouped
    return {
        (account.program_id, account.customer_id): figures_of(
            account, found["lots"][id], found["deficits"][id], nows[account.program_id]
        )
        for id, (account,) in found["accounts"].items()
    }


def _record(cursor: Any) -> Any:
    names = [column.name for column in cursor.description or ()]
    kind: Any = NamedTuple("Record", [(name, Any) for name in names])  # type: ignore[misc]
    return lambda values: kind(*values)


class Judge:
    """An oracle for each realm of a run, and the comparison after each step."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.oracles = [Oracle(WALL), Oracle(WALL)]

    def judge(self, step: Step, outcome: Outcome) -> Verdict:
        """The outcome is what the rules say; the oracle has moved on."""
        oracle = self.oracles[step.realm]
        verdict: Verdict = oracle.apply(step)
        got = outcome_text(outcome)
        if not isinstance(outcome, Reply):
            assert (outcome.code,) == verdict.codes[:1], f"want {verdict}, got {got}"
            return verdict
        assert not verdict.codes, f"want {verdict}, got {got}"
        if verdict.repeats is not None:
            original = self.run.outcomes[verdict.repeats]
            assert isinstance(original, Reply) and outcome.is_replay, f"want {verdict}, got {got}"
            assert (outcome.status, outcome.body) == (original.status, original.body), f"want {original}, got {got}"
            return verdict
        assert outcome.status == (201 if verdict.is_new else 200), f"want {verdict}, got {got}"
        _compare_answer(step, msgspec.json.decode(outcome.body), verdict)
        return verdict

    def nows(self, realm: int) -> dict[str, datetime]:
        """The instant of each program."""
        oracle = self.oracles[realm]
        return {id: oracle.now(program) for id, program in oracle.programs.items()}

    def expected(self, realm: int) -> dict[Member, AccountFigures]:
        """Every account by the rules."""
        members = self.oracles[realm].members
        return {(account.program.id, account.customer): expected(account) for account in members}

    def compare_core(self, run: CoreRun, realm: int) -> None:
        """Every account in memory is as the oracle says, and so are its reminders."""
        _compare(core_figures(run, realm, self.nows(realm)), self.expected(realm))
        self._compare_reminders(run, realm)

    def _compare_reminders(self, run: CoreRun, realm: int) -> None:
        """Those that were sent are those of the rules, each once; none is missing but what nobody has settled yet."""
        layer = run.settled(realm)
        written = [*run.layers[run.realms[realm]].all_written(), *layer.all_written()]
        rows = list({(type(row), row.key): row for row in written}.values())
        sent: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for row in rows:
            if isinstance(row, events_rows.Event) and row.type == "loyalty.points.expiring":
                sent[row.data["account"]].append((row.data["days"], row.data["expires_at"], row.data["points"]))
        accounts = {(row.program_id, row.customer_id): row for row in rows if isinstance(row, members_rows.Account)}
        for member in self.oracles[realm].members:
            account = accounts[member.program.id, member.customer]
            program = layer.get(programs_rows.Program, account.program_id)
            assert program is not None
            plan = program.reminder_plan
            is_behind = account.reminder_revision != plan.revision
            wanted = {(days, int(end.timestamp()), points): at for at, days, end, points in member.reminders}
            late = {
                reminder
                for reminder, at in wanted.items()
                if is_behind or (account.next_reminder_at is not None and at >= account.next_reminder_at)
            }
            got = sent[account.id]
            assert len(set(got)) == len(got) and set(got) <= wanted.keys() <= {*got, *late}, (got, wanted, account)

    def compare_tables(self, database: Database, run: Run) -> None:
        """Every account in the tables is as the oracle says."""
        for realm, id in enumerate(run.realms):
            _compare(sql_figures(database, id, self.nows(realm)), self.expected(realm))


def _compare(got: Mapping[Member, AccountFigures], want: Mapping[Member, AccountFigures]) -> None:
    """The same accounts with the same figures; the message names the first that differs."""
    assert got.keys() == want.keys(), (got.keys(), want.keys())
    for member, figures in want.items():
        assert got[member] == figures, f"{member}:\nwant {figures}\ngot  {got[member]}"


def _compare_answer(step: Step, answer: Any, verdict: Verdict) -> None:
    """The figures in an answer are those that the oracle found."""
    want = verdict.figures
    if want is None:
        return
    if isinstance(want, Account):
        names = ("balance", "pending", "lifetime_points", "tier", "status")
        got: Any = tuple(answer[name] for name in names)
        status = "closed" if want.is_closed else "active"
        want = (want.spendable, want.pending, want.lifetime, want.tier, status)
    elif step.operation == "refund_payment":
        got = answer["refund"]["points_reversed"]
    elif step.operation in ("create_redemption", "capture_redemption"):
        got = answer["points_spent"]
    elif step.operation == "create_checkout_session":
        got = answer["total"]
    elif step.operation == "update_offer":
        got = (answer["remaining"],)
    else:
        got = ([award["points"] for award in answer["awards"]], len(answer["skipped"]))
    assert got == want, f"want {want}, got {got} in {answer}"
