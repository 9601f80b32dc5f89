"""Which segments a member is in, exactly, as things stood before the command that asks.

Before it: a payment that comes ninety days after the last one is still made by a lapsed member, as its tier factor is
that of the tier held before it (R9). The one seam for whoever targets by segments: `name_history` of the
members, then ask `segments_of` or `outside_segments`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from datetime import datetime

from vinr_server.core.earning.rules import Unmet
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart, Needs, Part
from vinr_server.core.ledger.lots import overdue_points
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account, MergedFrom
from vinr_server.core.offers.rows import Offer, OfferTerms
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.conditions import Facts, SegmentConditions, Totals, unmet_conditions, window_start
from vinr_server.core.segments.rows import Purchases, Segment, SegmentMember, SegmentUses

USES = "uses"


def name_history(needs: Needs, seen: Layer, account_id: str) -> None:
    """What segments in use ask of an account is declared: nothing, where no live offer names a segment.

    What others ask is read where a decision turns out to need it.
    """
    _name_history(needs, seen, account_id, place_of=account_id)


def name_history_of_enrolments(needs: Needs, seen: Layer, customer_id: str) -> None:
    """The same of every account that the batch may enrol the customer with."""
    for program_id in needs.plans.enrolments:
        _name_history(needs, seen, (customer_id, program_id), place_of=None)


def _name_history(needs: Needs, seen: Layer, owner: Hashable, *, place_of: str | None) -> None:
    uses = seen.get(SegmentUses, USES)
    part = needs.children(Purchases, owner, Part.FIRST if uses is not None and uses.named else Part.NONE)
    if place_of is not None:
        places = needs.children(SegmentMember, place_of, Part.NONE if part is Part.NONE else Part.ALL)
        if places is Part.ALL and part is Part.NONE:
            needs.children(Purchases, owner, Part.ALL)


def segments_of(draft: Layer, context: Context, account: Account, wanted_ids: Collection[str]) -> frozenset[str]:
    """Those of the wanted segments that the account is in. One that does not exist, or no more, has no members.

    Expects: the account's history, as `name_history` declares it.
    """
    now = context.now(program_of(draft, account).clock_id)
    return frozenset(id for id in wanted_ids if not lacking(draft, id, account, now))


def outside_segments(draft: Layer, context: Context, account: Account, wanted_ids: Collection[str]) -> list[Unmet]:
    """Nothing if the account is in any of the wanted segments; else what it lacks for the nearest one.

    Ties: the fewest changes, then the first in the order given. Expects what `segments_of` does.
    """
    now = context.now(program_of(draft, account).clock_id)
    nearest: list[Unmet] = []
    for id in wanted_ids:
        lacks = lacking(draft, id, account, now)
        if not lacks:
            return []
        if not nearest or _distance(lacks) < _distance(nearest):
            nearest = lacks
    return nearest


def _distance(lacks: list[Unmet]) -> tuple[bool, int]:
    return (any(one.change is None for one in lacks), len(lacks))


def lacking(draft: Layer, segment_id: str, account: Account, now: datetime) -> list[Unmet]:
    """What the account lacked for a segment before the command at hand; nothing if it was in it.

    A closed account is in no segment.
    """
    segment = draft.get(Segment, segment_id)
    if segment is None or segment.deleted_at is not None:
        return [Unmet("segments", f"There is no segment {segment_id}.", None)]
    before = draft.below
    account = draft.before(Account, account.id) or account
    if account.status != "active":
        return [Unmet("account", f"Account {account.id} is {account.status}.", None)]
    if segment.type == "static":
        if is_listed(before, account, segment_id):
            return []
        message = f"Account {account.id} is not in segment {segment_id}."
        return [Unmet("segments", message, f"add account {account.id} to segment {segment_id}")]
    facts = facts_of(before, account, now, segment.conditions)
    return [
        Unmet(f"segments.{segment_id}.{one.condition}", one.message, one.change)
        for one in unmet_conditions(segment.conditions, facts, now)
    ]


def is_listed(layer: Layer, account: Account, segment_id: str) -> bool:
    """Whether the account was put into a static segment and not taken out again."""
    place = layer.get(SegmentMember, (segment_id, account.id), of=(account.id,))
    return place is not None and place.left_at is None


def facts_of(layer: Layer, account: Account, now: datetime, conditions: SegmentConditions) -> Facts:
    """What the conditions are judged by: the account as it stands, with the purchases read and those in the layer."""
    starts = {days: window_start(days, now) for days in conditions.windows}
    read = _read_of(layer, account) or Purchases(account.id, dict.fromkeys(starts.values(), Totals()))
    is_unread = any(start not in read.totals for start in starts.values())
    if is_unread or (conditions.asks_of_purchases and not read.has_last):
        raise InPart(Purchases, read.owner)
    totals, last_at = {start: read.totals[start] for start in starts.values()}, read.last_at
    for payment in purchases_here(layer, account.buyers):
        last_at = max(last_at or payment.occurred_at, payment.occurred_at)
        totals = with_payment(totals, payment, count=1)
    balance_points = spendable_points(layer, account, now) if conditions.asks_of_balance else 0
    windows = {days: totals[start] for days, start in starts.items()}
    return Facts(account.tier, balance_points, account.metadata, account.created_at, last_at, windows)


def _read_of(layer: Layer, account: Account) -> Purchases | None:
    """What the batch read of the account's history; None where everything is in the layer.

    Of an account that the batch itself enrolled nothing is stored but the payments of its customer.
    """
    read = layer.get(Purchases, account.id, of=(account.id,))
    if read is not None or not layer.is_covered:
        return read
    enrolment = (account.customer_id, account.program_id)
    return layer.get(Purchases, enrolment, of=(enrolment,))


def purchases_here(layer: Layer, buyers: Iterable[MergedFrom]) -> Iterator[Payment]:
    """The purchases of an account among the payments in a layer."""
    for buyer in buyers:
        for payment in layer.here(Payment, buyer.customer_id):
            if is_purchase(payment, buyer.account_id):
                yield payment


def is_purchase(payment: Payment, account_id: str | None) -> bool:
    """Whether a payment of the member's customer counts as the account's purchase.

    One that is linked to another account of theirs does not, nor one that was refunded whole. Storage asks the same of
    its rows with `is_purchase_sql`.
    """
    is_refunded = payment.is_refunded_whole
    return not is_refunded and payment.account_id in (None, account_id)


def with_payment(totals: Mapping[datetime, Totals], payment: Payment, *, count: int) -> dict[datetime, Totals]:
    """The totals with a payment in every window (by its start) that it lies in; with count -1, without it."""
    kept_minor = (payment.amount_minor - payment.refunded_minor) * count
    return {
        start: one.plus(payment.currency, count=count, minor=kept_minor) if payment.occurred_at > start else one
        for start, one in totals.items()
    }


def spendable_points(layer: Layer, account: Account, now: datetime) -> int:
    """What the account can spend (R2): its ledger balance less what has expired and is not swept yet."""
    if account.next_expiry_at is None or account.next_expiry_at > now:
        return account.ledger_balance_points
    last = layer.last_here(account.id)
    if last is not None and last[0] <= now:
        raise InPart(Lot, account.id)
    return account.ledger_balance_points - overdue_points(layer.children(Lot, account.id, in_part=True), now)


def segments_named(terms: OfferTerms) -> frozenset[str]:
    """The segments that an offer of these terms asks about."""
    criteria = terms.checkout.criteria.segments if terms.checkout is not None else ()
    return frozenset((*terms.targeting.segments, *criteria))


def is_live(offer: Offer) -> bool:
    """Whether the offer is, or may yet be, there to be redeemed: published or paused, and neither over nor deleted."""
    return offer.status != "draft" and offer.closed_at is None and offer.deleted_at is None


def uses_of(catalogue: Layer) -> SegmentUses:
    """What the segments of a catalogue ask for, found once for each of its revisions."""
    segments = list(catalogue.written(Segment))
    live = [offer for offer in catalogue.written(Offer) if is_live(offer)]
    named = frozenset(id for offer in live for id in segments_named(offer.terms))
    in_use = [segment.conditions for segment in segments if segment.id in named]
    return SegmentUses(
        USES,
        named=named,
        windows=frozenset().union(*(conditions.windows for conditions in in_use)),
        all_windows=frozenset().union(*(segment.conditions.windows for segment in segments)),
        asks_last=any(conditions.asks_of_purchases for conditions in in_use),
    )
