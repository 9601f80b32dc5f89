"""What a batch would be loaded with, out of rows in memory: those that its commands declare, and no others.

So decisions that are run without a database also meet what nobody declared.
"""

from __future__ import annotations

from collections import Counter as PythonCounter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.campaigns.entries.rows import CampaignScan, EntryPace
from vinr_server.core.campaigns.listeners import listeners_of, stops_of
from vinr_server.core.campaigns.passages.giving.codes import name_codes_ahead
from vinr_server.core.campaigns.passages.giving.taking_back import name_given
from vinr_server.core.campaigns.passages.stepping import name_steps
from vinr_server.core.campaigns.rows import (
    Campaign,
    ContributionsOf,
    Enrolment,
    EnrolmentStep,
    Meetings,
    Met,
    PastEntry,
    Standing,
    StepsOf,
)
from vinr_server.core.checkout.rows import Buyer, CheckoutSession, Traces
from vinr_server.core.clocks.rows import ClockScans, TestClock
from vinr_server.core.codes.issuing import name_asked_batches
from vinr_server.core.codes.rows import BatchTally, Code, CodeHold, CodeHolds, CodeProgress, NextCodes
from vinr_server.core.conditions.course import Purchase
from vinr_server.core.conditions.member import Totals
from vinr_server.core.conditions.membership import uses_of
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.decide import follow, needs_of
from vinr_server.core.due import name_due
from vinr_server.core.earning.caps import EVERY_RULE, rule_counter, rule_counters
from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import NOBODY, Look, Needs, Of, Part
from vinr_server.core.kernel.rows import Counter, Row, Tally
from vinr_server.core.ledger.book.lots import BEFORE_ALL
from vinr_server.core.ledger.needs import name_holder
from vinr_server.core.ledger.rows import Entry, Hold, Lot
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.rows import Offer, OfferRedemption
from vinr_server.core.payments.purchases.kept import counted_amount
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.rows import Program, TierHolders
from vinr_server.core.referrals.rows import FirstPaid
from vinr_server.core.rewards.rows import Redemption, Reward
from vinr_server.core.segments.rows import USES, PurchaseLog, Purchases, SegmentMember, SegmentScan, SegmentUses
from vinr_server.core.tiers.plans import is_behind_plan
from vinr_server.core.tiers.rows import PastCredits, TierCredit
from vinr_server.storage.batch.load import named_by
from vinr_server.storage.campaigns.loading import name_counted, name_steps_due


class NoneBesides(Mapping[datetime, Totals]):
    """Whatever the window: no purchases but those that are here as rows."""

    def __getitem__(self, _start: datetime) -> Totals:
        return Totals()

    def __iter__(self) -> Iterator[datetime]:
        raise AssertionError("there is no end of windows")

    def __len__(self) -> int:
        raise AssertionError("there is no end of windows")

    def __contains__(self, _start: object) -> bool:
        return True


class Stored(Layer):
    """Every row that was ever kept; the catalogue among them is gathered again only when it has changed."""

    __slots__ = ("_catalogue",)

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Layer | None = None

    def put(self, row: Row) -> None:
        """As a layer does it."""
        super().put(row)
        if row.is_catalogue:
            self._catalogue = None

    def merge(self, draft: Layer) -> None:
        """As a layer does it."""
        super().merge(draft)
        self._catalogue = None

    @property
    def catalogue(self) -> Layer:
        """A layer of the catalogue alone."""
        if self._catalogue is None:
            self._catalogue = Layer()
            for row in self.all_written():
                if row.is_catalogue:
                    self._catalogue.put(row)
            self._catalogue.put(uses_of(self._catalogue))
            self._catalogue.put(listeners_of(self._catalogue))
            self._catalogue.put(stops_of(self._catalogue))
        return self._catalogue


def load(
    world: Stored,
    commands: Iterable[Command],
    *,
    whole: Any = (),
    merged: Mapping[str, str] = NOBODY,
    rows: Collection[tuple[Any, Any]] = (),
) -> Layer:
    """A layer above the catalogue of a world, and of its other rows those that the commands declare.

    `merged` and `rows`: what a batch has learned of its members (engine/batch.py, Wholes).
    """
    several, needs, loaded = list(commands), Needs(whole, merged, rows), Layer(world.catalogue)
    for command in several:
        needs_of(command, needs)
    seen = loaded.draft()
    # A customer is looked at before what it names, as in storage (load.py).
    for look in sorted(needs.looks, key=lambda look: look.row_type is not Customer):
        _look(world, seen, needs, look)
    for command in several:
        follow(command, seen, needs)
    _name_watched(world, loaded, needs)
    _read_waiting(world, loaded, needs)
    _read_enrolments(world, loaded, needs)
    read_credits(world, loaded, needs.rows.get(Account, ()))
    _read(world, loaded, needs)
    _read_buyers(world, loaded, needs.rows.get(Buyer, ()))
    _read_clocks(loaded, world, needs)
    _read_clock_scans(world, loaded, needs)
    _read_watched(world, loaded, needs)
    loaded.cover(needs)
    return loaded


def _read_clock_scans(world: Layer, loaded: Layer, needs: Needs) -> None:
    """When scans let in the next members on clocks, as in storage/campaigns/scans.py."""
    for id in needs.rows.get(ClockScans, ()):
        programs = {row.id for row in world.all_here(Program) if row.clock_id == id}
        under_way = [scan for scan in world.all_here(CampaignScan) if scan.program_id in programs and not scan.done_at]
        paces = {pace.id: pace.due_at for pace in world.all_here(EntryPace)}
        instants = (max(scan.as_of, paces.get(scan.campaign_id, scan.as_of)) for scan in under_way)
        loaded.put(ClockScans(str(id), min(instants, default=None)))


def _read_waiting(world: Layer, loaded: Layer, needs: Needs) -> None:
    """What waits in the accounts, and whatever its time will need, as storage reads it with them (kinds.py)."""
    named: list[Account | Wallet | None] = [world.get(Account, key) for key in needs.rows.get(Account, ())]
    named += [world.get(Wallet, key) for key in needs.rows.get(Wallet, ())]
    for account in named:
        if account is None or account.due_at is None:
            continue
        holds = [hold for hold in world.children(Hold, account.id) if hold.ended_at is None]
        lots = [lot for lot in world.children(Lot, account.id) if lot.pending_points or lot.held_points]
        entries = [world.get(Entry, lot.id) for lot in lots if lot.pending_points]
        for row in (*holds, *lots, *entries):
            if row is not None:
                loaded.put(row)
        name_due(needs, account, holds)


def _read_enrolments(world: Layer, loaded: Layer, needs: Needs) -> None:
    """Open passages of the accounts, and what those that are due may change, as in storage/campaigns."""
    for key in list(needs.rows.get(Account, ())):
        for row in world.children(Enrolment, key):
            program = world.get(Program, row.program_id)
            clock = world.get(TestClock, program.clock_id) if program is not None and program.clock_id else None
            hears = row.status in ("open", "failed") or row.hears_until is not None
            may_reach = row.goal_until is not None and (clock is None or row.goal_until > _since(world, row, clock))
            if hears or may_reach:
                loaded.put(row)
            if hears and needs.declares(ContributionsOf, row.account_id):
                name_counted(needs, row)
            if row.status in ("over", "holdout"):
                continue
            if row.due_at is not None and (clock is None or row.due_at <= clock.frozen_at):
                name_steps_due(needs, world, row)
                name_codes_ahead(needs, world, row)
    for row_type, id in needs.asked:
        asked = world.get(Enrolment, id) if row_type is Enrolment else None
        if asked is not None:
            name_counted(needs, asked)
            name_given(needs, world, asked)
    for name in needs.rows.get(PastEntry, ()):
        for row in world.children(Enrolment, name[0]):  # type: ignore[index]
            loaded.put(row)
    for id in needs.rows.get(Standing, ()):
        inside = [row for row in world.all_written() if isinstance(row, Enrolment) and row.campaign_id == id]
        places = PythonCounter((row.revision, row.step or "") for row in inside if row.status in ("open", "failed"))
        loaded.put(Standing(str(id), tuple((*place, members) for place, members in sorted(places.items()))))
    for name in list(needs.rows.get(StepsOf, ())):
        name_steps(needs, world, *name)  # type: ignore[misc]
    for key in needs.rows.get(Meetings, ()):
        loaded.put(_meetings(world, str(key)))
    name_asked_batches(needs, world)
    _read_next_codes(world, loaded, needs)


def _since(world: Layer, row: Enrolment, clock: TestClock) -> datetime:
    """The instant from which on something of the member may be decided: a late worker takes steps as of then."""
    mine = [other.due_at for other in world.children(Enrolment, row.account_id)]
    return min((clock.frozen_at, *(due_at for due_at in mine if due_at is not None)))


def _meetings(world: Layer, account_id: str) -> Meetings:
    """What caps on frequency can count of the member (storage/campaigns/measuring.py)."""
    entries = [
        Met(row.campaign_id, row.entry_revision, row.entered_at) for row in world.children(Enrolment, account_id)
    ]
    steps = [row for row in world.all_here(EnrolmentStep) if row.account_id == account_id]
    sent = [row for row in steps if row.kind == "send_event" and row.outcome == "done"]
    return Meetings(account_id, tuple(entries), tuple(Met(row.campaign_id, row.revision, row.at) for row in sent))


def _read_next_codes(world: Layer, loaded: Layer, needs: Needs) -> None:
    """The codes of batches that steps may give next, as in storage/campaigns/issuing.py."""
    names: Any = list(needs.rows.get(NextCodes, ()))
    for batch_id in dict.fromkeys(name[0] for name in names):
        most = max(most for id, most in names if id == batch_id)
        progress = world.get(CodeProgress, batch_id)
        free = [
            code
            for code in world.all_here(Code)
            if code.batch_id == batch_id and code.account_id is None and code.status == "active" and code.holds_key
            if not code.used and not code.reserved
        ]
        issued = progress.issued if progress is not None else 0
        free.sort(key=lambda code: ((code.number or 0) <= issued, code.number))
        if progress is not None:
            loaded.put(NextCodes(batch_id, most, tuple(code.id for code in free[:most])))
        for code in free[:most]:
            needs.row(Code, code.id)


def _name_watched(world: Layer, loaded: Layer, needs: Needs) -> None:
    """The lots of whom segments judge by its balance are declared, as storage does it (kinds.py)."""
    uses = loaded.find(SegmentUses, USES)
    if uses is not None and uses.watches.balance:
        for key in list(needs.rows.get(Account, ())):
            if world.get(Account, key) is not None:
                name_holder(needs, str(key))


def _read_watched(world: Layer, loaded: Layer, needs: Needs) -> None:
    """What judges the accounts that may be due, and those that a decision asked for (storage/history/watched.py)."""
    uses = loaded.find(SegmentUses, USES)
    assert uses is not None, "a catalogue is read with its uses"
    for watched in uses.scanning:
        scan = world.get(SegmentScan, watched.id)
        if scan is not None:
            loaded.put(scan)
    asked: dict[Any, int | None] = {}
    accounts = list(loaded.written(Account))
    for account in accounts:
        if uses.watched and (account.next_segments_at is not None or uses.scanning):
            asked |= dict.fromkeys(account.customer_ids, uses.purchases_max)
    for key in needs.rows.get(PurchaseLog, ()):
        if isinstance(key, tuple):
            asked[key[0]] = None
        else:
            asked.setdefault(key, uses.purchases_max)
    for customer_id, most in asked.items():
        paid = [payment for payment in world.children(Payment, customer_id) if payment.kept_minor > 0]
        logged = [
            (one.id, one.account_id, Purchase(one.occurred_at, one.currency, one.kept_minor))
            for one in sorted(paid, key=lambda one: one.occurred_at, reverse=True)
        ]
        is_whole = most is None or len(logged) <= most
        loaded.put(PurchaseLog(customer_id, tuple(logged[:most]), is_whole=is_whole))
    for account in accounts:
        if not asked.keys().isdisjoint(account.customer_ids):
            for place in world.children(SegmentMember, account.id):
                loaded.put(place)


def read_credits(world: Layer, loaded: Layer, account_ids: Iterable[Any]) -> None:
    """What counts towards the tiers of the accounts by windows, as storage reads it with them (storage/history)."""
    for key in account_ids:
        account = world.get(Account, key)
        program = world.get(Program, account.program_id) if account is not None else None
        if account is None or program is None:
            continue
        if program.tier_policy.counts_windows or is_behind_plan(account, program):
            for row in world.children(TierCredit, key):
                loaded.put(row)
        if is_behind_plan(account, program):
            loaded.put(PastCredits(account.id, tuple(_past_credits(world, account, program))))


def _past_credits(world: Layer, account: Account, program: Program) -> Iterator[TierCredit]:
    """What the account's history counts by a policy that it does not follow yet (storage/history/tiers.py)."""
    counted_as = program.tier_policy.counted_as
    owners = [buyer.account_id for buyer in account.buyers]
    if counted_as == "points_earned":
        for lot in world.all_here(Lot):
            entry = world.get(Entry, lot.id)
            is_award = entry is not None and entry.kind in ("award", "adjustment") and not lot.pending_points
            if lot.account_id in owners and is_award:
                points = str(lot.points - lot.reversed_points)
                yield TierCredit(account.bucket, account.id, counted_as, lot.id, lot.available_at, points)
    elif counted_as is not None:
        for payment in world.all_here(Payment):
            standing = [refund for refund in world.children(Refund, payment.id) if refund.canceled_at is None]
            amount = counted_amount(payment, standing, program)
            if amount is not None and any(earning.account_id in owners for earning in payment.earnings):
                at = payment.occurred_at
                yield TierCredit(account.bucket, account.id, counted_as, payment.id, at, str(amount))


def keep(world: Layer, written: Layer) -> None:
    """What would be saved of these rows is the world's own."""
    for row in written.all_written():
        if not isinstance(row, (Tally, TierHolders, PastCredits, SegmentUses, Meetings, ClockScans)):
            world.put(row)


def _look(world: Layer, seen: Layer, needs: Needs, look: Look) -> None:
    keys: Iterable[Any] = (look.key,)
    if isinstance(look.key, Of):
        named = [key for key, _beside in named_by(world, look.key)]
        keys = [acting for key in named for acting in dict.fromkeys((key, needs.acting(key)))]
        for key in keys:
            if look.by is None:
                needs.row(look.row_type, key)
            else:
                needs.children(look.row_type, key)
    for key in keys:
        found = [world.get(look.row_type, key)] if look.by is None else world.children(look.row_type, key)
        for row in found:
            if row is not None:
                seen.put(row)


def _read(world: Layer, loaded: Layer, needs: Needs) -> None:
    for row_type, keys in needs.rows.items():
        for key in keys:
            row = world.get(row_type, key)
            if row is not None and not row_type.is_catalogue:
                loaded.put(row)
            if row_type is Traces:
                mine = [one for one in world.all_here(CheckoutSession) if one.customer_id == key]
                is_open = tuple(one.id for one in mine if one.status == "open")
                loaded.put(Traces(str(key), is_open, bool(world.children(Payment, key))))
            if row_type is BatchTally:
                here, keys = needs.rows.get(Code, {}), needs.parts.get(Code, {})
                mine = [code for code in world.all_here(Code) if code.batch_id == key]
                mine = [code for code in mine if code.id not in here and code.folded not in keys]
                loaded.put(BatchTally(str(key), sum(code.used > 0 for code in mine)))
            if row_type is CodeHolds:
                loaded.put(CodeHolds(str(key), tuple(_code_holds(world, key))))
            if row_type is FirstPaid:
                ids = _who(world, key)
                paid = [payment for id in ids for payment in world.children(Payment, id) if payment.amount_minor > 0]
                loaded.put(FirstPaid(str(key), min((payment.occurred_at for payment in paid), default=None), ids))
            if row_type is Tally:
                _tally(world, loaded, *key)
            if row_type is TierHolders:
                held = (row.tier for row in world.all_here(Account) if row.program_id == key and row.status != "merged")
                loaded.put(TierHolders(str(key), PythonCounter(tier for tier in held if tier is not None)))
    for row_type, parents in needs.parts.items():
        for parent, part in parents.items():
            if part is Part.NONE and row_type is Lot:
                loaded.truncate(parent, BEFORE_ALL)
            elif row_type is Purchases and part is not Part.NONE:
                _read_purchases(world, loaded, parent)
            elif row_type is Counter and isinstance(parent, tuple):
                _read_rule_counters(world, loaded, *parent)
            elif part is not Part.NONE and (row_type is not SegmentMember or part is Part.ALL):
                # Accounts, payments and wallets are read by their ids: those under a customer only say which.
                for row in world.children(row_type, parent) if row_type not in (Account, Payment, Wallet) else ():
                    loaded.put(row)


def _code_holds(world: Layer, code_id: Any) -> Iterator[CodeHold]:
    """The uses of a code that open sessions hold."""
    for use in world.all_here(OfferRedemption):
        session = world.find(CheckoutSession, use.session_id) if use.session_id is not None else None
        if use.code_id == code_id and use.status == "reserved" and session is not None:
            yield CodeHold(use.id, session.expires_at)


def _read_buyers(world: Layer, loaded: Layer, asked: Iterable[Any]) -> None:
    """Whether customers have bought, by payments that were not loaded."""
    for customer_id, order_id in asked:
        ids = _who(world, customer_id)
        paid = (payment for id in ids for payment in world.children(Payment, id))
        others = (payment for payment in paid if not loaded.find(Payment, payment.id))
        has_bought = any(one.kept_minor > 0 and (order_id is None or one.order_id != order_id) for one in others)
        loaded.put(Buyer(customer_id, order_id, has_bought, ids))


def _read_rule_counters(world: Layer, loaded: Layer, account_id: str, rule_id: str) -> None:
    """All periods of a capped rule and a member are here, so that none has to be picked by the instant."""
    for row in world.all_here(Counter):
        if row.id.startswith(rule_counters(account_id)) and (
            rule_id == EVERY_RULE or row.id.startswith(rule_counter(rule_id, account_id, ""))
        ):
            loaded.put(row)


def _who(world: Layer, customer_id: Any) -> tuple[Any, ...]:
    """The customer, and those that were merged into it."""
    customer = world.find(Customer, customer_id)
    return (customer_id, *(customer.merged_from if customer is not None else ()))


def _read_clocks(loaded: Layer, world: Layer, needs: Needs) -> None:
    """The clocks of the programs that are named, of the accounts, the offers and the wallets."""
    programs: set[Any] = {*needs.rows.get(Program, ())}
    programs.update(account.program_id for account in loaded.written(Account))
    offers = (loaded.find(Offer, id) for id in needs.rows.get(Offer, ()))
    programs.update(offer.program_id for offer in offers if offer is not None)
    campaigns = (loaded.find(Campaign, id) for id in needs.rows.get(Campaign, ()))
    programs.update(campaign.program_id for campaign in campaigns if campaign is not None)
    named = [loaded.find(Program, id) for id in programs]
    clocks = {program.clock_id for program in named if program is not None}
    clocks.update(wallet.clock_id for wallet in loaded.written(Wallet))
    for clock_id in clocks:
        clock = world.find(TestClock, clock_id) if clock_id is not None else None
        if clock is not None:
            loaded.put(clock)


def _tally(world: Layer, loaded: Layer, counted_as: Any, id: Any) -> None:
    """What was taken of an offer or a reward that nobody has counted so far."""
    capped: Offer | Reward | None = world.get(Offer if counted_as == "offer" else Reward, id)
    if capped is None or capped.is_counted:
        return
    if isinstance(capped, Offer):
        uses = [use.status for use in world.all_here(OfferRedemption) if use.offer_id == id]
    else:
        uses = [redemption.status for redemption in world.all_here(Redemption) if redemption.reward_id == id]
    loaded.put(
        Tally(counted_as, id, sum(map(uses.count, ("confirmed", "refunded", "authorized"))), uses.count("reserved"))
    )


def _read_purchases(world: Layer, loaded: Layer, owner: Any) -> None:
    """All payments of the customer are here as rows, so that no others are left to be counted."""
    if isinstance(owner, tuple):
        customer_id, program_id = owner
        if any(account.program_id == program_id for account in world.children(Account, customer_id)):
            return
        buyers: tuple[Any, ...] = _who(world, customer_id)
    else:
        account = world.get(Account, owner)
        if account is None:
            return
        buyers = account.customer_ids
    for buyer in buyers:
        for payment in world.children(Payment, buyer):
            loaded.put(payment)
    loaded.put(Purchases(owner, NoneBesides()))
