"""Load the rows a batch needs: look at what must be read to name the rest, then lock and read, kind by kind (kinds.py).

Every batch takes locks in one order, and within each kind by realm and id. What is counted or listed is read in a
statement after the lock, never with it. Settings of the writer's connection (connect.py) make the planner reach rows
only through their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.codes.rows import Code
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Look, Needs, Of
from vinr_server.core.kernel.rows import Claim, Row
from vinr_server.core.ledger.rows import Entry, LotUse
from vinr_server.core.members.merged import merges_in
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.rows import OfferGrant, OfferRedemption
from vinr_server.core.payments.rows import Order, Payment, Refund, member_of_order
from vinr_server.core.referrals.rows import Referral, ReferralCode
from vinr_server.core.rewards.rows import Discount, Redemption
from vinr_server.storage.batch.buckets import bucket_in, bucket_of
from vinr_server.storage.batch.kinds import HELD_KEY, KINDS
from vinr_server.storage.batch.reading import (
    NOTHING,
    Address,
    Reading,
    columns_of,
    read_awards,
    rows_needed,
    select_rows,
)
from vinr_server.storage.batch.tables import TABLES, rows_of

# What can be looked at without a lock; what a row names by a field comes after it. So some types come twice: an order
# names more payments, a payment its customer's accounts and its session, and a customer's accounts say where its orders
# are; and a code names others by its key.
LOOKED_AT = (
    *(
        OfferGrant,
        ReferralCode,
        Referral,
        Enrolment,
        Customer,
        Account,
        Wallet,
        CheckoutSession,
        Refund,
        Payment,
        Order,
        Payment,
    ),
    *(Referral, CheckoutSession, Redemption, Entry, LotUse, Discount, OfferRedemption, Account, Wallet),
    *(Code, Code),
)
# Rows that may live in another bucket than what names them: a payment that was linked later has a guest's bucket.
ANYWHERE: Mapping[type[Row], Collection[str]] = {Payment: ("customer_id",), OfferRedemption: ("payment_id",)}
# Types of which a caller chooses ids, and that no catalogue holds.
CLAIMED = (Payment, Refund, Event, Customer)


class Superseded(Exception):
    """A row appeared between the look and the lock: the batch must be reloaded and run again."""

    sqlstate = "40001"


class Looked(NamedTuple):
    """What was seen without a lock, by realm, type and key or parent: a row or None, or the keys of a parent's rows."""

    rows: dict[tuple[int, type[Row], Hashable], Row | None]
    children: dict[tuple[int, type[Row], Hashable], set[Hashable]]


class Loader(Reading):
    """One batch's reading, from the claims of its ids to the last lot."""

    def __init__(
        self,
        connection: Any,
        needs: Mapping[int, Needs],
        layers: Mapping[int, Layer],
        *,
        follow: Callable[[Mapping[int, Layer]], None] = lambda seen: None,
        is_distributed: bool,
        is_locking: bool = True,
    ) -> None:
        """`follow` declares the rows that the given rows lead to."""
        super().__init__(connection, needs, layers, is_distributed=is_distributed, is_locking=is_locking)
        self._follow = follow
        self._looked = Looked({}, {})

    async def load(self) -> None:
        """Every needed row that exists is in its realm's layer, locked if it may change."""
        await self._find_claims()
        accounts, *others = KINDS
        if self._looks_at_accounts_alone():
            # No row can name another account, so these are read under their locks at once.
            await accounts.take(self, accounts)
            count = self._count_accounts()
            self._follow(self.layers)
            assert self._count_accounts() == count, "accounts were named after the first were locked"
        else:
            self._follow(await self._look())
            await accounts.take(self, accounts)
        for kind in others:
            if not kind.is_seldom or self._declares_any(kind.row_type):
                await kind.take(self, kind)
        self._require_ways_read()
        if self.is_locking:
            await self._check_claims()
            self._check_looks()
        for realm, layer in self.layers.items():
            layer.cover(self.needs[realm])

    def _declares_any(self, row_type: type[Row]) -> bool:
        return any(row_type in needs.rows or row_type in needs.parts for needs in self.needs.values())

    def _require_ways_read(self) -> None:
        """No rows are declared by a column that they are not read by: a decision would take them for missing."""
        for needs in self.needs.values():
            for (row_type, parent), (way, _beside) in needs.ways.items():
                read = way is None or (row_type, way) in self.ways_read
                assert read, f"nobody reads {row_type.__name__} of {parent} by {way}"

    # ---- first: what must be seen to name the rest

    async def _find_claims(self) -> None:
        """The claims of every id that callers may have chosen."""
        named: dict[tuple[int, str], None] = {}
        for realm, needs in self.needs.items():
            for row_type in (Claim, Payment, Refund, Event, ReferralCode):
                named |= dict.fromkeys(
                    (realm, str(id)) for id, beside in rows_needed(needs, row_type) if beside is None
                )
            strange = (str(id) for id, beside in rows_needed(needs, Account) if beside is None)
            named |= dict.fromkeys((realm, id) for id in strange if bucket_in(id) is None)
        await self.read(Claim, "id", [(realm, bucket_of(realm, id), id) for realm, id in named])

    def _looks_at_accounts_alone(self) -> bool:
        looks = [look for needs in self.needs.values() for look in needs.looks]
        return bool(looks) and all(look.row_type is Account and look.by is None for look in looks)

    def _count_accounts(self) -> int:
        return sum(len(needs.rows.get(Account, NOTHING)) for needs in self.needs.values())

    async def _look(self) -> Mapping[int, Layer]:
        """The rows looked at without a lock, type by type: a row comes before the rows it names by a field."""
        looks = [(realm, look) for realm, needs in self.needs.items() for look in needs.looks]
        if not self.is_locking or not looks:
            seen = self.layers
        else:
            seen = {realm: layer.draft() for realm, layer in self.layers.items()}
        done: set[tuple[int, Look]] = set()
        for row_type in LOOKED_AT if looks else ():
            mine = [
                (realm, found)
                for realm, look in looks
                if look.row_type is row_type
                for found in self._resolve(realm, seen[realm], look)
                if (realm, found) not in done
            ]
            done.update(mine)
            if mine:
                await self._look_at(row_type, mine, seen)
                await self._look_elsewhere(row_type, mine, seen)
        return seen

    def _resolve(self, realm: int, seen: Layer, look: Look) -> Iterator[Look]:
        """The look itself, or the rows that a seen row's field names, which are declared here."""
        if not isinstance(look.key, Of):
            yield look
            return
        needs = self.needs[realm]
        for id, row_id in named_by(seen, look.key):
            beside = self._beside(realm, look.row_type, id, row_id)
            if look.by is None:
                needs.row(look.row_type, id, beside=beside)
            else:
                needs.children(look.row_type, id, beside=beside, by=look.by)
            yield Look(look.row_type, id, look.by)
            if id in needs.merged:
                yield Look(look.row_type, needs.merged[id], look.by)

    def _beside(self, realm: int, row_type: type[Row], id: str, row_id: str) -> str:
        """What a row lives beside that another names: that other row, unless its own id says more.

        What a merged member has is named by rows that live elsewhere: discounts, lots' uses, orders,
        referrals; and a referral names its referrer.
        """
        own_id = member_of_order(id) if row_type is Order else id
        is_known = row_type in (Account, Order, Discount, LotUse, Referral) and self.place(realm, own_id) is not None
        return own_id if is_known else row_id

    async def _look_at(self, row_type: Any, looks: list[tuple[int, Look]], seen: Mapping[int, Layer]) -> None:
        """Rows by their ids and rows by their parents, in one statement."""
        found: list[tuple[int, Row]] = []
        texts: list[str] = []
        columns: list[list[Any]] = []
        for by in dict.fromkeys(look.by for _realm, look in looks):
            mine = [(realm, str(look.key)) for realm, look in looks if look.by == by]
            if by is None:
                self._looked.rows.update(dict.fromkeys((realm, row_type, id) for realm, id in mine))
                addresses = self._addresses(row_type, mine)
            else:
                self._looked.children.update({(realm, row_type, id): set() for realm, id in mine})
                addresses = self._addresses_of_parents(row_type, mine, seen, by=by)
            if by == "source_id":
                found += await read_awards(self.connection, mine)
            elif addresses:
                anywhere, where = by in ANYWHERE.get(row_type, ()), HELD_KEY if row_type is Code and by else ""
                first = 1 + len(columns)
                texts.append(select_rows(row_type, by or "id", first=first, anywhere=anywhere, where=where))
                columns += columns_of(dict.fromkeys(addresses))
        if texts:
            found += rows_of(TABLES[row_type], await self.connection.fetch(" union all ".join(texts), *columns))
        for realm, row in found:
            self._see(realm, row, seen[realm])

    async def _look_elsewhere(
        self, row_type: type[Row], looks: list[tuple[int, Look]], seen: Mapping[int, Layer]
    ) -> None:
        """Rows that don't live beside what names them: payments of an order whose member was merged or was a guest."""
        lost = [
            (realm, look)
            for realm, look in looks
            if look.by is None
            and self._looked.rows.get((realm, row_type, look.key)) is None
            and self.needs[realm].rows[row_type].get(look.key) is not None
        ]
        if not lost:
            return
        for realm, look in lost:
            self.needs[realm].rows[row_type][look.key] = None
        await self.read(Claim, "id", [(realm, bucket_of(realm, str(look.key)), str(look.key)) for realm, look in lost])
        await self._look_at(row_type, lost, seen)

    def _see(self, realm: int, row: Any, seen: Layer) -> None:
        self.found_in[realm, row.key] = row.bucket
        seen.put(row)
        self._looked.rows[realm, type(row), row.key] = row
        children = self._looked.children.get((realm, type(row), row.parent))
        if children is not None:
            children.add(row.key)

    # ---- last: whether the locked rows name anything new

    def _check_looks(self) -> None:
        """The rows read under the locks name nothing more than the look without a lock did.

        Where they show that a member was merged, the batch is run again anyway, about the one that acts for it.
        """
        if not self._has_changed() or self._shows_merges():
            return
        sizes = [needs.size for needs in self.needs.values()]
        self._follow(self.layers)
        if [needs.size for needs in self.needs.values()] != sizes:
            raise Superseded("the rows looked at have changed and name more rows")

    def _shows_merges(self) -> bool:
        """Whether a member turns out to be merged, of whom the batch did not know."""
        return any(
            not self.needs[realm].merged.items() >= merges_in(layer).items() for realm, layer in self.layers.items()
        )

    def _has_changed(self) -> bool:
        looked = self._looked
        return any(
            self.layers[realm].find(row_type, key) != row for (realm, row_type, key), row in looked.rows.items()
        ) or any(
            {row.key for row in self.layers[realm].here(row_type, parent)} != keys
            for (realm, row_type, parent), keys in looked.children.items()
        )

    async def _check_claims(self) -> None:
        """No id has a row here without its claim: another batch may have taken it meanwhile."""
        named = [
            (realm, bucket_of(realm, str(id)), str(id))
            for realm, layer in self.layers.items()
            for id, _beside in rows_needed(self.needs[realm], Claim)
            if layer.find(Claim, id) is None and any(layer.find(row_type, id) for row_type in CLAIMED)
        ]
        if await self.read(Claim, "id", named):
            raise Superseded("an id that was just taken")

    # ---- where the rows to look at are

    def _addresses(self, row_type: type[Row], ids: Iterable[tuple[int, str]]) -> list[Address]:
        neighbors = {realm: needs.rows.get(row_type, NOTHING) for realm, needs in self.needs.items()}
        if row_type is Customer:
            return [(realm, bucket_of(realm, id), id) for realm, id in ids]
        places = ((realm, self.place(realm, neighbors[realm].get(id) or id), id) for realm, id in ids)
        return [(realm, bucket, id) for realm, bucket, id in places if bucket is not None]

    def _addresses_of_parents(
        self, row_type: type[Row], parents: Iterable[tuple[int, str]], seen: Mapping[int, Layer], *, by: str
    ) -> list[Address]:
        found: list[Address] = []
        if row_type is Code:
            return [(realm, bucket_of(realm, key), key) for realm, key in parents]
        for realm, id in parents:
            _way, beside = self.needs[realm].ways.get((row_type, id), (None, None))
            if row_type in (Account, Wallet, Payment):
                self.found_in[realm, id] = bucket_of(realm, id)
            found += self.addresses_of_parent(realm, id, beside, seen[realm], way=by)
        return found


def named_by(seen: Layer, of: Of) -> Iterator[tuple[str, str]]:
    """The ids that a field of rows names, each with the id of the row it lives beside."""
    keys = [of.key] if not isinstance(of.key, Of) else [key for key, _beside in named_by(seen, of.key)]
    for key in keys:
        row = seen.get(of.row_type, key)
        value = getattr(row, of.field) if row is not None else None
        for id in value if isinstance(value, tuple) else () if value is None else (value,):
            yield id, str(key)
