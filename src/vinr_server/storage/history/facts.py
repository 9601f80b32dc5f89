"""What the batch's instant must be known to read: what segments ask, what capped rules gave, reminders, grants.

(What counts towards tiers is read in tiers.py.)

Segments: a member's place in static ones, and its purchases. Read only for members whose segments a command may ask
for, and only what segments in use ask: a realm whose live offers name no segment pays nothing. Capped rules: the
counters of the periods that hold the instant, under the lock of the member's account. Reminders: the lots that end so
many days after it, of members that may have one due. Grants of offers: those that are open, and not over by then.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from vinr_server.core.clocks.changes import CLOCKS_END
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.conditions.member import Totals, window_start
from vinr_server.core.conditions.membership import purchases_here, with_payment
from vinr_server.core.conditions.tree import Days
from vinr_server.core.earning.caps import EVERY_RULE, counters_at, rule_counters
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.reminders import is_behind, spans_of
from vinr_server.core.ledger.rows import Endings, EndSpan, Lot
from vinr_server.core.members.rows import Account, Customer, MergedFrom
from vinr_server.core.offers.rows import OfferGrant
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.rows import Program
from vinr_server.core.segments.rows import USES, Purchases, PurchasesSince, SegmentMember, SegmentUses
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.kinds import read_first_lots
from vinr_server.storage.batch.reading import Address, columns_of, select_rows
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.history.overdue import first_instant
from vinr_server.storage.history.tiers import read_credits, read_past_credits
from vinr_server.storage.history.watched import read_memberships, read_watched


def is_purchase_sql(payment: str, *, account: str) -> str:
    """The condition that a payment of the account's customer is a purchase: core's `is_purchase`."""
    return f"""({payment}.account_id is null or {payment}.account_id = {account})
    and {payment}.amount_minor > {payment}.refunded_minor"""


# The newest purchase of each buyer that is not among the loaded payments. Plan: payments_by_purchase backwards, past
# those loaded and those refunded whole. A guest's payment that was linked later stays in its own bucket.
LAST_PURCHASES = f"""
select w.place, last.occurred_at
from unnest($1::int4[], $2::text[], $3::text[]) with ordinality as w (realm, customer, account, place)
cross join lateral (
  select p.occurred_at from payments p
  where p.realm = w.realm and p.customer_id = w.customer
    and {is_purchase_sql("p", account="w.account")}
    and not exists (select from unnest($4::int4[], $5::text[]) as x (realm, id) where x.realm = p.realm and x.id = p.id)
  order by p.occurred_at desc limit 1
) as last
"""

# Purchases of each buyer in each window. Plan: a range of payments_by_purchase for each.
TOTALS = f"""
select w.place, sums.currency, sums.count, sums.minor
from unnest($1::int4[], $2::text[], $3::text[], $4::timestamptz[])
  with ordinality as w (realm, customer, account, since, place)
cross join lateral (
  select p.currency, count(*) as count, sum(p.amount_minor - p.refunded_minor)::int8 as minor from payments p
  where p.realm = w.realm and p.customer_id = w.customer
    and p.occurred_at > w.since
    and {is_purchase_sql("p", account="w.account")}
  group by p.currency
) as sums
"""

# All counters of an account, by how their names begin. Plan: a range of the primary key for each.
COUNTERS_OF_RULES = f"""
select {TABLES[Counter].select_list}
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, beginning)
join counters t on t.realm = w.realm and t.id >= w.beginning and t.id < w.beginning || '~' and t.bucket = w.bucket
where t.bucket = any($2)
"""

# Open grants of an account, in each bucket that its customer lived in. Plan: a range of offer_grants_open for each.
OPEN_GRANTS = f"""
select {TABLES[OfferGrant].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::timestamptz[]) as w (realm, bucket, id, now)
join offer_grants t on t.realm = w.realm and t.account_id = w.id and t.bucket = w.bucket and t.status = 'open'
  and (t.expires_at is null or t.expires_at > w.now)
where t.bucket = any($2)
"""

# Live lots by their ends: all that end in a span, and the first one after it. Plan: a range of lots_live for each.
ENDING_LOTS = f"""
select {TABLES[Lot].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::timestamptz[], $5::timestamptz[])
  as w (realm, bucket, id, after, until)
cross join lateral (
  (select * from lots l
  where l.realm = w.realm and l.account_id = w.id and l.bucket = w.bucket and l.remaining_points > 0
    and l.expires_at > w.after and l.expires_at <= w.until)
  union all
  (select * from lots l
  where l.realm = w.realm and l.account_id = w.id and l.bucket = w.bucket and l.remaining_points > 0
    and l.expires_at > w.until
  order by l.expires_at limit 1)
) as t
where t.bucket = any($2)
"""


NOTHING: Mapping[Any, Part] = {}
# The earliest instant at which a realm's program may be while the batch is decided.
Earliest = Callable[[int, str], datetime]


class Owner(NamedTuple):
    """Whose purchases are read, under which name: an account, or a customer whom the batch may enroll in a program.

    `buyers`: whose payments count. `instants`: every possible now of its program while the batch is decided.
    """

    realm: int
    name: Hashable
    buyers: tuple[MergedFrom, ...]
    instants: frozenset[datetime]


async def read_history(connection: Any, needs: Mapping[int, Needs], layers: Mapping[int, Layer], now: datetime) -> None:
    """The layers hold what the commands may ask of segments and of capped rules."""

    def earliest(realm: int, program_id: str) -> datetime:
        return min(_instants(layers[realm], needs[realm], program_id, now))

    await read_memberships(connection, _memberships_asked(needs, layers), layers)
    await read_watched(connection, needs, layers, lambda *of: _last_instant(needs, layers, now, *of))
    await _read_purchases(connection, needs, layers, now)
    await _read_rule_counters(connection, needs, layers, now)
    await _read_reminded_lots(connection, needs, layers, now)
    await _read_open_grants(connection, needs, layers, earliest)
    await read_credits(connection, layers, earliest)
    await read_past_credits(connection, layers)


async def _read_reminded_lots(
    connection: Any, needs: Mapping[int, Needs], layers: Mapping[int, Layer], now: datetime
) -> None:
    """The lots of which reminders may be due, or are next, where that is beyond the lots that pay first (R84)."""
    behind: dict[Address, tuple[Account, list[EndSpan]]] = {}
    for realm, layer in layers.items():
        for account_id, part in needs[realm].parts.get(Lot, NOTHING).items():
            account = layer.find(Account, account_id)
            program = layer.get(Program, account.program_id) if account is not None else None
            if account is None or program is None or part is Part.ALL or not program.reminder_plans:
                continue
            instants = _instants(layer, needs[realm], program.id, now)
            if any(is_behind(account, program, now=at) for at in instants):
                spans = _end_spans(account, program, min(instants), min(max(instants), CLOCKS_END))
                behind[realm, account.bucket, account.id] = (account, spans)
    unread = [address for address in behind if needs[address[0]].part_of(Lot, address[2]) is Part.NONE]
    await read_first_lots(connection, layers, unread)
    asked = [
        (*address, span.after, span.until)
        for address, (_account, spans) in behind.items()
        if layers[address[0]].last_here(address[2]) is not None
        for span in spans
    ]
    if not asked:
        return
    found: dict[tuple[int, str], list[datetime]] = {}
    for realm, row in rows_of(TABLES[Lot], await connection.fetch(ENDING_LOTS, *columns_of(asked))):
        assert isinstance(row, Lot) and row.expires_at is not None
        layers[realm].put(row)
        found.setdefault((realm, row.account_id), []).append(row.expires_at)
    for (realm, _bucket, id), (_account, spans) in behind.items():
        ends = found.get((realm, id), [])
        known = [replace(span, later=min((end for end in ends if end > span.until), default=None)) for span in spans]
        layers[realm].put(Endings(id, tuple(known)))


def _end_spans(account: Account, program: Program, earliest: datetime, latest: datetime) -> list[EndSpan]:
    """Where the ends lie that reminders up to the latest instant are about, and the next ones from the earliest on."""
    spans = list(spans_of(account, program, latest))
    days = {days for span in spans for days in span.days} | set(program.reminder_plan.days)
    after = min([span.after for span in spans] + [earliest])
    return [EndSpan(after + timedelta(days=count), latest + timedelta(days=count), None) for count in sorted(days)]


async def _read_rule_counters(
    connection: Any, needs: Mapping[int, Needs], layers: Mapping[int, Layer], now: datetime
) -> None:
    """What capped rules have given in the periods that hold now, where a command may ask for it."""
    wanted: dict[Address, None] = {}
    whole: dict[Address, None] = {}
    for realm, layer in layers.items():
        pairs = [pair for pair in needs[realm].parts.get(Counter, NOTHING) if isinstance(pair, tuple)]
        for account_id, rule_id in pairs:
            account = layer.find(Account, account_id)
            program = layer.get(Program, account.program_id) if account is not None else None
            if account is None or program is None:
                continue
            if rule_id == EVERY_RULE:
                whole[realm, account.bucket, rule_counters(account_id)] = None
                continue
            for at in _instants(layer, needs[realm], program.id, now):
                for counter_id in counters_at(rule_id, account_id, at, program.timezone):
                    wanted[realm, account.bucket, counter_id] = None
    records = await connection.fetch(select_rows(Counter, "id"), *columns_of(wanted)) if wanted else []
    records += await connection.fetch(COUNTERS_OF_RULES, *columns_of(whole)) if whole else []
    for realm, row in rows_of(TABLES[Counter], records):
        layers[realm].put(row)


async def _read_open_grants(
    connection: Any, needs: Mapping[int, Needs], layers: Mapping[int, Layer], earliest: Earliest
) -> None:
    """The grants that a command may use, or steps that are due before it: those that are open, and not over by then."""
    wanted = [
        (realm, bucket, account.id, first_instant(layer, account, earliest(realm, account.program_id)))
        for realm, layer in layers.items()
        for account_id in needs[realm].parts.get(OfferGrant, NOTHING)
        if (account := layer.find(Account, account_id)) is not None
        for bucket in {account.bucket, *(bucket_of(realm, buyer.customer_id) for buyer in account.buyers)}
    ]
    if wanted:
        for realm, row in rows_of(TABLES[OfferGrant], await connection.fetch(OPEN_GRANTS, *columns_of(wanted))):
            layers[realm].put(row)


def _memberships_asked(needs: Mapping[int, Needs], layers: Mapping[int, Layer]) -> list[Address]:
    """The accounts whose memberships or segments may be asked for."""
    return [
        (realm, account.bucket, account.id)
        for realm, layer in layers.items()
        for account_id, part in needs[realm].parts.get(SegmentMember, NOTHING).items()
        if part is Part.ALL and (account := layer.get(Account, account_id)) is not None
    ]


def _uses(layer: Layer) -> SegmentUses:
    uses = layer.get(SegmentUses, USES)
    assert uses is not None, "a catalogue is read with its uses"
    return uses


async def _read_purchases(
    connection: Any, needs: Mapping[int, Needs], layers: Mapping[int, Layer], now: datetime
) -> None:
    """The layers hold the purchases of every member whose segments may be asked for, as far as segments in use ask.

    A member read in part is read for the segments that something live names; a member read whole, for all. Windows
    that a decision has asked for are read beside those that end now.
    Expects the locks, and the programs' clocks in the layers; `now` is the wall's.
    """
    asked: dict[Owner, tuple[frozenset[Days], bool]] = {}
    for realm, layer in layers.items():
        owners = needs[realm].parts.get(Purchases, NOTHING)
        if all(part is Part.NONE for part in owners.values()):
            continue
        uses, windows = _uses(layer), needs[realm].plans.windows
        some = (frozenset(uses.windows | windows), uses.asks_last)
        everything = (frozenset(uses.all_windows | windows), True)
        for name, part in owners.items():
            owner = _owner(realm, needs[realm], layer, name, now) if part is not Part.NONE else None
            if owner is not None:
                asked[owner] = everything if part is Part.ALL else some
    if not asked:
        return
    last_at = await _last_purchases(
        connection, [owner for owner, (_windows, is_asked) in asked.items() if is_asked], layers
    )
    since = {realm: _since(needs[realm]) for realm in layers}
    starts = {
        owner: _starts(owner, windows) | since[owner.realm].get(owner.name, set())
        for owner, (windows, _has_last) in asked.items()
    }
    totals = await _totals(connection, [(owner, start) for owner, mine in starts.items() for start in mine])
    for owner, (_windows, has_last) in asked.items():
        layer = layers[owner.realm]
        mine = {start: totals.get((owner.realm, owner.name, start), Totals()) for start in starts[owner]}
        for payment in purchases_here(layer, owner.buyers) if mine else ():
            mine = with_payment(mine, payment, count=-1)
        layer.put(Purchases(owner.name, mine, last_at.get((owner.realm, owner.name)), has_last))


def _since(needs: Needs) -> dict[Hashable, set[datetime]]:
    """The beginnings of windows that decisions have asked for, by whose purchases lie in them."""
    since: dict[Hashable, set[datetime]] = {}
    for key in needs.rows.get(PurchasesSince, NOTHING):
        assert isinstance(key, tuple), "an owner, and an instant"
        owner, start = key
        since.setdefault(owner, set()).add(start)
    return since


def _owner(realm: int, needs: Needs, layer: Layer, name: Any, now: datetime) -> Owner | None:
    """An account by its id, or a customer who may enroll in a program; None if there is no such account yet."""
    if isinstance(name, tuple):
        customer_id, program_id = name
        if any(account.program_id == program_id for account in layer.here(Account, customer_id)):
            return None
        instants = _instants(layer, needs, program_id, now)
        customer = layer.find(Customer, customer_id)
        ids = (customer_id, *(customer.merged_from if customer is not None else ()))
        return Owner(realm, name, tuple(MergedFrom(id, None) for id in ids), instants)
    account = layer.get(Account, name)
    if account is None:
        return None
    instants = _instants(layer, needs, account.program_id, now)
    return Owner(realm, account.id, account.buyers, instants)


def _instants(layer: Layer, needs: Needs, program_id: str, now: datetime) -> frozenset[datetime]:
    """Now on the program's clock, and every instant to which the batch itself may move it."""
    program = layer.get(Program, program_id)
    if program is None:  # the batch creates it, on any clock
        return frozenset((now, *(clock.frozen_at for clock in layer.written(TestClock)), *needs.plans.instants))
    clock = layer.get(TestClock, program.clock_id) if program.clock_id else None
    return frozenset((now if clock is None else clock.frozen_at, *needs.plans.instants))


def _last_instant(
    needs: Mapping[int, Needs], layers: Mapping[int, Layer], now: datetime, realm: int, program_id: str
) -> datetime:
    """The latest instant at which the program may be while the batch is decided."""
    return max(_instants(layers[realm], needs[realm], program_id, now))


def _starts(owner: Owner, windows: Iterable[Days]) -> set[datetime]:
    return {window_start(days, now) for days in windows for now in owner.instants}


async def _last_purchases(
    connection: Any, owners: Sequence[Owner], layers: Mapping[int, Layer]
) -> dict[tuple[int, Hashable], datetime]:
    if not owners:
        return {}
    here = [(realm, payment.id) for realm, layer in layers.items() for payment in layer.written(Payment)]
    excluded = columns_of(here) if here else [[], []]
    asked = [(owner, buyer) for owner in owners for buyer in owner.buyers]
    columns = columns_of([(owner.realm, buyer.customer_id, buyer.account_id) for owner, buyer in asked])
    last_at: dict[tuple[int, Hashable], datetime] = {}
    for place, at in await connection.fetch(LAST_PURCHASES, *columns, *excluded):
        owner = asked[place - 1][0]
        last_at[owner.realm, owner.name] = max(at, last_at.get((owner.realm, owner.name), at))
    return last_at


async def _totals(
    connection: Any, questions: Sequence[tuple[Owner, datetime]]
) -> dict[tuple[int, Hashable, datetime], Totals]:
    if not questions:
        return {}
    asked = [(owner, buyer, start) for owner, start in questions for buyer in owner.buyers]
    columns = columns_of([(owner.realm, buyer.customer_id, buyer.account_id, start) for owner, buyer, start in asked])
    totals: dict[tuple[int, Hashable, datetime], Totals] = {}
    for place, currency, count, minor in await connection.fetch(TOTALS, *columns):
        owner, _buyer, start = asked[place - 1]
        name = (owner.realm, owner.name, start)
        totals[name] = totals.get(name, Totals()).plus(currency, count=count, minor=minor)
    return totals
