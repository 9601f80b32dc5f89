"""Test clocks: a program created on a test clock lives by it, with all its members (R1)."""

from __future__ import annotations

from datetime import UTC, datetime

from vinr_server.core.clocks.commands import AdvanceTestClock, CreateTestClock, DeleteTestClock, FinishTestClock
from vinr_server.core.clocks.payloads import clock_payload
from vinr_server.core.clocks.rows import STOPS, ClockScans, ClockStops, ScanBegun, TestClock
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.rows import Program
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
    """Needs the clock, locked against every batch that lives on it, and what it has to wait for."""
    needs.row(TestClock, command.clock_id)
    needs.row(ClockScans, command.clock_id)
    needs.plans.instants.add(command.frozen_at)


def follow_advance_test_clock(command: AdvanceTestClock, seen: Layer, needs: Needs) -> None:
    """Where it may have to stop on its way."""
    clock = seen.get(TestClock, command.clock_id)
    if clock is not None:
        needs.plans.instants.update(_stops(seen, clock))


def decide_advance_test_clock(draft: Layer, command: AdvanceTestClock, context: Context) -> Accepted | Rejected:
    """The clock stands at its new instant, and is advancing until all work due by then is written."""
    clock = live_clock(draft, command.clock_id)
    if isinstance(clock, Rejected):
        return clock
    target = clock.target_at or clock.frozen_at
    if clock.status == "advancing" and command.frozen_at != target:
        message = f"Test clock {clock.id} is still advancing to {unix(target)}. Wait until its status is ready."
        return Rejected("clock_advancing", message, param="id")
    if clock.status == "advancing":
        return Accepted(clock_payload(clock), is_new=False)
    if command.frozen_at < clock.frozen_at:
        message = (
            f"Test clock {clock.id} is already at {clock.frozen_at.isoformat()}; time does not go back."
            " Send a later frozen_time."
        )
        return invalid(message, param="frozen_time")
    if command.frozen_at >= CLOCKS_END:
        return _too_late()
    clock = _towards(draft, clock, command.frozen_at)
    draft.put(clock)
    return Accepted(clock_payload(clock), is_new=False)


def _towards(draft: Layer, clock: TestClock, target: datetime) -> TestClock:
    """The clock on its way: where it is going, or where members enter campaigns many at once before that (R58).

    It stays where it is while some may still enter who were there by then.
    """
    at = max(min([target, *_stops(draft, clock)]), clock.frozen_at)
    return replace(
        clock,
        frozen_at=at,
        target_at=target if at < target else None,
        status="advancing",
        scans_begun=_scans_begun(draft, clock) or None,
    )


def _stops(draft: Layer, clock: TestClock) -> list[datetime]:
    """When schedules, and scans that are under way, let members of the clock's programs in."""
    scans = draft.find(ClockScans, clock.id)
    entering = [scans.next_at] if scans is not None and scans.next_at is not None else []
    stops = draft.find(ClockStops, STOPS)
    programs = ((draft.get(Program, id), at) for id, at in (stops.programs.items() if stops is not None else ()))
    return entering + [at for program, at in programs if program is not None and program.clock_id == clock.id]


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
    """Needs the clock, and what it has to wait for."""
    needs.row(TestClock, command.clock_id)
    needs.row(ClockScans, command.clock_id)


def follow_finish_test_clock(command: FinishTestClock, seen: Layer, needs: Needs) -> None:
    """Where it goes next."""
    clock = seen.get(TestClock, command.clock_id)
    if clock is not None and clock.target_at is not None:
        needs.plans.instants.update([clock.target_at, *_stops(seen, clock)])


def decide_finish_test_clock(draft: Layer, command: FinishTestClock, _context: Context) -> Accepted | Rejected:
    """The clock goes on to where it was going, or is ready, unless it was advanced again in the meantime."""
    clock = live_clock(draft, command.clock_id)
    if isinstance(clock, Rejected):
        return clock
    if clock.frozen_at == command.frozen_at:
        clock = (
            _towards(draft, clock, clock.target_at) if clock.target_at is not None else replace(clock, status="ready")
        )
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
    AdvanceTestClock: (needs_advance_test_clock, decide_advance_test_clock, follow_advance_test_clock),
    FinishTestClock: (needs_finish_test_clock, decide_finish_test_clock, follow_finish_test_clock),
    DeleteTestClock: (needs_delete_test_clock, decide_delete_test_clock),
}
