"""Segments as configuration: created, updated, deleted. A change takes effect with the next command."""

from __future__ import annotations

from vinr_server.core.conditions.membership import asked_in, is_live, segments_named, trees_of, uses_of
from vinr_server.core.conditions.tree import Days
from vinr_server.core.earning.rows import EarningRule
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.offers.rows import Offer
from vinr_server.core.segments.commands import CreateSegment, DeleteSegment, UpdateSegment
from vinr_server.core.segments.conditions import SegmentConditions, tree_of
from vinr_server.core.segments.payloads import segment_payload
from vinr_server.core.segments.rows import Segment, SegmentScan


def needs_create_segment(command: CreateSegment, needs: Needs) -> None:
    """Needs the catalogue, the chosen id, and the windows of purchases that its conditions look at."""
    needs.catalogue()
    needs.plans.windows |= _windows(command.conditions)
    if command.id:
        needs.row(Claim, command.id)
        needs.row(SegmentScan, command.id)


def _windows(conditions: SegmentConditions) -> frozenset[Days]:
    return asked_in([tree_of(conditions)]).windows


def decide_create_segment(draft: Layer, command: CreateSegment, context: Context) -> Accepted | Rejected:
    """The segment exists, and offers can name it. A deleted segment's id can't be used again."""
    present = made_before(draft, context, Segment, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None and present.deleted_at is None:
        return Accepted(_shown(draft, context, present), is_new=False)
    if command.id is not None and draft.get(Claim, command.id) is not None:
        message = f"Segment {command.id!r} was deleted, and its id can't be used again. Use a new id."
        return Rejected("id_conflict", message, param="id", details={"id": command.id})
    segment = Segment(
        id=command.id or context.make_id("seg", 0),
        name=command.name,
        type=command.type,
        revision=1,
        conditions=command.conditions,
        metadata=command.metadata,
        created_at=context.wall_now,
    )
    claim_id(draft, context, segment.id, owner_bucket=0)
    return Accepted(_shown(draft, context, _put(draft, context, segment, is_revised=True)))


def _put(draft: Layer, context: Context, segment: Segment, *, is_revised: bool) -> Segment:
    """The segment is as given. If a dynamic one has new conditions, all members are looked through for them, once."""
    if is_revised and segment.type == "dynamic":
        segment = replace(segment, revised_at=context.wall_now, is_scanned=False)
        draft.put(SegmentScan(segment.id, segment.revision, "", 0, context.wall_now))
    draft.put(segment)
    draft.put(uses_of(draft))
    return segment


def _shown(draft: Layer, context: Context, segment: Segment) -> Wire:
    scan = draft.get(SegmentScan, segment.id) if segment.type == "dynamic" else None
    return segment_payload(segment, scan, livemode=context.livemode)


def needs_update_segment(command: UpdateSegment, needs: Needs) -> None:
    """Needs the catalogue, how far its members are looked through, and the windows that its conditions look at."""
    needs.catalogue()
    needs.row(SegmentScan, command.segment_id)
    needs.plans.windows |= _windows(command.changes.get("conditions", SegmentConditions()))


def decide_update_segment(draft: Layer, command: UpdateSegment, context: Context) -> Accepted | Rejected:
    """The segment has its new values from now on; new conditions make a new revision."""
    segment = live_segment(draft, command.segment_id)
    if isinstance(segment, Rejected):
        return segment
    if segment.type == "static" and "conditions" in command.changes:
        message = f"Segment {segment.id} is static, so it can't have conditions. Create a dynamic segment instead."
        return invalid(message, param="conditions")
    merged = merge_metadata(segment.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    revision = segment.revision + ("conditions" in command.changes)
    segment = replace(segment, metadata=merged, revision=revision, **command.changes)
    segment = _put(draft, context, segment, is_revised="conditions" in command.changes)
    return Accepted(_shown(draft, context, segment), is_new=False)


def needs_delete_segment(_command: DeleteSegment, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_delete_segment(draft: Layer, command: DeleteSegment, context: Context) -> Accepted | Rejected:
    """The segment no longer has members. Refuses while a live offer or rule names it: who is in it loses that."""
    segment = live_segment(draft, command.segment_id)
    if isinstance(segment, Rejected):
        return segment
    offers = [offer.id for offer in draft.every(Offer) if is_live(offer) and segment.id in segments_named(offer.terms)]
    rules = [
        rule.id
        for rule in draft.every(EarningRule)
        if rule.is_in_force and segment.id in asked_in(trees_of(rule)).segments
    ]
    if offers or rules:
        users = [("live offers", offers), ("earning rules", rules)]
        named = " and by ".join(f"{what}: {', '.join(ids[:10])}" for what, ids in users if ids)
        message = f"Segment {segment.id} is used by {named}. End these first."
        return Rejected("segment_in_use", message, param="id", details={"offers": offers, "rules": rules})
    _put(draft, context, replace(segment, deleted_at=context.wall_now), is_revised=False)
    return Accepted({"id": segment.id, "object": "segment", "deleted": True}, is_new=False)


def live_segment(draft: Layer, segment_id: str) -> Segment | Rejected:
    """Return the segment, or refuse an unknown or deleted one."""
    segment = draft.get(Segment, segment_id)
    if segment is None or segment.deleted_at is not None:
        return missing("segment", segment_id, param="id")
    return segment


COMMANDS: Commands = {
    CreateSegment: (needs_create_segment, decide_create_segment),
    UpdateSegment: (needs_update_segment, decide_update_segment),
    DeleteSegment: (needs_delete_segment, decide_delete_segment),
}
