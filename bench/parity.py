"""Whether both sides wrote the same: how many rows, and how many bytes in each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
from psycopg import sql

# On the side that got further a figure may have one digit more, which is over 2 % of a column of a few bytes.
BYTES_MIN = 0.5


@dataclass
class Written:
    """What one database holds: rows by table, and mean bytes by table and column."""

    rows: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, dict[str, float]] = field(default_factory=dict)

    def row_bytes(self, table: str) -> float:
        """Mean bytes of a row's columns together."""
        return sum(self.bytes[table].values())


def count_written(database_url: str, tables: Mapping[str, LiteralString]) -> Written:
    """Count the tables' rows that meet a condition, and their bytes."""
    written = Written()
    with psycopg.connect(database_url) as connection:
        for table, condition in tables.items():
            written.rows[table], written.bytes[table] = _count(connection, table, condition)
    return written


def _count(
    connection: psycopg.Connection[tuple[object, ...]], table: str, condition: LiteralString
) -> tuple[int, dict[str, float]]:
    columns = column_names(connection, table)
    sizes = [
        sql.SQL("coalesce(avg(coalesce(pg_column_size({}), 0)), 0)::float8").format(sql.Identifier(column))
        for column in columns
    ]
    statement = sql.SQL("select count(*), {} from {} where {}").format(
        sql.SQL(", ").join(sizes), sql.Identifier(table), sql.SQL(condition)
    )
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0], dict(zip(columns, row[1:], strict=True))  # type: ignore[return-value]


def column_names(connection: psycopg.Connection[tuple[object, ...]], table: str) -> list[str]:
    """A table's columns in their order."""
    statement = """select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
        order by attnum"""
    return [str(row[0]) for row in connection.execute(statement, (table,)).fetchall()]


def differences(ours: Written, theirs: Written, *, tolerance: float) -> list[str]:
    """The tables and columns whose bytes per row differ between the sides by more than the tolerance."""
    found = []
    for table, columns in ours.bytes.items():
        if differ(ours.row_bytes(table), theirs.row_bytes(table), tolerance=tolerance):
            found.append(f"{table}: {ours.row_bytes(table):.1f} bytes in a row, {theirs.row_bytes(table):.1f}")
        for column, size in columns.items():
            other = theirs.bytes[table].get(column, 0.0)
            if differ(size, other, tolerance=tolerance, least=BYTES_MIN):
                found.append(f"{table}.{column}: {size:.1f} bytes, {other:.1f}")
    return found


def differ(ours: float, theirs: float, *, tolerance: float, least: float = 0.0) -> bool:
    """Whether two figures differ by more than the tolerance, a share of the larger figure."""
    return abs(ours - theirs) > max(tolerance * max(ours, theirs), least)
