"""The kinds of rows a batch can need, in the one order in which every batch locks them, and how each is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from vinr_server.core.access.rows import ApiKey
from vinr_server.core.campaigns.entries.rows import CampaignScan, EntryPace
from vinr_server.core.campaigns.rows import Campaign, ContributionRow, Enrolment, Standing
from vinr_server.core.checkout.rows import Buyer, CheckoutSession, Traces
from vinr_server.core.clocks.rows import ClockScans, TestClock
from vinr_server.core.codes.rows import BatchTally, Code, CodeHolds, CodeProgress, NextCodes
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.due import has_waiting, name_due
from vinr_server.core.earning.rows import RuleRevision
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Part
from vinr_server.core.kernel.rows import Counter, Row, Tally
from vinr_server.core.ledger.book.lots import BEFORE_ALL, use_order
from vinr_server.core.ledger.needs import name_holder
from vinr_server.core.ledger.rows import Deficit, Entry, Hold, Lot, LotUse, Opening
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.rows import Offer, OfferClaim, OfferGrant, OfferRedemption, OfferRevision
from vinr_server.core.payments.rows import Order, Payment, Refund
from vinr_server.core.programs.rows import Program, TierHolders
from vinr_server.core.referrals.rows import FirstPaid, Referral, ReferralCode
from vinr_server.core.rewards.rows import Discount, Redemption
from vinr_server.core.segments.rows import USES, SegmentScan, SegmentUses
from vinr_server.core.tiers.rows import TierCredit
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.offers import (
    read_buyers,
    read_claims,
    read_code_holds,
    read_first_paid,
    read_revisions,
    read_traces,
)
from vinr_server.storage.batch.reading import (
    LOCK,
    NOTHING,
    SHARE,
    Address,
    PlaceOf,
    Reading,
    columns_of,
    read_awards,
    rows_needed,
)
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.campaigns.issuing import read_next_codes
from vinr_server.storage.campaigns.loading import read_enrolments, read_standing
from vinr_server.storage.campaigns.scans import read_clock_scans
from vinr_server.storage.history.tiers import count_tier_holders, read_named_credits
from vinr_server.storage.reads.caps import tally_uses
from vinr_server.storage.reads.offers import tally_batches

# A spend seldom needs more lots; a member with a million must not load them all to redeem a coffee.
LOTS_MAX = 100
# In the order of use (R3), along the index lots_live.
FIRST_LOTS = f"""
select {TABLES[Lot].select_list}
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
cross join lateral (
  select * from lots l
  where l.realm = w.realm and l.account_id = w.id and l.bucket = w.bucket and l.remaining_points > 0
    and l.remaining_points > l.held_points
  order by l.expires_at, l.available_at, l.sequence limit $4
) as t
where t.bucket = any($2)
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of a type. `words`: the name of its locks; None if it is read under the locks of other kinds.

    `place`: the bucket of an id that lives beside no other; None: the directory knows it, or the id itself says it.
    `is_seldom`: it is passed over where no command of the batch declares any.
    """

    row_type: type[Row]
    take: Callable[[Reading, Kind], Awaitable[Any]]
    words: str | None = None
    place: PlaceOf | None = None
    is_seldom: bool = False


async def _accounts(reading: Reading, kind: Kind) -> None:
    """The accounts, locked; where each lives is known from now on."""
    await _locked(reading, kind)
    for realm, layer in reading.layers.items():
        uses = layer.find(SegmentUses, USES)
        may_expire = uses is not None and uses.watches.balance
        for account in layer.written(Account):
            reading.found_in[realm, account.id] = reading.found_in[realm, account.customer_id] = account.bucket
            if may_expire:  # who is in a segment by its balance is judged without what has ended
                name_holder(reading.needs[realm], account.id)


# What waits in accounts: lots with pending or reserved points, and the holds in force. Plan: lots_waiting and
# holds_in_force.
WAITING_LOTS = "(t.pending_points > 0 or t.held_points > 0)"
# The entries that granted pending points which are due by now. Plan: lots_waiting, then the entry by its key.
DUE_AWARDS = f"""
select {TABLES[Entry].select_list}
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
join accounts a on a.realm = w.realm and a.id = w.id and a.bucket = w.bucket
join programs p on p.realm = a.realm and p.id = a.program_id
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
join lots l on l.realm = w.realm and l.account_id = w.id and l.bucket = w.bucket
  and (l.pending_points > 0 or l.held_points > 0) and l.available_at <= coalesce(c.frozen_at, now())
join entries t on t.realm = l.realm and t.id = l.id and t.bucket = l.bucket
where l.pending_points > 0 and t.bucket = any($2)
"""


async def _waiting(reading: Reading, kind: Kind) -> None:
    """What waits in the accounts and wallets that are locked, and whatever its time will need (R24)."""
    due = [
        (realm, holder.bucket, holder.id)
        for realm, layer in reading.layers.items()
        for holder in _holders(layer)
        if has_waiting(layer, holder)
    ]
    if not due:
        return
    await reading.read(Hold, "account_id", due, where="t.ended_at is null")
    await reading.read(Lot, "account_id", due, where=WAITING_LOTS)
    reading.put(rows_of(TABLES[Entry], await reading.connection.fetch(DUE_AWARDS, *columns_of(due))))
    for realm, _bucket, id in due:
        layer = reading.layers[realm]
        holder = _holder(layer, id)
        assert holder is not None, "it was just locked"
        name_due(reading.needs[realm], holder, layer.here(Hold, id))


async def _enrolments(reading: Reading, kind: Kind) -> None:
    """Passages through campaigns: by their ids, and those that are open of the accounts that are locked."""
    await _by_id(reading, kind)
    await read_enrolments(reading)


def _holders(layer: Layer) -> Iterable[Account | Wallet]:
    """The accounts and wallets that are locked."""
    return chain[Account | Wallet](layer.written(Account), layer.written(Wallet))


def _holder(layer: Layer, id: str) -> Account | Wallet | None:
    return layer.find(Account, id) or layer.find(Wallet, id)


async def _locked(reading: Reading, kind: Kind) -> None:
    await reading.lock(kind.row_type, reading.wanted(kind.row_type, kind.place))


async def _by_id(reading: Reading, kind: Kind) -> None:
    await reading.read(kind.row_type, "id", reading.wanted(kind.row_type, kind.place))


async def _of_parents(reading: Reading, kind: Kind) -> None:
    assert kind.row_type.parent_field is not None
    await reading.read(kind.row_type, kind.row_type.parent_field, reading.parents(kind.row_type))


async def _locked_and_of_parents(reading: Reading, kind: Kind) -> None:
    """Rows by their ids, locked; and all under a parent, of which those that may change are named as well."""
    await _locked(reading, kind)
    await _of_parents(reading, kind)


async def _wallets(reading: Reading, kind: Kind) -> None:
    """The wallets, locked, and whether others have come to be; where each lives is known from now on."""
    await _locked_and_of_parents(reading, kind)
    for realm, layer in reading.layers.items():
        for wallet in layer.written(Wallet):
            reading.found_in[realm, wallet.id] = wallet.bucket


async def _next_codes(reading: Reading, kind: Kind) -> None:
    """The codes that steps of campaigns may give next, to be locked with all others."""
    await read_next_codes(reading)


# Of the codes with one key, the one that a shopper means. Plan: the partial unique index codes_by_key.
HELD_KEY = "t.holds_key"


async def _codes(reading: Reading, kind: Kind) -> None:
    """The codes, locked, and whether others have come to hold their keys: on a snapshot, none can have."""
    await _locked(reading, kind)
    if reading.is_locking:
        keys = [(realm, key) for realm, needs in reading.needs.items() for key in needs.parts.get(Code, NOTHING)]
        here: Any = [(realm, bucket_of(realm, str(key)), key) for realm, key in keys]
        await reading.read(Code, "folded", here, where=HELD_KEY)


async def _code_holds(reading: Reading, kind: Kind) -> None:
    """Which open sessions hold codes that a decision has asked about."""
    named = [(realm, str(id)) for realm, needs in reading.needs.items() for id in needs.rows.get(CodeHolds, NOTHING)]
    for realm, holds in await read_code_holds(reading.connection, named):
        reading.layers[realm].put(holds)


async def _batch_tallies(reading: Reading, kind: Kind) -> None:
    """How many codes of batches were used."""
    for realm, needs in reading.needs.items():
        ids = [str(id) for id in needs.rows.get(BatchTally, NOTHING)]
        here = [code.id for code in reading.layers[realm].written(Code)]
        for tally in await tally_batches(reading.connection, realm, ids, without=here):
            reading.layers[realm].put(tally)


async def _clock_scans(reading: Reading, kind: Kind) -> None:
    await read_clock_scans(reading)


async def _standing(reading: Reading, kind: Kind) -> None:
    await read_standing(reading)


async def _refunds(reading: Reading, kind: Kind) -> None:
    await _of_parents(reading, kind)
    await _by_id(reading, kind)


async def _redemptions_of_offers(reading: Reading, kind: Kind) -> None:
    """What sessions hold or held, and what payments redeemed by themselves, in the bucket of the member."""
    await reading.read(OfferRedemption, "session_id", reading.parents(OfferRedemption, by="session_id"))
    paid = reading.parents(OfferRedemption, by="payment_id")
    await reading.read(OfferRedemption, "payment_id", paid, where="t.session_id is null", anywhere=True)


async def _clocks(reading: Reading, kind: Kind) -> None:
    """The clocks of the programs involved: locked shared by their members' batches, exclusively to advance one."""
    wanted = dict.fromkeys(reading.wanted(kind.row_type, kind.place))
    lock = LOCK if wanted else SHARE
    for realm, layer in reading.layers.items():
        needs = reading.needs[realm]
        programs = {id for id, _beside in rows_needed(needs, Program)}
        programs.update(row.program_id for row in layer.written(Account))
        offers = (layer.get(Offer, id) for id, _beside in rows_needed(needs, Offer))
        programs.update(offer.program_id for offer in offers if offer is not None)
        campaigns = (layer.get(Campaign, id) for id, _beside in rows_needed(needs, Campaign))
        programs.update(campaign.program_id for campaign in campaigns if campaign is not None)
        for program_id in programs:
            program = layer.get(Program, program_id)
            if program is not None and program.clock_id is not None:
                wanted[realm, 0, program.clock_id] = None
        for wallet in layer.written(Wallet):
            if wallet.clock_id is not None:
                wanted[realm, 0, wallet.clock_id] = None
    await reading.lock(TestClock, list(wanted), lock=lock)


async def _scans(reading: Reading, kind: Kind) -> None:
    """The scans that go on, locked; and how far others are that the accounts may have been judged by."""
    await _locked(reading, kind)
    under_way = []
    for realm, layer in reading.layers.items():
        uses = layer.find(SegmentUses, USES)
        if uses is not None and any(True for _account in layer.written(Account)):
            under_way += [(realm, 0, watched.id) for watched in uses.scanning]
    unread = [address for address in under_way if reading.layers[address[0]].find(SegmentScan, address[2]) is None]
    await reading.read(SegmentScan, "id", unread)


async def _claims_of_offers(reading: Reading, kind: Kind) -> None:
    named = [(realm, bucket, member_id, offer_id) for realm, bucket, (offer_id, member_id) in _pairs(reading, kind)]
    reading.put(await read_claims(reading.connection, named))


async def _revisions(reading: Reading, kind: Kind) -> None:
    named = [(realm, id, revision) for realm, _bucket, (id, revision) in _pairs(reading, kind)]
    reading.put(await read_revisions(reading.connection, kind.row_type, named))


def _pairs(reading: Reading, kind: Kind) -> list[tuple[int, int, tuple[str, Any]]]:
    found: Any = reading.wanted(kind.row_type, kind.place)
    return list(found)


async def _buyers(reading: Reading, kind: Kind) -> None:
    """Whether customers have bought, by payments that are not in the layers already."""
    customers: Any = reading.wanted(Buyer, kind.place)
    here = [(realm, payment.id) for realm, layer in reading.layers.items() for payment in layer.written(Payment)]
    for realm, buyer in await read_buyers(reading.connection, customers, here):
        reading.layers[realm].put(buyer)


async def _traces(reading: Reading, kind: Kind) -> None:
    for realm, row in await read_traces(reading.connection, reading.wanted(Traces, kind.place)):
        reading.layers[realm].put(row)


async def _first_paid(reading: Reading, kind: Kind) -> None:
    """When customers first paid, by payments that are not in the layers already."""
    here = [(realm, payment.id) for realm, layer in reading.layers.items() for payment in layer.written(Payment)]
    for realm, row in await read_first_paid(reading.connection, reading.wanted(FirstPaid, kind.place), here):
        reading.layers[realm].put(row)


async def _tallies(reading: Reading, kind: Kind) -> None:
    """What was taken of that which gets its first global limit, whose rows are locked for it, last of all."""
    owners: Any = [(realm, key) for realm, needs in reading.needs.items() for key in needs.rows.get(Tally, NOTHING)]
    named = [(realm, counted_as, id) for realm, (counted_as, id) in owners]
    for realm, tally in await tally_uses(reading.connection, named):
        reading.layers[realm].put(tally)


async def _tier_holders(reading: Reading, kind: Kind) -> None:
    """How many members hold each tier of programs whose tiers change."""
    for realm, needs in reading.needs.items():
        for program_id in needs.rows.get(TierHolders, NOTHING):
            counts = await count_tier_holders(reading.connection, realm, str(program_id))
            reading.layers[realm].put(TierHolders(str(program_id), counts))


async def _entries(reading: Reading, kind: Kind) -> None:
    """Entries by their ids, what reverses them, and the awards of payments."""
    await _by_id(reading, kind)
    await reading.read(Entry, "reverses_id", reading.parents(Entry))
    reading.put(await read_awards(reading.connection, awarded(reading)))


def awarded(reading: Reading) -> list[tuple[int, str]]:
    """The payments of which the awards are needed."""
    reading.ways_read.add((Entry, "source_id"))
    return [
        (realm, str(id))
        for realm, needs in reading.needs.items()
        for id in needs.parts.get(Entry, NOTHING)
        if needs.ways.get((Entry, id), (None, None))[0] == "source_id"
    ]


async def _lots(reading: Reading, kind: Kind) -> None:
    """Lots by their ids, and each account's lots that are used first, or all live ones if a decision needs more."""
    for realm, needs in reading.needs.items():
        for account_id, part in needs.parts.get(Lot, NOTHING).items():
            if part is Part.NONE:
                reading.layers[realm].truncate(account_id, BEFORE_ALL)
    await reading.read(Lot, "account_id", reading.parents(kind.row_type), where="t.remaining_points > 0")
    named = reading.parents(kind.row_type, part=Part.FIRST)
    first = [address for address in named if _holder(reading.layers[address[0]], address[2])]
    await read_first_lots(reading.connection, reading.layers, first)
    await _by_id(reading, kind)


async def read_first_lots(connection: Any, layers: Mapping[int, Layer], accounts: list[Address]) -> None:
    """The layers hold each account's lots that are used first, and know how far that is."""
    if not accounts:
        return
    loaded: dict[tuple[int, str], list[Lot]] = {(realm, id): [] for realm, _bucket, id in accounts}
    for realm, row in rows_of(TABLES[Lot], await connection.fetch(FIRST_LOTS, *columns_of(accounts), LOTS_MAX)):
        assert isinstance(row, Lot)
        layers[realm].put(row)
        loaded[realm, row.account_id].append(row)
    for (realm, account_id), lots in loaded.items():
        layers[realm].truncate(account_id, use_order(lots[-1]) if len(lots) == LOTS_MAX else None)


async def _deficits(reading: Reading, kind: Kind) -> None:
    """The unpaid deficits of accounts that owe; other accounts have none."""
    declared = {(realm, id) for realm, needs in reading.needs.items() for id in needs.parts.get(Deficit, NOTHING)}
    owing = [
        (realm, account.bucket, account.id)
        for realm, layer in reading.layers.items()
        for account in layer.written(Account)
        if account.owes and (realm, account.id) in declared
    ]
    await reading.read(Deficit, "account_id", owing, where="t.remaining_points > 0")


async def _named_credits(reading: Reading, kind: Kind) -> None:
    """Credits that a decision has asked for; those that count are read with their accounts (tiers.py)."""
    keys: list[tuple[int, Any]] = [
        (realm, key) for realm, needs in reading.needs.items() for key in needs.rows.get(TierCredit, NOTHING)
    ]
    named = [(realm, *key) for realm, key in keys]
    await read_named_credits(reading.connection, reading.layers, named)


def _nowhere(_realm: int, _id: object) -> int:
    return 0


# The one order of locks, and then what is read under them.
KINDS = (
    Kind(Account, _accounts, "accounts"),
    Kind(Wallet, _wallets, "wallets"),
    Kind(Hold, _waiting),
    Kind(Enrolment, _enrolments),
    Kind(ContributionRow, _of_parents),
    Kind(ReferralCode, _locked_and_of_parents, "referral codes"),
    Kind(Referral, _locked_and_of_parents, "referrals"),
    Kind(Payment, _locked, "payments"),
    Kind(Order, _locked, "orders"),
    Kind(CheckoutSession, _locked, "checkout sessions"),
    Kind(Discount, _locked, "discounts"),
    Kind(CodeProgress, _locked, "code batches", _nowhere, is_seldom=True),
    Kind(NextCodes, _next_codes, is_seldom=True),
    Kind(Code, _codes, "codes", is_seldom=True),
    Kind(Customer, _locked, "customers", bucket_of),
    Kind(Counter, _locked, "counters", bucket_of),
    Kind(SegmentScan, _scans, "scans of segments", _nowhere),
    Kind(CampaignScan, _locked, "scans of campaigns", _nowhere, is_seldom=True),
    Kind(EntryPace, _locked, "paces of campaigns", _nowhere, is_seldom=True),
    Kind(TestClock, _clocks, "test clocks", _nowhere),
    Kind(ClockScans, _clock_scans, is_seldom=True),
    Kind(ApiKey, _locked, "API keys", _nowhere),
    Kind(OfferClaim, _claims_of_offers),
    Kind(OfferGrant, _by_id),
    Kind(OfferRedemption, _redemptions_of_offers),
    Kind(CodeHolds, _code_holds, is_seldom=True),
    Kind(BatchTally, _batch_tallies, is_seldom=True),
    Kind(Standing, _standing, is_seldom=True),
    Kind(OfferRevision, _revisions, place=_nowhere),
    Kind(RuleRevision, _revisions, place=_nowhere),
    Kind(Buyer, _buyers, place=lambda realm, key: bucket_of(realm, key[0])),
    Kind(Traces, _traces, place=bucket_of),
    Kind(FirstPaid, _first_paid, place=bucket_of),
    Kind(Redemption, _by_id),
    Kind(LotUse, _of_parents),
    Kind(Entry, _entries),
    Kind(Refund, _refunds),
    Kind(Event, _by_id),
    Kind(Lot, _lots),
    Kind(Deficit, _deficits),
    Kind(Opening, _of_parents),
    Kind(TierCredit, _named_credits),
    Kind(Tally, _tallies),
    Kind(TierHolders, _tier_holders),
)


def lock_order() -> str:
    """The order of locks in words, as in ARCHITECTURE.md."""
    return " → ".join(["catalogue (only to change it)", *(kind.words for kind in KINDS if kind.words is not None)])
