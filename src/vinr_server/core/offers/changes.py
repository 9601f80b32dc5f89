"""Offers as configuration: created, edited in revisions, published, paused, deleted, and closed when their window ends.

Editing never changes what an offer has given (R16). An offer ends once, by whichever comes first: its window, its cap,
being switched off or being deleted; `offer.ended` announces it in the same transaction (R15).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vinr_server.core.budgets.rows import Budget
from vinr_server.core.conditions.membership import segments_named
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.caps import begin_counting, begin_uncounted, counter_of
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata, row_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.rows import Claim, Counter, Tally
from vinr_server.core.kernel.values import replace
from vinr_server.core.offers.budgets import left_for
from vinr_server.core.offers.commands import CloseOffer, CreateOffer, DeleteOffer, PauseOffer, PublishOffer, UpdateOffer
from vinr_server.core.offers.in_force import name_cap, name_gift
from vinr_server.core.offers.payloads import offer_payload
from vinr_server.core.offers.rows import Offer, OfferKind, OfferRevision, OfferTerms
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.credit import gives_credit
from vinr_server.core.rewards.rows import Reward
from vinr_server.core.rewards.variable import is_variable
from vinr_server.core.segments.rows import Segment

EndReason = Literal["window", "max_redemptions", "deactivated", "deleted"]


def offer_now(draft: Layer, context: Context, offer: Offer) -> datetime:
    """Return the offer's current time: its program's, or real time for an offer of every program."""
    program = draft.get(Program, offer.program_id) if offer.program_id is not None else None
    return context.now(program.clock_id if program is not None else None)


def shown_offer(draft: Layer, context: Context, offer: Offer) -> Wire:
    """Return the offer's payload at its current time. Expects the counter of its cap. May raise AlsoRows."""
    counter = draft.get(Counter, counter_of("offer", offer.id), of=(offer.id,))
    status = offer.status_at(offer_now(draft, context, offer), used=counter.used if counter else 0)
    left = left_for(draft, context, offer, ())
    return offer_payload(offer, status=status, counter=counter, left=left, livemode=context.livemode)


# ---- create


def needs_create_offer(command: CreateOffer, needs: Needs) -> None:
    """Needs the catalogue, the program's clock and the chosen id."""
    needs.catalogue()
    if command.program_id is not None:
        needs.row(Program, command.program_id)
    if command.id:
        needs.row(Claim, command.id)
        name_cap(needs, command.id)
    if command.terms.gift is not None:
        name_gift(needs, command.terms.gift.reward_id, None)


def decide_create_offer(draft: Layer, command: CreateOffer, context: Context) -> Accepted | Rejected:
    """The offer exists: as a draft that does nothing yet, or live from the start of its window."""
    program = draft.get(Program, command.program_id) if command.program_id is not None else None
    if command.program_id is not None and program is None:
        return missing("program", command.program_id, param="program")
    present = made_before(draft, context, Offer, command.id)
    if isinstance(present, Rejected):
        return present
    if command.id is not None and draft.get(Claim, command.id) is not None:
        if present is None or present.deleted_at is not None:
            message = f"The id {command.id!r} belongs to a deleted offer and can't be used again. Use a new id."
            return Rejected("id_conflict", message, param="id", details={"id": command.id})
        return Accepted(shown_offer(draft, context, present), is_new=False)
    refusal = _terms_refusal(draft, command.terms, program)
    if refusal is not None:
        return refusal
    now = context.now(program.clock_id if program is not None else None)
    offer = row_of(Offer, command, id=command.id or context.make_id("ofr", 0), revision=1, created_at=now)
    claim_id(draft, context, offer.id, owner_bucket=0)
    payload = _put(draft, context, None, offer, event_type="offer.created")
    return Accepted(payload)


def _terms_refusal(draft: Layer, terms: OfferTerms, program: Program | None) -> Rejected | None:
    """Refuse terms that nobody could ever use: unknown segments, unknown tiers, a gift of another program."""
    return first_listed(
        _segment_refusal(draft, terms),
        _tier_refusal(terms, program),
        _gift_refusal(draft, terms, program),
        _budget_refusal(terms),
    )


def _budget_refusal(terms: OfferTerms) -> Rejected | None:
    """Refuse a budget of what the offer doesn't give."""
    measure = terms.budget.measure if terms.budget is not None else "uses"
    gives_points = terms.multiplier is not None or terms.bonus is not None
    takes_off = terms.percentage is not None or terms.checkout is not None
    if measure == "uses" or (measure == "points" and gives_points) or (measure == "amount" and takes_off):
        return None
    message = f"budget.{measure}: a {terms.type} gives no {'points' if measure == 'points' else 'money'}."
    return invalid(f"{message} Set the budget in what it gives, or in uses.", param=f"budget.{measure}")


def _segment_refusal(draft: Layer, terms: OfferTerms) -> Rejected | None:
    for id in sorted(segments_named(terms)):
        segment = draft.get(Segment, id)
        if segment is None or segment.deleted_at is not None:
            param = "criteria.segments" if terms.checkout is not None else "targeting.segments"
            return missing("segment", id, param=param)
    return None


def _tier_refusal(terms: OfferTerms, program: Program | None) -> Rejected | None:
    if program is None:
        return None
    known = [tier.id for tier in program.tiers]
    for tier in terms.targeting.tiers:
        if tier not in known:
            tiers = f"Its tiers: {', '.join(known)}." if known else "It has no tiers."
            message = f"targeting.tiers: program {program.id} has no tier {tier!r}. {tiers}"
            return invalid(message, param="targeting.tiers")
    return None


def _gift_refusal(draft: Layer, terms: OfferTerms, program: Program | None) -> Rejected | None:
    if terms.gift is None:
        return None
    reward = draft.get(Reward, terms.gift.reward_id)
    if reward is None:
        return missing("reward", terms.gift.reward_id, param="incentive.reward")
    if program is not None and reward.program_id != program.id:
        message = (
            f"Reward {reward.id} belongs to program {reward.program_id}, but the offer to {program.id}."
            f" Choose a reward of {program.id}."
        )
        return Rejected("program_mismatch", message, param="incentive.reward")
    if reward.status == "archived":
        message = f"Reward {reward.id} is archived and can no longer be given. Choose another reward."
        return Rejected("reward_archived", message, param="incentive.reward")
    if gives_credit(reward.benefit):
        message = f"incentive.reward: reward {reward.id} gives store credit, which no offer gives. Give another."
        return invalid(message, param="incentive.reward")
    if is_variable(reward.benefit):
        message = f"incentive.reward: reward {reward.id} is worth what a member spends on it. Give another."
        return invalid(message, param="incentive.reward")
    return None


# ---- edit


def needs_update_offer(command: UpdateOffer, needs: Needs) -> None:
    """Needs the catalogue, the offer's clock and counter, its uses so far for its first cap, and a gift's counters."""
    needs.catalogue()
    name_cap(needs, command.offer_id)
    if command.term_changes.get("max_redemptions") is not None:
        needs.row(Tally, ("offer", command.offer_id))
    gift = command.term_changes.get("gift")
    if gift is not None:
        name_gift(needs, gift.reward_id, None)


def follow_update_offer(command: UpdateOffer, seen: Layer, needs: Needs) -> None:
    """The revision that is replaced: the batch's own payments may have redeemed it, and be refunded after."""
    offer = seen.get(Offer, command.offer_id)
    if offer is not None:
        needs.row(OfferRevision, (offer.id, offer.revision))


def decide_update_offer(draft: Layer, command: UpdateOffer, context: Context) -> Accepted | Rejected:
    """A new revision is in force; redemptions keep the revision they were made under."""
    before = _live(draft, command.offer_id, command.kind)
    if isinstance(before, Rejected):
        return before
    merged = merge_metadata(before.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    stacking = replace(before.terms.stacking, **command.stacking_changes)
    terms = replace(before.terms, stacking=stacking, **command.term_changes)
    after = replace(before, metadata=merged, terms=terms, revision=before.revision + 1, **command.changes)
    if after.starts_at is not None and after.ends_at is not None and after.ends_at <= after.starts_at:
        message = f"ends_at ({after.ends_at.isoformat()}) must be after starts_at ({after.starts_at.isoformat()})."
        return invalid(message, param="ends_at")
    program = draft.get(Program, after.program_id) if after.program_id is not None else None
    refusal = first_listed(_edit_refusal(before, terms), _terms_refusal(draft, terms, program))
    if refusal is not None:
        return refusal
    return Accepted(_put(draft, context, before, after, event_type="offer.updated"), is_new=False)


def _edit_refusal(before: Offer, terms: OfferTerms) -> Rejected | None:
    if before.kind == "checkout" and terms.max_redemptions is not None and not before.is_counted:
        message = (
            f"Offer {before.id} was created without max_redemptions, so its uses are not counted."
            " Create a new offer with a cap."
        )
        return Rejected("immutable_field", message, param="max_redemptions")
    if _is_recounted(before, terms.budget):
        message = (
            f"The budget of offer {before.id} counts already: only how much it is can change. Set a higher one in place"
            " of removing it, or create another offer."
        )
        return Rejected("immutable_field", message, param="budget")
    if terms.type != before.terms.type and before.status != "draft":
        message = f"Offer {before.id} was published as a {before.terms.type}. Create a new offer for a {terms.type}."
        return Rejected("immutable_field", message, param="incentive.type")
    return None


def _is_recounted(before: Offer, budget: Budget | None) -> bool:
    """Whether what a budget has counted would count nothing any longer, or something else."""
    counts = before.terms.budget
    if counts is None or before.status == "draft":
        return False
    return budget is None or budget.counts != counts.counts


# ---- publish, pause, delete, close


def needs_publish_offer(command: PublishOffer, needs: Needs) -> None:
    """Needs the catalogue, and the offer's clock and counter."""
    needs.catalogue()
    name_cap(needs, command.offer_id)


def decide_publish_offer(draft: Layer, command: PublishOffer, context: Context) -> Accepted | Rejected:
    """The offer is live within its window. Publishing it again changes nothing."""
    before = _live(draft, command.offer_id, "engagement")
    if isinstance(before, Rejected):
        return before
    if before.status == "published":
        return Accepted(shown_offer(draft, context, before), is_new=False)
    after = replace(before, status="published")
    return Accepted(_put(draft, context, before, after, event_type="offer.updated"), is_new=False)


def needs_pause_offer(command: PauseOffer, needs: Needs) -> None:
    """Needs the catalogue, and the offer's clock and counter."""
    needs.catalogue()
    name_cap(needs, command.offer_id)


def decide_pause_offer(draft: Layer, command: PauseOffer, context: Context) -> Accepted | Rejected:
    """Nobody can redeem the offer until it is published again; claims stay. Pausing it again changes nothing."""
    before = _live(draft, command.offer_id, "engagement")
    if isinstance(before, Rejected):
        return before
    if before.status == "draft":
        message = f"Offer {before.id} is a draft, so there is nothing to pause. Publish it first."
        return Rejected("offer_not_active", message, param="id", details={"status": "draft"})
    if before.status == "paused":
        return Accepted(shown_offer(draft, context, before), is_new=False)
    after = replace(before, status="paused")
    return Accepted(_put(draft, context, before, after, event_type="offer.updated"), is_new=False)


def needs_delete_offer(command: DeleteOffer, needs: Needs) -> None:
    """Needs the catalogue, and the offer's counter."""
    needs.catalogue()
    name_cap(needs, command.offer_id)


def decide_delete_offer(draft: Layer, command: DeleteOffer, context: Context) -> Accepted | Rejected:
    """The offer is no longer evaluated and can't be retrieved; its history stays."""
    before = _live(draft, command.offer_id, "checkout")
    if isinstance(before, Rejected):
        return before
    _put(draft, context, before, replace(before, deleted_at=context.wall_now), event_type=None)
    return Accepted({"id": before.id, "object": "offer", "deleted": True}, is_new=False)


def needs_close_offer(command: CloseOffer, needs: Needs) -> None:
    """Needs the catalogue, and the offer's clock and counter."""
    needs.catalogue()
    name_cap(needs, command.offer_id)


def decide_close_offer(draft: Layer, command: CloseOffer, context: Context) -> Accepted | Rejected:
    """The end of the window is recorded once, and announced unless something else had already ended the offer."""
    before = draft.get(Offer, command.offer_id)
    if before is None or before.deleted_at is not None:
        return missing("offer", command.offer_id, param="id")
    if before.closed_at is None:
        _put(draft, context, before, before, event_type=None)
    return Accepted({"offer": before.id}, is_new=False)


def _live(draft: Layer, offer_id: str, kind: OfferKind) -> Offer | Rejected:
    """Return the offer, or refuse if there is none of this kind."""
    offer = draft.get(Offer, offer_id)
    if offer is None or offer.deleted_at is not None or offer.kind != kind:
        return missing("offer", offer_id, param="id")
    return offer


def _put(draft: Layer, context: Context, before: Offer | None, after: Offer, *, event_type: str | None) -> Wire:
    """Write the offer, with its revision if that is new, and announce it by events; return its payload."""
    now = offer_now(draft, context, after)
    is_over = after.status != "draft" and after.ends_at is not None and now >= after.ends_at
    after = replace(after, closed_at=(after.closed_at or now) if is_over else None)
    is_as_before = before is not None and (before.status, before.revision) == (after.status, after.revision)
    if after.status == "published" and not is_as_before:
        after = replace(after, in_force_since=now)
    is_first_cap = after.terms.max_redemptions is not None and not after.is_counted
    after = replace(after, is_counted=after.is_counted or is_first_cap)
    draft.put(after)
    if before is None:
        begin_uncounted(draft, after)
    elif is_first_cap:
        begin_counting(draft, context, after)
    if before is None or before.revision != after.revision:
        draft.put(
            OfferRevision(
                after.id, after.revision, after.name, after.terms, after.starts_at, after.ends_at, context.wall_now
            )
        )
    payload = shown_offer(draft, context, after)
    if event_type is not None:
        announce(draft, context, type=event_type, data=payload, now=now)
    counter = draft.get(Counter, counter_of("offer", after.id), of=(after.id,))
    used = counter.used if counter else 0
    reason = end_reason(after, used=used)
    was_going_on = end_reason(before, used=used) is None if before is not None else reason != "deactivated"
    if reason is not None and was_going_on:
        announce_end(draft, context, payload, reason=reason, now=now)
    return payload


def end_reason(offer: Offer, *, used: int) -> EndReason | None:
    """Return what ended the offer, once that is recorded and announced; None while it may go on."""
    if offer.deleted_at is not None:
        return "deleted"
    if offer.terms.max_redemptions is not None and used >= offer.terms.max_redemptions and offer.status != "draft":
        return "max_redemptions"
    if offer.kind == "checkout" and offer.status == "paused":
        return "deactivated"
    return "window" if offer.closed_at is not None else None


def announce_end(draft: Layer, context: Context, payload: Wire, *, reason: EndReason, now: datetime) -> None:
    """Announce by an event that the offer is over, and what ended it."""
    announce(draft, context, type="offer.ended", data={**payload, "reason": reason}, now=now)


COMMANDS: Commands = {
    CreateOffer: (needs_create_offer, decide_create_offer),
    UpdateOffer: (needs_update_offer, decide_update_offer, follow_update_offer),
    PublishOffer: (needs_publish_offer, decide_publish_offer),
    PauseOffer: (needs_pause_offer, decide_pause_offer),
    DeleteOffer: (needs_delete_offer, decide_delete_offer),
    CloseOffer: (needs_close_offer, decide_close_offer),
}
