"""Load the rows a batch needs, in two rounds: resolve ids to buckets and accounts, then lock and read.

Locks are taken in one order by everybody: accounts, payments, checkout sessions, discounts, customers,
counters, test clocks, API keys,
and within each by realm and id. What is counted or listed is read in a statement after the lock, never with it. The
planner is told on the writer's connection (connect.py) to reach rows through their keys only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from vinr_server.core.access.rows import ApiKey
from vinr_server.core.checkout.evaluation import keys_of_changed_cart
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Keys, member_counter, stock_counter
from vinr_server.core.kernel.rows import Claim, Counter, LookedUp, Row
from vinr_server.core.ledger.lots import BEFORE_ALL, use_order
from vinr_server.core.ledger.rows import Deficit, Entry, Lot, LotUse
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.in_force import name_offer_rows
from vinr_server.core.offers.rows import Offer, OfferRedemption
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.rows import Discount, Redemption
from vinr_server.storage.batch.buckets import bucket_in, bucket_of, lock_groups
from vinr_server.storage.batch.checkouts import read_buyers, read_revisions
from vinr_server.storage.batch.offers import read_claims
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.reads.offers import tally_uses

RowT = TypeVar("RowT", bound=Row)

# Realm, bucket and id.
Address = tuple[int, int, str]
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

# Plan: the partial index entries_by_source, a few rows for each payment.
FIND_AWARDS = """
select t.realm, t.bucket, t.account_id, t.source_id
from unnest($1::int4[], $2::text[]) as w (realm, id)
join entries t on t.realm = w.realm and t.source_id = w.id
where t.kind = 'award'
"""


@cache
def _select(row_type: Any, column: str, *, where: str = "", lock: str = "") -> str:
    """Rows of a type whose column is one of the wanted values: one index scan for each."""
    table = TABLES[row_type]
    routed = "bucket" in table.columns
    return (
        f"select {table.select_list} from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)"
        f" join {table.name} t on t.realm = w.realm and t.{column} = w.id"
        + (" and t.bucket = w.bucket where t.bucket = any($2)" if routed else " where true")
        + (f" and {where}" if where else "")
        + (f" order by t.realm, t.{column} {lock}" if lock else "")
    )


# By primary key.
FIND_REDEMPTIONS = """
select t.realm, t.bucket, t.account_id, t.discount_id, t.reward_id
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
join redemptions t using (realm, bucket, id)
where t.bucket = any($2)
"""


class Superseded(Exception):
    """Something came into being between the look-up and the lock: the batch is to be run again, reloaded."""

    sqlstate = "40001"


class Loader:
    """One batch's reading: what is wanted by realm, and the layers that the rows go into."""

    def __init__(
        self,
        connection: Any,
        keys: Mapping[int, Keys],
        layers: Mapping[int, Layer],
        *,
        is_distributed: bool,
        is_locking: bool = True,
    ) -> None:
        """`is_locking` False: what is read is only looked at, on a snapshot that does not change."""
        self.connection, self.keys, self.layers, self.is_distributed = connection, keys, layers, is_distributed
        self._is_locking = is_locking
        self._found_in: dict[tuple[int, str], int] = {}
        self._awards: list[Address] = []

    async def load(self) -> None:
        """Every row the keys name, and that exists, stands in its realm's layer, locked where it may change."""
        await self._find_claims()
        sessions = await self._resolve_sessions()
        await self._resolve_accounts()
        await self._lock(Account, self._addresses("accounts"))
        await self._lock(Payment, self._addresses("payments") + self._addresses("refund_of"))
        await self._lock_sessions(sessions)
        await self._lock(Discount, self._addresses("discounts"))
        await self._read_redeemed()
        await self._lock(Customer, [(realm, bucket_of(realm, id), id) for realm, id in self._wanted("customer_rows")])
        for realm, layer in self.layers.items():
            name_offer_rows(layer, self.keys[realm])
        await self._lock(Counter, self._counters())
        await self._read_offers()
        await self._lock_clocks()
        await self._lock(ApiKey, [(realm, 0, id) for realm, id in self._wanted("api_keys")])
        await self._read_history()
        await self._read_lots()
        for realm, tally in await tally_uses(self.connection, self._wanted("tallies")):
            self.layers[realm].put(tally)

    # ---- first round: where things are

    async def _find_claims(self) -> None:
        """The claims of every id that callers may have chosen."""
        named = dict.fromkeys(
            (realm, id)
            for realm, keys in self.keys.items()
            for ids in (keys.claims, keys.payments, keys.refund_of, keys.refunds, keys.events, self._strange(keys))
            for id in ids
        )
        await self._read(Claim, "id", [(realm, bucket_of(realm, id), id) for realm, id in named])

    @staticmethod
    def _strange(keys: Keys) -> Iterable[str]:
        """Account ids that do not carry their bucket."""
        return [id for id in keys.accounts if bucket_in(id) is None]

    async def _resolve_accounts(self) -> None:
        """The accounts behind redemptions, entries, discounts, payments and customers join those to be locked."""
        for field, table, takes_lots in (
            ("entries", "entries", True),
            ("discounts", "discounts", False),
        ):
            for realm, account_id in await self._owners(table, "account_id", self._addresses(field)):
                self._want_account(realm, account_id, with_lots=takes_lots)
        await self._resolve_redemptions()
        for realm, customer_id in await self._owners("payments", "customer_id", self._addresses("refund_of")):
            self.keys[realm].customer_with_lots(customer_id)
        await self._find_awards()
        wanted = [(realm, bucket_of(realm, id), id) for realm, id in self._wanted("customers")]
        if wanted:
            sql = _select(Account, "customer_id")
            for realm, row in rows_of(TABLES[Account], await self.connection.fetch(sql, *_columns(wanted))):
                assert isinstance(row, Account)
                self._found_in[realm, row.id] = row.bucket
                if not self._is_locking:
                    self.layers[realm].put(row)
                self._want_account(realm, row.id, with_lots=row.customer_id in self.keys[realm].customer_lots)

    async def _resolve_redemptions(self) -> None:
        """What a cancellation will lock: account, discount and counters of its redemption; these never change."""
        addresses = self._addresses("redemptions")
        if not addresses:
            return
        for realm, bucket, account_id, discount_id, reward_id in await self.connection.fetch(
            FIND_REDEMPTIONS, *_columns(addresses)
        ):
            keys = self.keys[realm]
            self._found_in[realm, account_id] = bucket
            self._want_account(realm, account_id, with_lots=True)
            if discount_id is not None:
                keys.discounts.add(discount_id)
            keys.counters[stock_counter(reward_id)] = None
            keys.counters[member_counter(reward_id, account_id)] = account_id

    async def _recheck_awards(self) -> None:
        """No award joins a locked payment; one that joined just before the lock has an account to lock as well."""
        known = len(self._awards)
        self._awards.clear()
        await self._find_awards()
        if len(self._awards) != known:
            raise Superseded("awards of a payment")

    async def _find_awards(self) -> None:
        """The accounts with awards of the payments to be refunded: an award by hand may be anybody's."""
        wanted = self._wanted("refund_of")
        if wanted:
            records = await self.connection.fetch(FIND_AWARDS, *(list(column) for column in zip(*wanted, strict=True)))
            for realm, bucket, account_id, payment_id in records:
                self._found_in[realm, account_id] = bucket
                self._awards.append((realm, bucket, payment_id))
                self._want_account(realm, account_id, with_lots=True)

    async def _owners(self, table: str, column: str, addresses: list[Address]) -> list[tuple[int, str]]:
        """The owner of each row; owners never change, so no lock is needed."""
        if not addresses:
            return []
        sql = (
            f"select t.realm, t.bucket, t.{column}"
            " from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)"
            f" join {table} t using (realm, bucket, id) where t.bucket = any($2) and t.{column} is not null"
        )
        owners: list[tuple[int, str]] = []
        for realm, bucket, owner in await self.connection.fetch(sql, *_columns(addresses)):
            self._found_in[realm, owner] = bucket  # a member's rows share its bucket
            owners.append((realm, owner))
        return owners

    def _want_account(self, realm: int, account_id: str, *, with_lots: bool) -> None:
        self.keys[realm].accounts.add(account_id)
        if with_lots:
            self.keys[realm].lots.add(account_id)

    async def _resolve_sessions(self) -> list[tuple[int, CheckoutSession]]:
        """What checkout sessions hold will be locked with them: discounts, and the counters of their offers."""
        addresses = self._addresses("sessions")
        found = [(realm, row) for realm, row in await self._look(CheckoutSession, "id", addresses)]
        for realm, session in found:
            keys = self.keys[realm]
            keys.discounts.update((*session.discount_ids, *session.held_ids))
            if session.customer_id is not None:
                keys.customers.add(session.customer_id)
                keys_of_changed_cart(session, keys)
        for realm, held in await self._look(OfferRedemption, "session_id", addresses, where="t.status = 'reserved'"):
            self.keys[realm].offers.add(held.offer_id)
            if held.account_id is not None:
                self.keys[realm].offer_members.add((held.offer_id, held.account_id))
        return found

    async def _look(
        self, row_type: type[RowT], column: str, addresses: Collection[Address], *, where: str = ""
    ) -> list[tuple[int, RowT]]:
        """Rows as they stand before any lock; they are put nowhere."""
        if not addresses:
            return []
        kind: Any = row_type
        records = await self.connection.fetch(_select(kind, column, where=where), *_columns(addresses))
        return rows_of(TABLES[row_type], records)  # type: ignore[return-value]

    # ---- second round: lock, then read

    async def _lock_sessions(self, looked_at: list[tuple[int, CheckoutSession]]) -> None:
        """The sessions, with what they hold and the revisions it was promised at."""
        addresses = self._addresses("sessions")
        await self._lock(CheckoutSession, addresses)
        if any(self.layers[realm].get(CheckoutSession, session.id) != session for realm, session in looked_at):
            raise Superseded("a checkout session")
        held = await self._read(OfferRedemption, "session_id", addresses)
        promised = [(realm, row) for realm, row in held if isinstance(row, OfferRedemption)]
        for realm, row in await read_revisions(self.connection, promised):
            self.layers[realm].put(row)
        wanted = [(realm, bucket_of(realm, id), id) for realm, id in self._wanted("buyers")]
        for realm, buyer in await read_buyers(self.connection, wanted):
            self.layers[realm].put(buyer)

    async def _read_redeemed(self) -> None:
        """What the locked payments to be refunded redeemed: by themselves, and with the session they completed."""
        payments = self._addresses("refund_of")
        await self._read(OfferRedemption, "payment_id", payments, where="t.session_id is null")
        found = [(realm, self.layers[realm].get(Payment, id)) for realm, _bucket, id in payments]
        sessions = [(realm, row.session_id) for realm, row in found if row is not None and row.session_id is not None]
        await self._read(
            OfferRedemption,
            "session_id",
            [(realm, bucket, id) for realm, id in sessions if (bucket := bucket_in(id)) is not None],
        )

    async def _lock(self, row_type: type[Row], addresses: list[Address], *, lock: str = LOCK) -> None:
        if not self._is_locking:  # on a snapshot, what was read once stays so
            addresses = [one for one in addresses if self.layers[one[0]].get(row_type, one[2]) is None]
        for group in lock_groups((bucket for _realm, bucket, _id in addresses), is_distributed=self.is_distributed):
            here = [address for address in addresses if address[1] in group]
            await self._read(row_type, "id", here, lock=lock if self._is_locking else "")

    async def _read(
        self, row_type: type[Row], column: str, addresses: Collection[Address], *, where: str = "", lock: str = ""
    ) -> list[tuple[int, Row]]:
        if not addresses:
            return []
        kind: Any = row_type
        sql = _select(kind, column, where=where, lock=lock)
        found = rows_of(TABLES[row_type], await self.connection.fetch(sql, *_columns(dict.fromkeys(addresses))))
        for realm, row in found:
            self.layers[realm].put(row)
        return found

    async def _lock_clocks(self) -> None:
        """The clocks of the programs at hand: shared by those who live on them, exclusive where one is moved."""
        wanted = dict.fromkeys(self._wanted("clocks"))
        lock = LOCK if wanted else SHARE
        for realm, layer in self.layers.items():
            programs = set(self.keys[realm].programs) | programs_of_offers(layer, self.keys[realm])
            programs.update(row.program_id for row in layer.written(Account))
            for program_id in programs:
                program = layer.get(Program, program_id)
                if program is not None and program.clock_id is not None:
                    wanted[realm, program.clock_id] = None
        clocks = [(realm, 0, id) for realm, id in wanted]
        await self._read(TestClock, "id", clocks, lock=lock if self._is_locking else "")

    async def _read_offers(self) -> None:
        """Claims of offers, under their accounts' and counters' locks; and what was looked for."""
        for realm, row in await read_claims(self.connection, self._members_of_offers()):
            self.layers[realm].put(row)
        for realm, layer in self.layers.items():
            accounts = list(layer.written(Account))
            members = frozenset(name for account in accounts for name in (account.id, account.customer_id))
            layer.put(LookedUp(LookedUp.KEY, frozenset(self.keys[realm].counters), members))

    def _members_of_offers(self) -> list[tuple[int, int, str, str]]:
        """Realm, bucket, member and offer of every claim there may be."""
        return [
            (realm, account.bucket, member_id, offer_id)
            for realm, keys in self.keys.items()
            for (offer_id, member_id), account_id in keys.offer_claims.items()
            if (account := self.layers[realm].get(Account, account_id)) is not None
        ]

    async def _read_history(self) -> None:
        """What the locked rows have been through: uses of redemptions, awards and refunds of payments, reversals."""
        redemptions = await self._read(Redemption, "id", self._addresses("redemptions"))
        spent = [
            (realm, row.bucket, row.entry_id)
            for realm, row in redemptions
            if isinstance(row, Redemption) and row.entry_id is not None
        ]
        await self._read(LotUse, "entry_id", spent)
        await self._recheck_awards()
        await self._read(Entry, "id", self._addresses("entries"))
        await self._read(Entry, "reverses_id", self._addresses("entries"))
        payments = self._addresses("refund_of")
        await self._read(Entry, "source_id", self._awards, where="t.kind = 'award'")
        await self._read(Refund, "payment_id", payments)
        await self._read(Refund, "id", self._addresses("refunds"))
        await self._read(Event, "id", self._addresses("events"))

    async def _read_lots(self) -> None:
        """Live lots of the accounts that will spend, the lots named by what was read, and unpaid deficits."""
        live: list[Address] = []
        named: list[Address] = []
        owing: list[Address] = []
        for realm, layer in self.layers.items():
            for account in layer.written(Account):
                if account.id in self.keys[realm].lots or account.id in self.keys[realm].whole:
                    live.append((realm, account.bucket, account.id))
                else:
                    layer.truncate(account.id, BEFORE_ALL)
                if account.ledger_balance_points < 0:
                    owing.append((realm, account.bucket, account.id))
            named += [(realm, entry.bucket, entry.id) for entry in layer.written(Entry) if entry.points > 0]
            named += [(realm, use.bucket, use.lot_id) for use in layer.written(LotUse)]
        await self._read_live_lots(live)
        await self._read(Lot, "id", named)
        await self._read(Deficit, "account_id", owing, where="t.remaining_points > 0")

    async def _read_live_lots(self, accounts: list[Address]) -> None:
        """The lots each account would use first; all of them where a decision asked for more."""
        whole = [one for one in accounts if one[2] in self.keys[one[0]].whole]
        await self._read(Lot, "account_id", whole, where="t.remaining_points > 0")
        first = [one for one in accounts if one[2] not in self.keys[one[0]].whole]
        if not first:
            return
        loaded: dict[tuple[int, str], list[Lot]] = {}
        records = await self.connection.fetch(FIRST_LOTS, *_columns(first), LOTS_MAX)
        for realm, row in rows_of(TABLES[Lot], records):
            assert isinstance(row, Lot)
            self.layers[realm].put(row)
            loaded.setdefault((realm, row.account_id), []).append(row)
        for (realm, account_id), lots in loaded.items():
            if len(lots) == LOTS_MAX:
                self.layers[realm].truncate(account_id, use_order(lots[-1]))

    # ---- addresses

    def _wanted(self, field: str) -> list[tuple[int, str]]:
        return [(realm, id) for realm, keys in self.keys.items() for id in getattr(keys, field)]

    def _addresses(self, field: str) -> list[Address]:
        """Ids with the bucket they resolve to; an id that resolves to none belongs to nothing that exists."""
        found: list[Address] = []
        for realm, id in self._wanted(field):
            claim = self.layers[realm].get(Claim, id)
            bucket = claim.owner_bucket if claim is not None else self._found_in.get((realm, id), bucket_in(id))
            if bucket is not None:
                found.append((realm, bucket, id))
        return found

    def _counters(self) -> list[Address]:
        found: list[Address] = []
        for realm, keys in self.keys.items():
            for counter_id, account_id in keys.counters.items():
                account = self.layers[realm].get(Account, account_id) if account_id else None
                found.append((realm, account.bucket if account else bucket_of(realm, counter_id), counter_id))
        return found


def programs_of_offers(layer: Layer, keys: Keys) -> set[str]:
    """The programs whose clocks the named offers live by."""
    offers = [layer.get(Offer, id) for id in keys.offers]
    return {offer.program_id for offer in offers if offer is not None and offer.program_id is not None}


def _columns(addresses: Collection[Address]) -> list[list[Any]]:
    """Addresses as the three arrays of a statement."""
    return [list(column) for column in zip(*addresses, strict=True)]
