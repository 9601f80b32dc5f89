"""`vinr import members`: sends members with their balances in bulk, in lanes; a second run adds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from vinr_server.cli.cells import shown_instant
from vinr_server.cli.imports.member_rows import Member, MemberReading, OpeningAccount, Outcome, read_members
from vinr_server.cli.imports.presets import MEMBERS, OF_MEMBERS, find_preset, statuses
from vinr_server.cli.imports.preview import facts_of, first, show, zone_of
from vinr_server.cli.imports.reading.dates import DateStyle
from vinr_server.cli.imports.reading.table import FileOptions, Table, Writing, survey
from vinr_server.cli.imports.report import Report
from vinr_server.cli.imports.run import Import, run_file
from vinr_server.cli.imports.sending import Interruption, Lanes, Program, Sender, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOptions(FileOptions):
    """The command line."""

    customer_prefix: str | None = None
    only: str | None = None


class Bulk(Struct):
    """A bulk request."""

    program: str
    accounts: list[OpeningAccount]


def run_import_members(options: MemberOptions) -> int:
    """Import the file and say what came of it. 0: all rows; 1: it couldn't run; 2: some rows failed; 130: Ctrl-C."""

    def prepare(table: Table, program: Program) -> Import:
        return _prepare(options, table, program)

    return run_file("members", options, prepare, fields=MEMBERS, presets=OF_MEMBERS)


def _prepare(options: MemberOptions, table: Table, program: Program) -> Import:
    """The import, after what it will do has been shown."""
    preset = find_preset(options.preset, OF_MEMBERS)
    writing = survey(table, numbers=("points", "spent", "lifetime_points"), dates=("joined_at", "expires_at"))
    zone = zone_of(options.timezone or (preset.timezone if preset is not None else None), program)
    has_status = "status" in table.columns.positions
    reading = MemberReading(
        columns=table.columns,
        decimal_sign=writing.decimal_sign or ".",
        dates=DateStyle(writing.date_order, options.date_format, options.time_of_day, zone),
        customer_prefix=options.customer_prefix,
        only=statuses(options.only) if options.only is not None else preset.only if preset and has_status else (),
    )
    _show(table, reading, writing, program)

    def body_of(members: Sequence[Member]) -> Bulk:
        return Bulk(options.program, [member.account for member in members])

    async def send_all(server: Server, report: Report, interruption: Interruption) -> None:
        path = "/v1/loyalty/accounts/bulk?dry_run=true" if options.is_dry_run else "/v1/loyalty/accounts/bulk"
        sender = Sender[Member](server, report, path, body_of)
        lanes = Lanes[Member](
            sender.send, count=options.concurrency, size=options.batch_size, interruption=interruption
        )
        await lanes.run(_members(read_members(table.records(), reading), report))

    return send_all


def _members(rows: Iterator[Outcome], report: Report) -> Iterator[Member | None]:
    """The rows that are members; None for each of the others, which are reported."""
    for row in rows:
        if isinstance(row, Member):
            yield row
            continue
        report.add_unsent(row)
        yield None


def _show(table: Table, reading: MemberReading, writing: Writing, program: Program) -> None:
    facts = facts_of(table, writing, zone=reading.dates.timezone, program=program)
    facts.append(("statuses", f"{', '.join(reading.only)} count; other rows are left out" if reading.only else ""))
    show(str(table.options.file), facts, [_shown(row) for row in first(read_members(table.records(), reading))])


def _shown(row: Outcome) -> str:
    """The row as it was understood."""
    if not isinstance(row, Member):
        return str(row)
    account = row.account
    parts = [account.customer] + ([f"{account.points} points"] if account.points is not None else [])
    for lot in account.lots:
        end = f"until {shown_instant(lot.expires_at)}" if lot.expires_at else "without an end"
        parts.append(f"{lot.points} points {end}")
    parts += [f"lifetime {account.lifetime_points}"] if account.lifetime_points is not None else []
    parts += [f"tier {account.tier}"] if account.tier else []
    parts += [f"joined {shown_instant(account.joined_at)}"] if account.joined_at is not None else []
    return "  ".join(parts)
