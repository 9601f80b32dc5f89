"""Test clocks: a program created on a test clock lives by it, with all its members (R1)."""

from __future__ import annotations

from datetime import UTC, datetime

from vinr_server.core.clocks.commands import AdvanceTestClock, CreateTestClock, DeleteTestClock, FinishTestClock
from vinr_server.core.clocks.payloads import clock_payload
from vinr_server.core.clocks.rows import ScanBegun, TestClock
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.segments.rows import USES, SegmentUses

# Time ends with the year 9999. Points awarded before this date have room for the longest expiry: 100 years, plus the
# rest of the year it is rounded to.
CLOCKS_END = datetime(9898, 1, 1, tzinfo=UTC)


def needs_create_test_clock(command: CreateTestClock, needs: Needs) -> None:
    """The clock of that name, where it has one."""
    if command.id is not None:
        needs.row(TestClock, command.id)
    needs.plans.instants.add(command.frozen_at)


def decide_create_test_clock(draft: Layer, command: CreateTestClock, context: Context) -> Accepted | Rejected:
    """The clock stands still at the given instant."""
    if context.livemode:
        return invalid("Test clocks exist only in test mode. Use a key that starts with sk_test_.", param="frozen_time")
    if command.frozen_at >= CLOCKS_END:
        return _too_late()
    present = draft.get(TestClock, command.id) if command.id is not None else None
    if present is not None:
        return Accepted(clock_payload(present), is_new=False)
    clock = TestClock(
        id=command.id or context.make_id("clock", 0),
        name=command.name,
        frozen_at=command.frozen_at,
        status="ready",
        created_at=context.wall_now,
    )
    draft.put(clock)
    return Accepted(clock_payload(clock))


def needs_advance_test_clock(command: AdvanceTestClock, needs: Needs) -> None:
    """Needs the clock, locked against every batch that lives on it."""
    needs.row(TestClock, command.clock_id)
    needs.plans.instants.add(command.frozen_at)


def decide_advance_test_clock(draft: Layer, command: AdvanceTestClock, context: Context) -> Accepted | Rejected:
    """The clock stands at its new instant, and is advancing until all work due by then is written."""
    clock = live_clock(draft, command.clock_id)
    if isinstance(clock, Rejected):
        return clock
    if clock.status == "advancing" and command.frozen_at != clock.frozen_at:
        message = (
            f"Test clock {clock.id} is still advancing to {unix(clock.frozen_at)}. Wait until its status is ready."
        )
        return Rejected("clock_advancing", message, param="id")
    if command.frozen_at < clock.frozen_at:
        message = (
            f"Test clock {clock.id} is already at {clock.frozen_at.isoformat()}; time does not go back."
            " Send a later frozen_time."
        )
        return invalid(message, param="frozen_time")
    if command.frozen_at >= CLOCKS_END:
        return _too_late()
    clock = replace(
        clock, frozen_at=command.frozen_at, status="advancing", scans_begun=_scans_begun(draft, clock) or None
    )
    draft.put(clock)
    return Accepted(clock_payload(clock), is_new=False)


def _scans_begun(draft: Layer, clock: TestClock) -> tuple[ScanBegun, ...]:
    """Since when scans are under way that members on the clock may have to be judged by: it stands there no longer."""
    uses = draft.find(SegmentUses, USES)
    known = {begun.scan: begun for begun in clock.scans_begun or ()}
    scanning = uses.scanning if uses is not None else []
    return tuple(known.get(watched.scan) or ScanBegun(watched.scan, clock.frozen_at) for watched in scanning)


def _too_late() -> Rejected:
    message = f"frozen_time must be before {CLOCKS_END:%Y-%m-%d}, so that points awarded then have time to expire."
    return invalid(message, param="frozen_time")


def needs_finish_test_clock(command: FinishTestClock, needs: Needs) -> None:
    """Needs the clock."""
    needs.row(TestClock, command.clock_id)


def decide_finish_test_clock(draft: Layer, command: FinishTestClock, _context: Context) -> Accepted | Rejected:
    """The clock is ready, unless it was advanced again in the meantime."""
    clock = live_clock(draft, command.clock_id)
    if isinstance(clock, Rejected):
        return clock
    if clock.frozen_at == command.frozen_at:
        clock = replace(clock, status="ready")
        draft.put(clock)
    return Accepted(clock_payload(clock), is_new=False)


def needs_delete_test_clock(command: DeleteTestClock, needs: Needs) -> None:
    """Needs the clock."""
    needs.row(TestClock, command.clock_id)


def decide_delete_test_clock(draft: Layer, command: DeleteTestClock, context: Context) -> Accepted | Rejected:
    """The clock can no longer be advanced; programs on it stand still at its last instant."""
    clock = live_clock(draft, command.clock_id)
    if isinstance(clock, Rejected):
        return clock
    draft.put(replace(clock, deleted_at=context.wall_now))
    return Accepted({"id": clock.id, "object": "test_clock", "deleted": True}, is_new=False)


def live_clock(draft: Layer, clock_id: str) -> TestClock | Rejected:
    """Return the clock, or refuse an unknown or deleted one."""
    clock = draft.get(TestClock, clock_id)
    return missing("test clock", clock_id, param="id") if clock is None or clock.deleted_at is not None else clock


COMMANDS: Commands = {
    CreateTestClock: (needs_create_test_clock, decide_create_test_clock),
    AdvanceTestClock: (needs_advance_test_clock, decide_advance_test_clock),
    FinishTestClock: (needs_finish_test_clock, decide_finish_test_clock),
    DeleteTestClock: (needs_delete_test_clock, decide_delete_test_clock),
}
