"""What a member is to conditions, and which segments it is in, as of just before the current command.

Before, because a payment that comes ninety days after the last is still made by a lapsed member, just as its tier
factor is that of the tier held before it (R9). Everything that asks about members goes through here: declare them with
`name_history`, then ask `values_of`, `segments_of` or `outside_segments`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import reduce
from operator import or_

from vinr_server.core.campaigns.rows import CampaignRevision
from vinr_server.core.conditions.course import steps_of
from vinr_server.core.conditions.fields import is_of_member
from vinr_server.core.conditions.judging import Unmet, distance, unmet_in
from vinr_server.core.conditions.member import Facts, MemberValues, Totals, window_start
from vinr_server.core.conditions.tree import Asked, Condition, Days, Predicate, asked_by, predicates_of
from vinr_server.core.earning.rows import EarningRule, RuleRevision
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, InPart, Needs, Part
from vinr_server.core.ledger.book.lots import is_inactive, overdue_points
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account, MergedFrom
from vinr_server.core.offers.rows import Offer, OfferTerms
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.rows import USES, Purchases, PurchasesSince, Segment, SegmentMember, SegmentUses, Watched

# Of the sum that members spent, so many purchases are nearly always enough to say that it was reached.
SPENDING_MAX = 100
# And never more are read at first, however many a segment counts.
PURCHASES_MAX = 1_000


def name_history(needs: Needs, seen: Layer, account_ids: Iterable[str], customer_id: str | None = None) -> None:
    """Declare what live rules and offers ask of these accounts' history: nothing if none asks, or names a segment.

    Of a customer: also of every account that the batch may create for it. What other segments ask is read if a decision
    turns out to need it.
    """
    uses = seen.get(SegmentUses, USES)
    first = Part.FIRST if uses is not None and uses.asks else Part.NONE
    for account_id in account_ids:
        part = needs.children(Purchases, account_id, first)
        places = needs.children(SegmentMember, account_id, Part.NONE if part is Part.NONE else Part.ALL)
        if places is Part.ALL and part is Part.NONE:
            needs.children(Purchases, account_id, Part.ALL)
    for program_id in needs.plans.enrollments if customer_id is not None else ():
        needs.children(Purchases, (customer_id, program_id), first)


def values_of(draft: Layer, context: Context, account: Account, asked: Asked) -> MemberValues:
    """The member's values before the current command, as far as they are asked for.

    Expects: the account's history, as `name_history` declares it.
    """
    now = context.now(program_of(draft, account).clock_id)
    member = draft.before(Account, account.id) or account
    facts = facts_of(draft.below, member, now, asked)
    return MemberValues(facts, now, lambda segment_ids: outside_segments(draft, context, member, segment_ids))


def segments_of(draft: Layer, context: Context, account: Account, wanted_ids: Collection[str]) -> frozenset[str]:
    """Return those of the wanted segments that the account is in. A missing or deleted segment has no members.

    Expects: the account's history, as `name_history` declares it.
    """
    now = context.now(program_of(draft, account).clock_id)
    return frozenset(id for id in wanted_ids if not lacking(draft, id, account, now))


def outside_segments(draft: Layer, context: Context, account: Account, wanted_ids: Collection[str]) -> list[Unmet]:
    """Nothing if the account is in any of the wanted segments; otherwise what it lacks for the nearest.

    Ties: the fewest changes, then the first in the given order. Expects the same as `segments_of`.
    """
    now = context.now(program_of(draft, account).clock_id)
    nearest: list[Unmet] = []
    for id in wanted_ids:
        lacks = lacking(draft, id, account, now)
        if not lacks:
            return []
        if not nearest or distance(lacks) < distance(nearest):
            nearest = lacks
    return nearest


def lacking(draft: Layer, segment_id: str, account: Account, now: datetime) -> list[Unmet]:
    """List what the account lacked for a segment before the current command; nothing if it was a member.

    A closed account is in no segment.
    """
    segment = draft.get(Segment, segment_id)
    if segment is None or segment.deleted_at is not None:
        return [Unmet("segments", f"Segment {segment_id} does not exist.", None)]
    before = draft.below
    account = draft.before(Account, account.id) or account
    if account.status != "active":
        return [Unmet("account", f"Account {account.id} is {account.status}.", None)]
    if segment.type == "static":
        if is_listed(before, account, segment_id):
            return []
        message = f"Account {account.id} is not in segment {segment_id}."
        return [Unmet("segments", message, f"add account {account.id} to segment {segment_id}")]
    tree = segment.tree
    values = MemberValues(facts_of(before, account, now, asked_in([tree])), now)
    return [
        Unmet(f"segments.{segment_id}.{unmet.condition}", unmet.message, unmet.change)
        for unmet in unmet_in(tree, values)
    ]


def is_listed(layer: Layer, account: Account, segment_id: str) -> bool:
    """Whether the account was added to a static segment and not removed since."""
    place = layer.get(SegmentMember, (segment_id, account.id), of=(account.id,))
    return place is not None and place.left_at is None


def facts_of(layer: Layer, account: Account, now: datetime, asked: Asked) -> Facts:
    """Gather the facts that are asked for: the current account, with the purchases read and those in the layer."""
    balance_points = spendable_points(layer, account, now) if asked.balance else 0
    totals, last_at = _purchases_of(layer, account, now, asked) if asked.asks_of_purchases else ({}, None)
    return Facts(account.tier, balance_points, account.metadata, account.created_at, last_at, totals)


def _purchases_of(
    layer: Layer, account: Account, now: datetime, asked: Asked
) -> tuple[Mapping[Days, Totals], datetime | None]:
    """The totals of each window that is asked for, and the instant of the last purchase.

    Raises AlsoRows for windows of which nobody knew before where they begin: those of what was due at an instant.
    """
    starts = {days: window_start(days, now) for days in asked.windows}
    read = _read_of(layer, account) or Purchases(account.id, dict.fromkeys(starts.values(), Totals()))
    unread = [start for start in starts.values() if start not in read.totals]
    is_part = (bool(unread) and not layer.reads_all(Purchases, read.owner)) or not read.has_last
    if is_part and (unread or asked.last_purchase):
        raise InPart(Purchases, read.owner)  # then all windows that end now are read, whenever the batch's now is
    if unread:
        raise AlsoRows(PurchasesSince, [(read.owner, start) for start in unread])
    totals, last_at = {start: read.totals[start] for start in starts.values()}, read.last_at
    for payment in purchases_here(layer, account.buyers):
        last_at = max(last_at or payment.occurred_at, payment.occurred_at)
        totals = with_payment(totals, payment, count=1)
    return {days: totals[start] for days, start in starts.items()}, last_at


def _read_of(layer: Layer, account: Account) -> Purchases | None:
    """Return what the batch read of the account's history; None if everything is in the layer.

    An account that the batch itself enrolled has nothing stored but its customer's payments.
    """
    read = layer.get(Purchases, account.id, of=(account.id,))
    if read is not None or not layer.is_covered:
        return read
    enrollment = (account.customer_id, account.program_id)
    return layer.get(Purchases, enrollment, of=(enrollment,))


def purchases_here(layer: Layer, buyers: Iterable[MergedFrom]) -> Iterator[Payment]:
    """The purchases of an account among the payments in a layer."""
    for buyer in buyers:
        for payment in layer.here(Payment, buyer.customer_id):
            if is_purchase(payment, buyer.account_id):
                yield payment


def is_purchase(payment: Payment, account_id: str | None) -> bool:
    """Whether a payment of the member's customer counts as the account's purchase.

    A payment linked to another of the customer's accounts does not, nor does one of which nothing is kept: a payment of
    0, or a fully refunded one (R82). Storage checks its rows the same way (`is_purchase_sql`).
    """
    return payment.kept_minor > 0 and payment.account_id in (None, account_id)


def with_payment(totals: Mapping[datetime, Totals], payment: Payment, *, count: int) -> dict[datetime, Totals]:
    """Add a payment to every window (by its start) that it falls in; count -1 takes it out again."""
    kept_minor = (payment.amount_minor - payment.refunded_minor) * count
    return {
        start: window.plus(payment.currency, count=count, minor=kept_minor) if payment.occurred_at > start else window
        for start, window in totals.items()
    }


def spendable_points(layer: Layer, account: Account, now: datetime) -> int:
    """Return what the account can spend (R2): its balance without what is held, or expired and not swept yet."""
    ends_now = is_inactive(account, now)
    if not ends_now and (account.next_expiry_at is None or account.next_expiry_at > now):
        return account.free_points
    last = layer.last_here(account.id)
    if last is not None and (ends_now or last[0] <= now):
        raise InPart(Lot, account.id)
    return account.free_points - overdue_points(layer.children(Lot, account.id, in_part=True), account, now)


def trees_of(asking: Offer | EarningRule | RuleRevision) -> list[Condition]:
    """The conditions that an offer or a rule asks beside its short forms."""
    if isinstance(asking, EarningRule | RuleRevision):
        wheres = [asking.conditions.where, *(multiplier.where for multiplier in asking.multipliers)]
        return [where for where in wheres if where is not None]
    return _trees_of_terms(asking.terms)


def _trees_of_terms(terms: OfferTerms) -> list[Condition]:
    criteria = [terms.checkout.criteria.where] if terms.checkout is not None else []
    return [where for where in (terms.targeting.where, terms.conditions.where, *criteria) if where is not None]


def of_member(asking: Iterable[Offer | EarningRule | RuleRevision]) -> list[Predicate]:
    """What offers or rules ask of a member beside their short forms."""
    predicates = (asked for each in asking for tree in trees_of(each) for asked in predicates_of(tree))
    return [asked for asked in predicates if is_of_member(asked.field)]


def asked_in(trees: Iterable[Condition]) -> Asked:
    """What these conditions ask of a member."""
    return asked_by(asked for tree in trees for asked in predicates_of(tree))


def segments_named(terms: OfferTerms) -> frozenset[str]:
    """The segments that an offer with these terms names."""
    criteria = terms.checkout.criteria.segments if terms.checkout is not None else ()
    return frozenset((*terms.targeting.segments, *criteria)) | asked_in(_trees_of_terms(terms)).segments


def is_live(offer: Offer) -> bool:
    """Whether the offer can or may still be redeemed: published or paused, and neither over nor deleted."""
    return offer.status != "draft" and offer.closed_at is None and offer.deleted_at is None


def uses_of(catalogue: Layer) -> SegmentUses:
    """What a catalogue's segments, rules and offers ask for, gathered once for each of its revisions."""
    segments = [segment for segment in catalogue.every(Segment) if segment.deleted_at is None]
    live = [offer for offer in catalogue.every(Offer) if is_live(offer)]
    rules = [rule for rule in catalogue.every(EarningRule) if rule.is_in_force]
    asking: list[Offer | EarningRule] = [*live, *rules]
    asked = asked_in(tree for each in asking for tree in trees_of(each))
    asked = reduce(or_, (revision.definition.asked for revision in catalogue.every(CampaignRevision)), asked)
    named = asked.segments.union(*(segments_named(offer.terms) for offer in live))
    in_use = reduce(or_, (segment.asked for segment in segments if segment.id in named), asked)
    everything = reduce(or_, (segment.asked for segment in segments), asked)
    watched = tuple(_watched(segment) for segment in segments if segment.type == "dynamic")
    watches = reduce(or_, (asked_by(each.asked) for each in watched), Asked())
    return SegmentUses(
        USES,
        named=named,
        windows=in_use.windows,
        all_windows=everything.windows,
        asks_last=in_use.last_purchase,
        asks=bool(named or in_use.asks_of_purchases),
        watched=watched,
        watches=watches,
        scanning=tuple(each for each in watched if not each.is_scanned),
        purchases_max=max((_purchases_max(asked) for each in watched for asked in each.asked), default=0),
    )


def _watched(segment: Segment) -> Watched:
    tree = segment.tree
    asked = tuple(predicates_of(tree))
    return Watched(segment.id, segment.revision, tree, asked, segment.revised_at, segment.is_scanned)


def _purchases_max(asked: Predicate) -> int:
    """How many of the newest purchases nearly always answer a question."""
    if asked.field == "purchases.spend":
        return SPENDING_MAX
    if asked.field == "purchases.count":
        return min(max(steps_of(asked), default=0), PURCHASES_MAX)
    return 1 if asked_by([asked]).last_purchase else 0
