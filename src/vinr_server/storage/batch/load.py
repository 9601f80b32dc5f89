"""Load the rows a batch needs: look at what must be read to name the rest, then lock and read, kind by kind.

`KINDS` is the one order in which everybody takes locks, within each kind by realm and id. What is counted or listed is
read in a statement after the lock, never with it. The planner is told on the writer's connection (connect.py) to reach
rows through their keys only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from vinr_server.core.access.rows import ApiKey
from vinr_server.core.checkout.rows import Buyer, CheckoutSession
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Look, Needs, Of, Part
from vinr_server.core.kernel.rows import Claim, Counter, Row
from vinr_server.core.ledger.lots import BEFORE_ALL, use_order
from vinr_server.core.ledger.rows import Deficit, Entry, Lot, LotUse
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.rows import Offer, OfferClaim, OfferRedemption, OfferRevision
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.rows import Discount, Redemption
from vinr_server.storage.batch.buckets import bucket_in, bucket_of, lock_groups
from vinr_server.storage.batch.checkouts import read_buyers, read_revisions
from vinr_server.storage.batch.offers import read_claims
from vinr_server.storage.batch.tables import TABLES, rows_of

# Realm, bucket and id.
Address = tuple[int, int, str]
NOTHING: Mapping[Any, Any] = {}
LOCK = "for no key update of t"
SHARE = "for share of t"

# A spend seldom needs more lots than these; a member with a million must not load them all for a coffee.
LOTS_MAX = 100
# In the order of use (R3), along the index lots_live.
FIRST_LOTS = f"""
select {TABLES[Lot].select_list}
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
cross join lateral (
  select * from lots l
  where l.realm = w.realm and l.account_id = w.id and l.bucket = w.bucket and l.remaining_points > 0
  order by l.expires_at, l.available_at, l.sequence limit $4
) as t
where t.bucket = any($2)
"""

# Awards of a payment, whoever's they are. Plan: the partial index entries_by_source, a few rows for each payment.
AWARDS = f"""
select {TABLES[Entry].select_list}
from unnest($1::int4[], $2::text[]) as w (realm, id)
join entries t on t.realm = w.realm and t.source_id = w.id
where t.kind = 'award'
"""


@cache
def _select(row_type: Any, column: str, *, where: str = "", lock: str = "", first: int = 1) -> str:
    """Rows of a type whose column is one of the wanted values: one index scan each. `first`: its first parameter."""
    table = TABLES[row_type]
    routed = "bucket" in table.columns
    buckets = f"${first + 1}"
    return (
        f"select {table.select_list} from unnest(${first}::int4[], {buckets}::int2[], ${first + 2}::text[])"
        f" as w (realm, bucket, id) join {table.name} t on t.realm = w.realm and t.{column} = w.id"
        + (f" and t.bucket = w.bucket where t.bucket = any({buckets})" if routed else " where true")
        + (f" and {where}" if where else "")
        + (f" order by t.realm, t.{column} {lock}" if lock else "")
    )


class Superseded(Exception):
    """Something came into being between the look and the lock: the batch is to be run again, reloaded."""

    sqlstate = "40001"


class Looked(NamedTuple):
    """What was seen without a lock, by realm, type and key or parent: a row or None, the keys of a parent's rows."""

    rows: dict[tuple[int, type[Row], Hashable], Row | None]
    children: dict[tuple[int, type[Row], Hashable], set[Hashable]]


class Loader:
    """One batch's reading: what is needed by realm, and the layers that the rows go into."""

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
        """`follow` declares what the rows it is given lead to. `is_locking` False: what is read is only looked at, on a
        snapshot that does not change."""
        self.connection, self.needs, self.layers, self.is_distributed = connection, needs, layers, is_distributed
        self._follow, self._is_locking = follow, is_locking
        self._found_in: dict[tuple[int, str], int] = {}
        self._looked = Looked({}, {})
        self._accounts_taken: int | None = None

    async def load(self) -> None:
        """Every row that is needed, and exists, stands in its realm's layer, locked where it may change."""
        await self._find_claims()
        self._follow(await self._look())
        for kind in KINDS:
            await kind.take(self, kind)
        await self._check()
        for realm, layer in self.layers.items():
            layer.cover(self.needs[realm])

    # ---- first: what must be seen to name the rest

    async def _find_claims(self) -> None:
        """The claims of every id that callers may have chosen."""
        named: dict[tuple[int, str], None] = {}
        for realm, needs in self.needs.items():
            for row_type in (Claim, Payment, Refund, Event):
                named |= dict.fromkeys((realm, str(id)) for id, beside in _rows(needs, row_type) if beside is None)
            strange = (str(id) for id, beside in _rows(needs, Account) if beside is None)
            named |= dict.fromkeys((realm, id) for id in strange if bucket_in(id) is None)
        await self.read(Claim, "id", [(realm, bucket_of(realm, id), id) for realm, id in named])

    async def _look(self) -> Mapping[int, Layer]:
        """What was looked at, type by type: what a row names by a field is looked at after it."""
        looks = [(realm, look) for realm, needs in self.needs.items() for look in needs.looks]
        if not self._is_locking or not looks:
            seen = self.layers
        elif all(look.row_type is Account and look.by is None for _realm, look in looks):
            # Nobody can name another account, so these are looked at under their locks.
            await KINDS[0].take(self, KINDS[0])
            self._accounts_taken = self._count_accounts()
            return self.layers
        else:
            seen = {realm: layer.draft() for realm, layer in self.layers.items()}
        for row_type in LOOKED_AT if looks else ():
            mine = [
                (realm, found)
                for realm, look in looks
                if look.row_type is row_type
                for found in self._resolve(seen[realm], self.needs[realm], look)
            ]
            if mine:
                await self._look_at(row_type, mine, seen)
        return seen

    def _resolve(self, seen: Layer, needs: Needs, look: Look) -> Iterator[Look]:
        """The look itself, or what the field of a row that was seen names; that is declared by it."""
        if not isinstance(look.key, Of):
            yield look
            return
        row = seen.get(look.key.row_type, look.key.key)
        value = getattr(row, look.key.field) if row is not None else None
        for id in value if isinstance(value, tuple) else () if value is None else (value,):
            beside = str(look.key.key)
            if look.by is None:
                needs.row(look.row_type, id, beside=beside)
            else:
                needs.children(look.row_type, id, beside=None if look.row_type is Account else beside)
            yield Look(look.row_type, id, look.by)

    async def _look_at(self, row_type: Any, looks: list[tuple[int, Look]], seen: Mapping[int, Layer]) -> None:
        """Rows by their ids and rows by their parents, in one statement."""
        ids = [(realm, str(look.key)) for realm, look in looks if look.by is None]
        parents = [(realm, str(look.key)) for realm, look in looks if look.by is not None]
        found: list[tuple[int, Row]] = []
        if row_type is Entry and parents:
            found += rows_of(TABLES[Entry], await self.connection.fetch(AWARDS, *_columns(parents)))
            parents_by_bucket: list[Address] = []
        else:
            parents_by_bucket = self._addresses_of_parents(row_type, parents)
        wanted = [
            (one, column)
            for one, column in ((self._addresses(row_type, ids), "id"), (parents_by_bucket, row_type.parent_field))
            if one
        ]
        if wanted:
            texts = [_select(row_type, column, first=1 + 3 * place) for place, (_one, column) in enumerate(wanted)]
            columns = [column for one, _column in wanted for column in _columns(dict.fromkeys(one))]
            found += rows_of(TABLES[row_type], await self.connection.fetch(" union all ".join(texts), *columns))
        self._looked.rows.update(dict.fromkeys((realm, row_type, id) for realm, id in ids))
        for realm, parent in parents:
            self._looked.children[realm, row_type, parent] = set()
        for realm, row in found:
            self._note(realm, row)
            seen[realm].put(row)
            self._looked.rows[realm, row_type, row.key] = row
            if (realm, row_type, row.parent) in self._looked.children:
                self._looked.children[realm, row_type, row.parent].add(row.key)

    def _note(self, realm: int, row: Any) -> None:
        self._found_in[realm, row.key] = row.bucket

    # ---- then: lock and read

    async def lock(self, row_type: type[Row], addresses: list[Address], *, lock: str = LOCK) -> None:
        """These rows are locked, and stand in the layers as they are under the lock."""
        if not self._is_locking:  # on a snapshot, what was read once stays so
            addresses = [one for one in addresses if self.layers[one[0]].find(row_type, one[2]) is None]
        for group in lock_groups((bucket for _realm, bucket, _id in addresses), is_distributed=self.is_distributed):
            here = [address for address in addresses if address[1] in group]
            await self.read(row_type, "id", here, lock=lock if self._is_locking else "")

    async def read(
        self, row_type: type[Row], column: str, addresses: Collection[Address], *, where: str = "", lock: str = ""
    ) -> list[tuple[int, Row]]:
        """The rows whose column is one of these ids stand in the layers."""
        if not addresses:
            return []
        kind: Any = row_type
        sql = _select(kind, column, where=where, lock=lock)
        return self.put(
            rows_of(TABLES[row_type], await self.connection.fetch(sql, *_columns(dict.fromkeys(addresses))))
        )

    def put(self, found: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
        """The rows stand in the layers."""
        for realm, row in found:
            self.layers[realm].put(row)
        return found

    async def take_accounts(self, kind: Kind) -> None:
        """The accounts, locked; where each lives is known from now on."""
        if self._accounts_taken is not None:
            assert self._accounts_taken == self._count_accounts(), "accounts were named after the first were locked"
            return
        await self.lock(Account, self.wanted(kind))
        for realm, layer in self.layers.items():
            for account in layer.written(Account):
                self._note(realm, account)

    def _count_accounts(self) -> int:
        return sum(len(needs.rows.get(Account, NOTHING)) for needs in self.needs.values())

    async def _check(self) -> None:
        """What was named by a look without a lock is all there is to name by what was read under the locks."""
        if not self._is_locking:
            return
        await self._check_claims()
        if not self._has_changed():
            return
        sizes = [needs.size for needs in self.needs.values()]
        self._follow(self.layers)
        if [needs.size for needs in self.needs.values()] != sizes:
            raise Superseded("what was looked at has changed, and names more rows")

    def _has_changed(self) -> bool:
        looked = self._looked
        return any(
            self.layers[realm].get(row_type, key) != row for (realm, row_type, key), row in looked.rows.items()
        ) or any(
            {row.key for row in self.layers[realm].here(row_type, parent)} != keys
            for (realm, row_type, parent), keys in looked.children.items()
        )

    async def _check_claims(self) -> None:
        """An id whose row is here and whose claim was not yet: whoever takes it has committed meanwhile."""
        named = [
            (realm, bucket_of(realm, str(id)), str(id))
            for realm, layer in self.layers.items()
            for id, _beside in _rows(self.needs[realm], Claim)
            if layer.find(Claim, id) is None and any(layer.find(row_type, id) for row_type in CLAIMED)
        ]
        if await self.read(Claim, "id", named):
            raise Superseded("an id that was just taken")

    # ---- where things are

    def wanted(self, kind: Kind) -> list[Address]:
        """Where the rows of a kind are that are needed by their ids; what resolves to no bucket does not exist."""
        found: list[Address] = []
        for realm, needs in self.needs.items():
            ids: Mapping[Any, str | None] = needs.rows.get(kind.row_type, NOTHING)
            for id, beside in ids.items():
                bucket = self._place(realm, beside) if beside is not None else None
                if bucket is None:
                    bucket = kind.place(realm, id) if kind.place is not None else self._place(realm, id)
                if bucket is not None:
                    found.append((realm, bucket, id))
        return found

    def parents(self, kind: Kind, *, part: Part = Part.ALL, by: str | None = None) -> list[Address]:
        """Where the rows of a kind are of which so many are needed by their parent."""
        found: list[Address] = []
        for realm, needs in self.needs.items():
            ids: Mapping[Any, Part] = needs.parts.get(kind.row_type, NOTHING)
            for id, declared in ids.items():
                way, beside = needs.ways.get((kind.row_type, id), (None, None))
                if declared is part and way == by:
                    bucket = self._place(realm, beside or id)
                    if bucket is not None:
                        found.append((realm, bucket, id))
        return found

    def _place(self, realm: int, id: Any) -> int | None:
        claim = self.layers[realm].get(Claim, id)
        return claim.owner_bucket if claim is not None else self._found_in.get((realm, id), bucket_in(id))

    def _addresses(self, row_type: type[Row], ids: Iterable[tuple[int, str]]) -> list[Address]:
        besides = {realm: needs.rows.get(row_type, NOTHING) for realm, needs in self.needs.items()}
        places = ((realm, self._place(realm, besides[realm].get(id) or id), id) for realm, id in ids)
        return [(realm, bucket, id) for realm, bucket, id in places if bucket is not None]

    def _addresses_of_parents(self, row_type: type[Row], parents: Iterable[tuple[int, str]]) -> list[Address]:
        found: list[Address] = []
        for realm, id in parents:
            _way, beside = self.needs[realm].ways.get((row_type, id), (None, None))
            if row_type is Account:
                bucket: int | None = bucket_of(realm, id)
                self._found_in[realm, id] = bucket_of(realm, id)
            else:
                bucket = self._place(realm, beside or id)
            if bucket is not None:
                found.append((realm, bucket, id))
        return found


def _rows(needs: Needs, row_type: type[Row]) -> Iterable[tuple[Hashable, str | None]]:
    return needs.rows.get(row_type, NOTHING).items()


def _columns(addresses: Collection[Any]) -> list[list[Any]]:
    """Addresses as the arrays of a statement."""
    return [list(column) for column in zip(*addresses, strict=True)]


# ---- the kinds of rows, and how each is taken


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of a type. `words`: what its locks are called; None where it is read under the locks of others.

    `place`: the bucket of an id that lives beside nothing; None: the directory knows it, or the id says so itself.
    """

    row_type: type[Row]
    take: Callable[[Loader, Kind], Awaitable[Any]]
    words: str | None = None
    place: Callable[[int, Any], int] | None = None


async def _accounts(loader: Loader, kind: Kind) -> None:
    await loader.take_accounts(kind)


async def _locked(loader: Loader, kind: Kind) -> None:
    await loader.lock(kind.row_type, loader.wanted(kind))


async def _by_id(loader: Loader, kind: Kind) -> None:
    await loader.read(kind.row_type, "id", loader.wanted(kind))


async def _of_parents(loader: Loader, kind: Kind) -> None:
    assert kind.row_type.parent_field is not None
    await loader.read(kind.row_type, kind.row_type.parent_field, loader.parents(kind))


async def _by_id_and_of_parents(loader: Loader, kind: Kind) -> None:
    await _of_parents(loader, kind)
    await _by_id(loader, kind)


async def _clocks(loader: Loader, kind: Kind) -> None:
    """The clocks of the programs in question: shared by those who live on them, exclusive where one is moved."""
    wanted = dict.fromkeys(loader.wanted(kind))
    lock = LOCK if wanted else SHARE
    for realm, layer in loader.layers.items():
        needs = loader.needs[realm]
        programs = {id for id, _beside in _rows(needs, Program)}
        programs.update(row.program_id for row in layer.written(Account))
        offers = (layer.get(Offer, id) for id, _beside in _rows(needs, Offer))
        programs.update(offer.program_id for offer in offers if offer is not None)
        for program_id in programs:
            program = layer.get(Program, program_id)
            if program is not None and program.clock_id is not None:
                wanted[realm, 0, program.clock_id] = None
    await loader.lock(TestClock, list(wanted), lock=lock)


async def _claims_of_offers(loader: Loader, kind: Kind) -> None:
    named = [(realm, bucket, member_id, offer_id) for realm, bucket, (offer_id, member_id) in _pairs(loader, kind)]
    loader.put(await read_claims(loader.connection, named))


async def _revisions_of_offers(loader: Loader, kind: Kind) -> None:
    named = [(realm, offer_id, revision) for realm, _bucket, (offer_id, revision) in _pairs(loader, kind)]
    loader.put(await read_revisions(loader.connection, named))


def _pairs(loader: Loader, kind: Kind) -> list[tuple[int, int, tuple[str, Any]]]:
    found: Any = loader.wanted(kind)
    return list(found)


async def _buyers(loader: Loader, kind: Kind) -> None:
    for realm, buyer in await read_buyers(loader.connection, loader.wanted(kind)):
        loader.layers[realm].put(buyer)


async def _entries(loader: Loader, kind: Kind) -> None:
    await _by_id(loader, kind)
    await loader.read(Entry, "reverses_id", loader.parents(kind))
    paid = [
        (realm, id)
        for realm, needs in loader.needs.items()
        for id in needs.parts.get(Entry, NOTHING)
        if needs.ways.get((Entry, id), (None, None))[0] == "source_id"
    ]
    if paid:
        loader.put(rows_of(TABLES[Entry], await loader.connection.fetch(AWARDS, *_columns(paid))))


async def _lots(loader: Loader, kind: Kind) -> None:
    """Lots by their ids; of accounts those used first, or all that live where a decision has asked for more."""
    for realm, needs in loader.needs.items():
        for account_id, part in needs.parts.get(Lot, NOTHING).items():
            if part is Part.NONE:
                loader.layers[realm].truncate(account_id, BEFORE_ALL)
    await loader.read(Lot, "account_id", loader.parents(kind), where="t.remaining_points > 0")
    await _first_lots(loader, [one for one in loader.parents(kind, part=Part.FIRST) if _account(loader, one)])
    await _by_id(loader, kind)


def _account(loader: Loader, address: Address) -> Account | None:
    return loader.layers[address[0]].get(Account, address[2])


async def _first_lots(loader: Loader, accounts: list[Address]) -> None:
    if not accounts:
        return
    loaded: dict[tuple[int, str], list[Lot]] = {}
    records = await loader.connection.fetch(FIRST_LOTS, *_columns(accounts), LOTS_MAX)
    for realm, row in loader.put(rows_of(TABLES[Lot], records)):
        assert isinstance(row, Lot)
        loaded.setdefault((realm, row.account_id), []).append(row)
    for (realm, account_id), lots in loaded.items():
        if len(lots) == LOTS_MAX:
            loader.layers[realm].truncate(account_id, use_order(lots[-1]))


async def _deficits(loader: Loader, kind: Kind) -> None:
    """What is unpaid of accounts that owe; the others have no such row."""
    declared = {(realm, id) for realm, needs in loader.needs.items() for id in needs.parts.get(Deficit, NOTHING)}
    owing = [
        (realm, account.bucket, account.id)
        for realm, layer in loader.layers.items()
        for account in layer.written(Account)
        if account.ledger_balance_points < 0 and (realm, account.id) in declared
    ]
    await loader.read(Deficit, "account_id", owing, where="t.remaining_points > 0")


def _nowhere(_realm: int, _id: object) -> int:
    return 0


# The one order of locks, and then what is read under them.
KINDS = (
    Kind(Account, _accounts, "accounts"),
    Kind(Payment, _locked, "payments"),
    Kind(CheckoutSession, _locked, "checkout sessions"),
    Kind(Discount, _locked, "discounts"),
    Kind(Customer, _locked, "customers", bucket_of),
    Kind(Counter, _locked, "counters", bucket_of),
    Kind(TestClock, _clocks, "test clocks", _nowhere),
    Kind(ApiKey, _locked, "API keys", _nowhere),
    Kind(OfferClaim, _claims_of_offers),
    Kind(OfferRedemption, _by_id_and_of_parents),
    Kind(OfferRevision, _revisions_of_offers, place=_nowhere),
    Kind(Buyer, _buyers, place=bucket_of),
    Kind(Redemption, _by_id),
    Kind(LotUse, _of_parents),
    Kind(Entry, _entries),
    Kind(Refund, _by_id_and_of_parents),
    Kind(Event, _by_id),
    Kind(Lot, _lots),
    Kind(Deficit, _deficits),
)
# What can be looked at without a lock; what a row names by a field comes after it.
LOOKED_AT = (CheckoutSession, Payment, Redemption, Entry, LotUse, Discount, OfferRedemption, Account)
# Types of which a caller chooses ids, and that no catalogue holds.
CLAIMED = (Payment, Refund, Event, Customer)


def lock_order() -> str:
    """The order of locks in words, as ARCHITECTURE.md has it."""
    return " → ".join(["catalogue (only to change it)", *(kind.words for kind in KINDS if kind.words is not None)])
