"""Read a batch's rows into its layers, locked or not: finds where each lives, one statement for each kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from functools import cache
from typing import Any

from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Claim, Row
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.payments.rows import Payment
from vinr_server.storage.batch.buckets import bucket_in, bucket_of, lock_groups
from vinr_server.storage.batch.tables import TABLES, rows_of

PlaceOf = Callable[[int, Any], int]
# Realm, bucket and id.
Address = tuple[int, int, str]
NOTHING: Mapping[Any, Any] = {}
# Customers live in the bucket of their id, also where the engine made it.
CUSTOMER = "cust_"
LOCK = "for no key update of t"
SHARE = "for share of t"

# Awards of a payment, to any account. Plan: the partial index entries_by_source, a few rows for each payment.
AWARDS = f"""
select {TABLES[Entry].select_list}
from unnest($1::int4[], $2::text[]) as w (realm, id)
join entries t on t.realm = w.realm and t.source_id = w.id
where t.kind = 'award'
"""


@cache
def select_rows(
    row_type: Any, column: str, *, where: str = "", lock: str = "", first: int = 1, anywhere: bool = False
) -> str:
    """SQL for rows of a type by the wanted values of a column, an index scan each. `first`: its first parameter.

    `anywhere`: they may live in any bucket.
    """
    table = TABLES[row_type]
    routed = "bucket" in table.columns and not anywhere
    buckets = f"${first + 1}"
    return (
        f"select {table.select_list} from unnest(${first}::int4[], {buckets}::int2[], ${first + 2}::text[])"
        f" as w (realm, bucket, id) join {table.name} t on t.realm = w.realm and t.{column} = w.id"
        + (f" and t.bucket = w.bucket where t.bucket = any({buckets})" if routed else " where true")
        + (f" and {where}" if where else "")
        + (f" order by t.realm, t.{column} {lock}" if lock else "")
    )


class Reading:
    """The needs of each realm, and the layers that their rows go into.

    `found_in`: the bucket of ids whose rows were seen.
    """

    def __init__(
        self,
        connection: Any,
        needs: Mapping[int, Needs],
        layers: Mapping[int, Layer],
        *,
        is_distributed: bool,
        is_locking: bool,
    ) -> None:
        """`is_locking` False: rows are only read, on a snapshot that does not change."""
        self.connection, self.needs, self.layers = connection, needs, layers
        self._is_distributed, self.is_locking = is_distributed, is_locking
        self.found_in: dict[tuple[int, str], int] = {}
        self.ways_read: set[tuple[type[Row], str | None]] = set()

    async def lock(self, row_type: type[Row], addresses: list[Address], *, lock: str = LOCK) -> None:
        """These rows are locked, and are in the layers as they are under the lock."""
        if not self.is_locking:  # on a snapshot, a row that was read does not change
            addresses = [address for address in addresses if self.layers[address[0]].find(row_type, address[2]) is None]
        for group in lock_groups((bucket for _realm, bucket, _id in addresses), is_distributed=self._is_distributed):
            here = [address for address in addresses if address[1] in group]
            await self.read(row_type, "id", here, lock=lock if self.is_locking else "")

    async def read(
        self,
        row_type: type[Row],
        column: str,
        addresses: Collection[Address],
        *,
        where: str = "",
        lock: str = "",
        anywhere: bool = False,
    ) -> list[tuple[int, Row]]:
        """The rows whose column is one of these ids are in the layers."""
        if not addresses:
            return []
        kind: Any = row_type
        sql = select_rows(kind, column, where=where, lock=lock, anywhere=anywhere)
        return self.put(
            rows_of(TABLES[row_type], await self.connection.fetch(sql, *columns_of(dict.fromkeys(addresses))))
        )

    def put(self, found: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
        """The rows are in the layers."""
        for realm, row in found:
            self.layers[realm].put(row)
        return found

    def wanted(self, row_type: type[Row], place: PlaceOf | None = None) -> list[Address]:
        """The addresses of rows of a type that are needed by their ids; an id without a bucket does not exist.

        `place`: the bucket of an id that lives beside no other; None: the directory knows it, or the id itself says it.
        """
        found: list[Address] = []
        for realm, needs in self.needs.items():
            ids: Mapping[Any, str | None] = needs.rows.get(row_type, NOTHING)
            for id, beside in ids.items():
                bucket = self.found_in.get((realm, id))
                if bucket is None and beside is not None:
                    bucket = self.place(realm, beside)
                if bucket is None:
                    # Beside a name that no row was seen of: that of a customer without an account.
                    name = id if beside is None else beside
                    bucket = place(realm, name) if place is not None else self.place(realm, id)
                if bucket is not None:
                    found.append((realm, bucket, id))
        return found

    def parents(self, row_type: type[Row], *, part: Part = Part.ALL, by: str | None = None) -> list[Address]:
        """The addresses of parents whose rows of a type are needed as far as `part`, found by the column `by`."""
        found: list[Address] = []
        self.ways_read.add((row_type, by))
        for realm, needs in self.needs.items():
            ids: Mapping[Any, Part] = needs.parts.get(row_type, NOTHING)
            for id, declared in ids.items():
                way, beside = needs.ways.get((row_type, id), (None, None))
                if declared is part and way == by:
                    found += self.addresses_of_parent(realm, id, beside, self.layers[realm], way=by)
        return found

    def addresses_of_parent(
        self, realm: int, id: Any, beside: str | None, seen: Layer, *, way: str | None
    ) -> list[Address]:
        """Where the rows are that name a parent in the column `way`: where the parent was seen, or by what it lives."""
        buckets = {self.place_of_parent(realm, id, beside)}
        if way == "session_id":
            buckets |= self._places_of_uses(realm, id, beside, seen)
        return [(realm, bucket, id) for bucket in sorted(bucket for bucket in buckets if bucket is not None)]

    def _places_of_uses(self, realm: int, session_id: str, beside: str | None, seen: Layer) -> set[int | None]:
        """Where a session's uses of offers are: a guest's, given its customer later, has some in both buckets (R81)."""
        session = seen.find(CheckoutSession, session_id)
        payment = seen.find(Payment, beside) if beside is not None else None
        customer_ids = {
            row.customer_id for row in (session, payment) if row is not None and row.customer_id is not None
        }
        customer_ids |= {self.needs[realm].acting(id) for id in customer_ids}
        return {bucket_in(session_id), *(bucket_of(realm, id) for id in customer_ids)}

    def place(self, realm: int, id: Any) -> int | None:
        """The bucket of an id: from the directory, from a row seen beside it, or from the id itself."""
        claim = self.layers[realm].find(Claim, id)
        if claim is not None:
            return claim.owner_bucket
        found = self.found_in.get((realm, id))
        if found is None and isinstance(id, str) and id.startswith(CUSTOMER):
            return bucket_of(realm, id)
        return found if found is not None else bucket_in(id)

    def place_of_parent(self, realm: int, id: Any, beside: str | None) -> int | None:
        """The bucket of a parent's rows: where the parent was seen, or that of what it lives beside."""
        found = self.found_in.get((realm, id))
        return found if found is not None else self.place(realm, beside or id)


def rows_needed(needs: Needs, row_type: type[Row]) -> Iterable[tuple[Hashable, str | None]]:
    """The ids of a type that are needed, each with the id it lives beside."""
    return needs.rows.get(row_type, NOTHING).items()


def columns_of(addresses: Collection[Any]) -> list[list[Any]]:
    """Addresses as array parameters, a column each."""
    return [list(column) for column in zip(*addresses, strict=True)]


async def read_awards(connection: Any, payments: Collection[tuple[int, str]]) -> list[tuple[int, Row]]:
    """Every award of these payments (realm, id)."""
    if not payments:
        return []
    return rows_of(TABLES[Entry], await connection.fetch(AWARDS, *columns_of(payments)))
