"""New conditions are looked through once: page after page of the members, each with the place that it reached.

Each member whom a page names was judged by them before the page is decided (core/due.py); the page only says how far
that has gone. One that was done before changes nothing, so any number of workers may go on with a scan, at any time.
"""

from __future__ import annotations

from vinr_server.core.conditions.membership import uses_of
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.segments.commands import JudgeSegments, ScanSegment
from vinr_server.core.segments.rows import Segment, SegmentScan


def needs_judge_segments(command: JudgeSegments, needs: Needs) -> None:
    """Needs the account. (What judges it comes with it.)"""
    name_account(needs, command.account_id)


def decide_judge_segments(draft: Layer, command: JudgeSegments, _context: Context) -> Accepted | Rejected:
    """The account was judged before this was decided. Repeating it changes nothing."""
    if draft.get(Account, command.account_id) is None:
        return missing("account", command.account_id, param="account")
    return Accepted({"account": command.account_id}, is_new=False)


def needs_scan_segment(command: ScanSegment, needs: Needs) -> None:
    """Needs how far the scan is, and the accounts; at its end, the catalogue."""
    needs.row(SegmentScan, command.segment_id)
    for account_id in command.account_ids:
        name_account(needs, account_id)
    if command.is_last:
        needs.catalogue()


def decide_scan_segment(draft: Layer, command: ScanSegment, context: Context) -> Accepted | Rejected:
    """The scan has reached these accounts, unless it stands elsewhere, or is for newer conditions."""
    scan = draft.get(SegmentScan, command.segment_id)
    is_next = scan is not None and scan.done_at is None and scan.cursor == command.after
    if scan is None or not is_next or scan.revision != command.revision:
        return Accepted({"segment": command.segment_id, "members": 0}, is_new=False)
    members = scan.members + len(command.account_ids)
    cursor = command.account_ids[-1] if command.account_ids else scan.cursor
    draft.put(replace(scan, cursor=cursor, members=members, done_at=context.wall_now if command.is_last else None))
    name = f"{command.segment_id}:{command.revision}"
    for account_id in command.account_ids:
        _forget(draft, account_id, name)
    segment = draft.get(Segment, command.segment_id)
    if command.is_last and segment is not None:
        draft.put(replace(segment, is_scanned=True))
        draft.put(uses_of(draft))
    return Accepted({"segment": command.segment_id, "members": len(command.account_ids)}, is_new=False)


def _forget(draft: Layer, account_id: str, scan: str) -> None:
    """The account need not know of the scan that has reached it; most are not even written for it."""
    account = draft.get(Account, account_id)
    if account is not None and account.judged_scans is not None:
        others = tuple(name for name in account.judged_scans if name != scan)
        draft.put(replace(account, judged_scans=others or None))


COMMANDS: Commands = {
    JudgeSegments: (needs_judge_segments, decide_judge_segments),
    ScanSegment: (needs_scan_segment, decide_scan_segment),
}
