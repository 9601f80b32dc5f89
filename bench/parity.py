"""Whether both sides wrote the same rows: as many of them for each award, and as many bytes in each column."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

# Rows of each award; accounts are updated, and batches are the engine's own affair (left out on pgbench's side).
TABLES = ("entries", "lots", "events", "idempotency_keys")
UPDATED = "accounts"
TOLERANCE = 0.02
# A figure may have a digit more on the side that got further; a column of a few bytes has no 2 % to spare.
BYTES_MIN = 0.5


@dataclass
class Written:
    """What stands in one database: rows by table, and mean bytes by table and column."""

    rows: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, dict[str, float]] = field(default_factory=dict)

    def per_award(self, table: str) -> float:
        """Rows for each award."""
        return self.rows[table] / self.rows["entries"]

    def row_bytes(self, table: str) -> float:
        """Mean bytes of a row's columns together."""
        return sum(self.bytes[table].values())


def count_written(database_url: str) -> Written:
    """Count what an award run has written."""
    written = Written()
    with psycopg.connect(database_url) as connection:
        for table in (*TABLES, UPDATED):
            where = sql.SQL("where sequence > 0") if table == UPDATED else sql.SQL("")
            written.rows[table], written.bytes[table] = _count(connection, table, where)
    return written


def _count(
    connection: psycopg.Connection[tuple[object, ...]], table: str, where: sql.Composable
) -> tuple[int, dict[str, float]]:
    columns = column_names(connection, table)
    sizes = [
        sql.SQL("coalesce(avg(coalesce(pg_column_size({}), 0)), 0)::float8").format(sql.Identifier(column))
        for column in columns
    ]
    statement = sql.SQL("select count(*), {} from {} {}").format(
        sql.SQL(", ").join(sizes), sql.Identifier(table), where
    )
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0], dict(zip(columns, row[1:], strict=True))  # type: ignore[return-value]


def column_names(connection: psycopg.Connection[tuple[object, ...]], table: str) -> list[str]:
    """A table's columns in their order."""
    statement = """select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
        order by attnum"""
    return [str(row[0]) for row in connection.execute(statement, (table,)).fetchall()]


def differences(ours: Written, theirs: Written) -> list[str]:
    """What is not the same on both sides within the tolerance; empty if the comparison is fair."""
    found = []
    for table in TABLES:
        if _differs(ours.per_award(table), theirs.per_award(table), least=0):
            found.append(f"{table}: {ours.per_award(table):.3f} rows for each award, {theirs.per_award(table):.3f}")
    for table in (*TABLES, UPDATED):
        if _differs(ours.row_bytes(table), theirs.row_bytes(table), least=0):
            found.append(f"{table}: {ours.row_bytes(table):.1f} bytes in a row, {theirs.row_bytes(table):.1f}")
        for column, size in ours.bytes[table].items():
            other = theirs.bytes[table].get(column, 0.0)
            if _differs(size, other, least=BYTES_MIN):
                found.append(f"{table}.{column}: {size:.1f} bytes, {other:.1f}")
    return found


def _differs(ours: float, theirs: float, *, least: float) -> bool:
    return abs(ours - theirs) > max(TOLERANCE * max(ours, theirs), least)
