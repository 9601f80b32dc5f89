"""Members of static segments: added and removed by hand."""

from __future__ import annotations

from vinr_server.core.kernel.answers import Accepted, Rejected, invalid
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.changes import live_segment
from vinr_server.core.segments.commands import AddSegmentMembers, RemoveSegmentMembers
from vinr_server.core.segments.moves import move
from vinr_server.core.segments.rows import Segment, SegmentMember


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
    moved = [id for id in account_ids if set_place(draft, context, segment, id, is_in=is_in)]
    counts = {
        "added" if is_in else "removed": len(moved),
        "already_members" if is_in else "not_members": len(account_ids) - len(moved) - len(unknown),
    }
    kind = "segment_addition" if is_in else "segment_removal"
    return Accepted({"object": kind, "segment": segment.id, **counts, "unknown": unknown}, is_new=False)


def set_place(draft: Layer, context: Context, segment: Segment, account_id: str, *, is_in: bool) -> bool:
    """The account is in the static segment, or is not, with an event if it moved; return whether it did."""
    account = draft.get(Account, account_id)
    place = draft.get(SegmentMember, (segment.id, account_id), of=(account_id,))
    is_there = place is not None and place.left_at is None
    if account is None or is_there == is_in:
        return False
    now = context.now(program_of(draft, account).clock_id)
    move(draft, context, segment, account, is_in=is_in, at=now, now=now)
    return True


COMMANDS: Commands = {
    AddSegmentMembers: (needs_add_segment_members, decide_add_segment_members),
    RemoveSegmentMembers: (needs_remove_segment_members, decide_remove_segment_members),
}
