"""Members of segments: added to and removed from static ones; events announce moves in dynamic ones."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.conditions.membership import segments_of
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.changes import live_segment
from vinr_server.core.segments.commands import AddSegmentMembers, AnnounceSegments, RemoveSegmentMembers
from vinr_server.core.segments.rows import Purchases, Segment, SegmentMember


def needs_add_segment_members(command: AddSegmentMembers, needs: Needs) -> None:
    """Needs the accounts, with their places in segments."""
    for account_id in command.account_ids:
        needs.row(Account, account_id)
        needs.children(SegmentMember, account_id)


def decide_add_segment_members(draft: Layer, command: AddSegmentMembers, context: Context) -> Accepted | Rejected:
    """Every account that exists is in the segment; an event announces each account that entered."""
    return _change(draft, context, command.segment_id, command.account_ids, is_in=True)


def needs_remove_segment_members(command: RemoveSegmentMembers, needs: Needs) -> None:
    """Needs the accounts, with their places in segments."""
    for account_id in command.account_ids:
        needs.row(Account, account_id)
        needs.children(SegmentMember, account_id)


def decide_remove_segment_members(draft: Layer, command: RemoveSegmentMembers, context: Context) -> Accepted | Rejected:
    """None of the accounts is in the segment; an event announces each account that left."""
    return _change(draft, context, command.segment_id, command.account_ids, is_in=False)


def _change(
    draft: Layer, context: Context, segment_id: str, account_ids: tuple[str, ...], *, is_in: bool
) -> Accepted | Rejected:
    segment = live_segment(draft, segment_id)
    if isinstance(segment, Rejected):
        return segment
    if segment.type == "dynamic":
        message = f"Segment {segment.id} is dynamic: its conditions decide who is in it. Change its conditions instead."
        return invalid(message, param="id")
    unknown = [id for id in account_ids if draft.get(Account, id) is None]
    moved = [id for id in account_ids if _move(draft, context, segment, id, is_in=is_in)]
    counts = {
        "added" if is_in else "removed": len(moved),
        "already_members" if is_in else "not_members": len(account_ids) - len(moved) - len(unknown),
    }
    kind = "segment_addition" if is_in else "segment_removal"
    return Accepted({"object": kind, "segment": segment.id, **counts, "unknown": unknown}, is_new=False)


def _move(draft: Layer, context: Context, segment: Segment, account_id: str, *, is_in: bool) -> bool:
    """Move the account into or out of the segment, with an event; return whether it moved."""
    account = draft.get(Account, account_id)
    place = draft.get(SegmentMember, (segment.id, account_id), of=(account_id,))
    is_there = place is not None and place.left_at is None
    if account is None or is_there == is_in:
        return False
    _put_place(draft, context, segment, account, is_in=is_in)
    return True


def set_place(draft: Layer, context: Context, segment: Segment, account_id: str, *, is_in: bool) -> bool:
    """The account is in the static segment, or is not, with an event if it moved; return whether it did."""
    return _move(draft, context, segment, account_id, is_in=is_in)


def _put_place(draft: Layer, context: Context, segment: Segment, account: Account, *, is_in: bool) -> None:
    place = draft.get(SegmentMember, (segment.id, account.id), of=(account.id,))
    now = context.now(program_of(draft, account).clock_id)
    entered_at = now if is_in or place is None else place.entered_at
    left_at: datetime | None = None if is_in else now
    draft.put(SegmentMember(account.bucket, segment.id, account.id, entered_at, left_at))
    data = {
        "segment": segment.id,
        "revision": segment.revision,
        "account": account.id,
        "program": account.program_id,
        "customer": account.customer_id,
        "at": unix(now),
    }
    announce(draft, context, type="segment.entered" if is_in else "segment.left", account=account, data=data, now=now)


def needs_announce_segments(command: AnnounceSegments, needs: Needs) -> None:
    """Needs the account, with everything that its segments may ask."""
    name_account(needs, command.account_id)
    needs.children(SegmentMember, command.account_id)
    needs.children(Purchases, command.account_id)


def decide_announce_segments(draft: Layer, command: AnnounceSegments, context: Context) -> Accepted | Rejected:
    """Events have announced where the account stands in these segments. Repeating it changes nothing."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    segments = [segment for id in command.segment_ids if (segment := draft.get(Segment, id)) is not None]
    dynamic = [segment for segment in segments if segment.type == "dynamic" and segment.deleted_at is None]
    inside = segments_of(draft, context, account, [segment.id for segment in dynamic])
    moved = [
        segment.id for segment in dynamic if _move(draft, context, segment, account.id, is_in=segment.id in inside)
    ]
    return Accepted({"account": account.id, "moved": moved}, is_new=False)


COMMANDS: Commands = {
    AddSegmentMembers: (needs_add_segment_members, decide_add_segment_members),
    RemoveSegmentMembers: (needs_remove_segment_members, decide_remove_segment_members),
    AnnounceSegments: (needs_announce_segments, decide_announce_segments),
}
