"""Two customers become one, for good: what the one had in each program is what the other has now (R85).

Lots move with their dates and debts with their amounts; lifetime points, payments, uses of offers and rewards, and what
was opted into add up. The merged accounts stay, empty, with the history that was theirs: what comes back to them later
(a canceled redemption, a refund) reaches the account that acts for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.checkout.rows import CheckoutSession, Traces
from vinr_server.core.credit.merging import merge_wallets
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.earning.caps import add_given, name_all_given
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.caps import counter_of
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.pending import with_due
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.book.transfers import transfer
from vinr_server.core.ledger.needs import name_account, name_wallet
from vinr_server.core.members.changes import empty_account, with_email
from vinr_server.core.members.commands import MergeCustomers
from vinr_server.core.members.payloads import merge_payload
from vinr_server.core.members.rows import Account, Customer, MergedFrom
from vinr_server.core.offers.rows import Offer, OfferClaim, OfferGrant
from vinr_server.core.programs.members import accounts_of, enrolled, program_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.rows import Reward
from vinr_server.core.segments.rows import Segment, SegmentMember
from vinr_server.core.tiers.setting import merge_tiers

Json = Mapping[str, Any]


def needs_merge_customers(command: MergeCustomers, needs: Needs) -> None:
    """Both customers with their accounts, and open checkouts of the one. No program may come into being meanwhile."""
    needs.catalogue()
    needs.row(Traces, command.from_id)
    for customer_id in (command.from_id, command.into_id):
        needs.row(Customer, customer_id)
        needs.children(Account, customer_id, look=True)
        needs.children(Wallet, customer_id, look=True)


def follow_merge_customers(command: MergeCustomers, seen: Layer, needs: Needs) -> None:
    """All that hangs on the accounts: lots and debts, places in segments, counters and claims; and the wallets."""
    offers, rewards = _offers(seen), seen.every(Reward)
    for customer_id in (command.from_id, command.into_id):
        for offer in _limited(seen):
            needs.counter(counter_of("offer", offer.id, customer_id), beside=customer_id)
        for wallet in seen.children(Wallet, customer_id):
            name_wallet(needs, wallet.id, lots=Part.FIRST)
        for account in seen.children(Account, customer_id):
            name_account(needs, account.id, lots=Part.FIRST)
            needs.children(SegmentMember, account.id)
            name_all_given(needs, account.id)
            needs.children(OfferGrant, account.id)
            for counter_id, _owner_id in _counters_of(account, offers, rewards):
                needs.counter(counter_id, beside=account.id)
            for offer in offers:
                needs.row(OfferClaim, (offer.id, offer.member_id(account)), beside=account.id)


def _offers(layer: Layer) -> list[Offer]:
    """The offers that members have counters and claims of."""
    return [offer for offer in layer.every(Offer) if offer.kind == "engagement"]


def _limited(layer: Layer) -> list[Offer]:
    """The offers of carts that customers have counters of, with or without an account (R80)."""
    return [offer for offer in layer.every(Offer) if offer.kind == "checkout" and offer.per_member_limit is not None]


def _counters_of(account: Account, offers: Iterable[Offer], rewards: Iterable[Reward]) -> Iterator[tuple[str, str]]:
    """The counters of what the member has taken, each with the id of what it was taken of."""
    for offer in offers:
        if offer.program_id in (None, account.program_id):
            yield counter_of("offer", offer.id, offer.member_id(account)), offer.id
            if offer.is_granted:
                yield counter_of("grant", offer.id, offer.member_id(account)), offer.id
    for reward in rewards:
        if reward.program_id == account.program_id:
            yield counter_of("reward", reward.id, account.id), reward.id


def decide_merge_customers(draft: Layer, command: MergeCustomers, context: Context) -> Accepted | Rejected:
    """Whatever names the one customer is about the other from now on. The same merge again changes nothing.

    Refuses: a customer that is merged already, or that others were merged into; open checkouts; a closed account that
    would take the points of an active one.
    """
    from_id, into_id = command.from_id, command.into_id
    if from_id == into_id:
        return invalid(f"from and into are both {from_id}. Name two customers.", param="into")
    leaving, staying = draft.get(Customer, from_id), draft.get(Customer, into_id)
    mine = sorted(draft.children(Account, from_id), key=lambda account: (account.created_at, account.id))
    if leaving is not None and leaving.merged_into == into_id:
        merged = [account for account in mine if account.merged_into is not None]
        return Accepted(merge_payload(from_id, into_id, merged, livemode=context.livemode), is_new=False)
    traces = draft.get(Traces, from_id)
    has_traces = (traces is not None and traces.has_paid) or draft.children(Wallet, from_id)
    if leaving is None and not mine and not has_traces:
        return missing("customer", from_id, param="from")
    metadata = merge_metadata(leaving.metadata if leaving else {}, staying.metadata if staying else {})
    refusal = (
        _merged_refusal(leaving, staying, from_id, into_id)
        or _account_refusal(draft, mine, into_id)
        or _session_refusal(draft, from_id, traces)
    )
    if refusal is not None:
        return refusal
    if isinstance(metadata, Rejected):
        return metadata
    before = staying.merged_from if staying is not None else ()
    merged = [_merge_account(draft, context, account, into_id, before) for account in mine]
    merge_wallets(draft, context, from_id, into_id)
    for account in accounts_of(draft, into_id):
        theirs = enrolled(draft, from_id, account.program_id)
        joined = MergedFrom(from_id, theirs.id if theirs is not None else None)
        # Who was brought may be brought still, whether it had an account or not: the next payment looks.
        draft.put(replace(account, may_convert=True, merged_from=(*(account.merged_from or ()), joined)))
    for offer in _limited(draft):
        used_up, goes_on = (counter_of("offer", offer.id, id) for id in (from_id, into_id))
        _add_counter(draft, used_up, goes_on, context.bucket_of(into_id), of=(from_id, into_id, offer.id))
    _stand_in(draft, context, from_id, into_id)
    _merge_profiles(draft, context, leaving, staying, command, metadata)
    payload = merge_payload(from_id, into_id, merged, livemode=context.livemode)
    now = context.now(program_of(draft, merged[0]).clock_id) if merged else context.wall_now
    announce(draft, context, type="customer.merged", bucket=context.bucket_of(into_id), data=payload, now=now)
    return Accepted(payload, is_new=False)


# ---- what stands in the way


def _merged_refusal(leaving: Customer | None, staying: Customer | None, from_id: str, into_id: str) -> Rejected | None:
    if leaving is not None and leaving.merged_into is not None:
        message = f"Customer {from_id} was merged into {leaving.merged_into} before, and can't be merged again."
        details: Json = {"merged_into": leaving.merged_into, "change": f"merge {leaving.merged_into} instead"}
        return Rejected("customer_merged", message, param="from", details=details)
    if staying is not None and staying.merged_into is not None:
        message = f"Customer {into_id} was merged into {staying.merged_into}. Merge {from_id} into that one."
        details = {"merged_into": staying.merged_into, "change": f"merge into {staying.merged_into}"}
        return Rejected("customer_merged", message, param="into", details=details)
    if leaving is not None and leaving.merged_from:
        others = ", ".join(leaving.merged_from)
        message = f"{others} was merged into {from_id}, which therefore stays. Merge {into_id} into {from_id} instead."
        details = {"merged_from": list(leaving.merged_from), "change": f"merge {into_id} into {from_id}"}
        return Rejected("customer_merged", message, param="from", details=details)
    return None


def _session_refusal(draft: Layer, from_id: str, traces: Traces | None) -> Rejected | None:
    """A session holds what its customer was promised: it is paid for or given up first."""
    for session_id in traces.session_ids if traces is not None else ():
        session = draft.find(CheckoutSession, session_id)
        if session is None or session.status == "open":
            message = f"Customer {from_id} has the open checkout session {session_id}. Complete or expire it first."
            details = {"checkout_session": session_id}
            return Rejected("checkout_session_open", message, param="from", details=details)
    return None


def _account_refusal(draft: Layer, mine: Iterable[Account], into_id: str) -> Rejected | None:
    """A closed account would take an active one's points out of use; and metadata has room for so much."""
    for account in mine:
        into = enrolled(draft, into_id, account.program_id)
        if into is None:
            continue
        if into.status == "closed" and account.status == "active":
            message = f"Account {into.id} of {into_id} is closed; {account.id} is not. Reopen {into.id} first."
            return Rejected("account_closed", message, param="into", details={"account": into.id})
        metadata = merge_metadata(account.metadata, into.metadata)
        if isinstance(metadata, Rejected):
            return metadata
    return None


# ---- account by account


def _merge_account(draft: Layer, context: Context, account: Account, into_id: str, before: Iterable[str]) -> Account:
    """The customer's account in the same program has all that the account had; the merged account itself.

    `before`: those who were merged into the customer earlier.
    """
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    into = enrolled(draft, into_id, program.id) or _successor(draft, context, account, program, into_id, before)
    account = sweep(draft, context, account, now=now)
    into = sweep(draft, context, into, now=now)
    account, into = transfer(draft, context, account, into, reason="merge", now=now)
    _add_uses(draft, account, into)
    add_given(draft, account, into)
    _add_claims(draft, account, into)
    for grant in draft.children(OfferGrant, account.id):
        draft.put(replace(grant, account_id=into.id))
    _add_places(draft, account, into, now)
    into = replace(
        into,
        lifetime_points=into.lifetime_points + account.lifetime_points,
        metadata={**account.metadata, **into.metadata},
    )
    draft.put(into)
    merge_tiers(draft, context, account, into, program)
    account = replace(account, status="merged", merged_into=into.id, merged_customer_id=into_id)
    draft.put(account)
    return with_due(draft, account)


def _successor(
    draft: Layer, context: Context, account: Account, program: Program, into_id: str, before: Iterable[str]
) -> Account:
    """A new account that goes on from the merged one: enrolled when that was, without a welcome bonus."""
    fresh = empty_account(context, program, into_id, metadata={}, now=account.created_at, merged_from=before)
    standing = replace(account.standing, changes=0, total="0") if account.standing is not None else None
    into = replace(
        fresh, tier=account.tier, status=account.status, standing=standing, tier_revision=account.tier_revision
    )
    draft.put(into)
    return into


def _add_uses(draft: Layer, account: Account, into: Account) -> None:
    """Whatever the member used of offers and rewards counts as used by the one it is now."""
    offers, rewards = _offers(draft), draft.every(Reward)
    names = zip(_counters_of(account, offers, rewards), _counters_of(into, offers, rewards), strict=True)
    for (mine, owner_id), (theirs, _owner_id) in names:
        members = (account.id, account.customer_id, into.id, into.customer_id)
        _add_counter(draft, mine, theirs, into.bucket, of=(*members, owner_id))


def _add_counter(draft: Layer, mine: str, theirs: str, bucket: int, *, of: tuple[str, ...]) -> None:
    """What the one counter says is the other's. A counter at 0 goes along: a canceled refund may count there again."""
    leaving = draft.get(Counter, mine, of=of)
    if leaving is None:
        return
    staying = draft.get(Counter, theirs, of=of) or Counter(bucket, theirs, 0)
    draft.put(replace(staying, used=staying.used + leaving.used, reserved=staying.reserved + leaving.reserved))
    draft.put(replace(leaving, used=0, reserved=0))


def _add_claims(draft: Layer, account: Account, into: Account) -> None:
    """What the member opted into, the one it is now has opted into, since the same instant."""
    for offer in _offers(draft):
        mine, theirs = (offer.id, offer.member_id(account)), (offer.id, offer.member_id(into))
        claim = draft.get(OfferClaim, mine, of=(account.id, account.customer_id, offer.id))
        if claim is not None and draft.get(OfferClaim, theirs, of=(into.id, into.customer_id, offer.id)) is None:
            draft.put(replace(claim, bucket=into.bucket, member_id=theirs[1], account_id=into.id))


def _add_places(draft: Layer, account: Account, into: Account, now: datetime) -> None:
    """The member's places in static segments are those of the one it is now; it has left its old ones."""
    for place in draft.children(SegmentMember, account.id):
        if place.left_at is not None:
            continue
        draft.put(replace(place, left_at=max(now, place.entered_at)))
        segment = draft.get(Segment, place.segment_id)
        theirs = draft.get(SegmentMember, (place.segment_id, into.id), of=(into.id,))
        is_listed = theirs is not None and theirs.left_at is None
        if segment is not None and segment.type == "static" and not is_listed:
            draft.put(SegmentMember(into.bucket, place.segment_id, into.id, place.entered_at))


# ---- customer by customer


def _stand_in(draft: Layer, context: Context, from_id: str, into_id: str) -> None:
    """In every program where the customer never enrolled stands an account that nobody can use.

    So nobody enrolls it by accident or in a race, and whatever names the customer finds out who it is now.
    """
    for program in draft.every(Program):
        if enrolled(draft, from_id, program.id) is None:
            fresh = empty_account(context, program, from_id, metadata={}, now=context.wall_now)
            draft.put(replace(fresh, tier=None, status="merged", merged_customer_id=into_id))


def _merge_profiles(
    draft: Layer,
    context: Context,
    leaving: Customer | None,
    staying: Customer | None,
    command: MergeCustomers,
    metadata: Json,
) -> None:
    """Both customers name each other; name, e-mail and metadata that the one lacks are those of the other."""

    def noted(id: str) -> Customer:
        return Customer(context.bucket_of(id), id, None, None, {}, context.wall_now)

    leaving = leaving or noted(command.from_id)
    staying = staying or noted(command.into_id)
    draft.put(replace(leaving, merged_into=command.into_id))
    staying = replace(
        staying,
        name=staying.name or leaving.name,
        metadata=metadata,
        merged_from=(*staying.merged_from, command.from_id),
    )
    draft.put(with_email(staying, staying.email or leaving.email))


COMMANDS: Commands = {
    MergeCustomers: (needs_merge_customers, decide_merge_customers, follow_merge_customers),
}
