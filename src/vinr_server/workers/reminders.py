"""Members whose program has changed its reminders since they earned: each is found once, and follows the new plan.

No command depends on it: whatever touches a member's points catches up first. This is for those that nothing touches.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger.commands import ExpireLots
from vinr_server.storage.due.work import RemindingProgram, next_members, reminding_programs

_START = (FIRST_INSTANT, "")


class ReminderRounds:
    """Goes through the members of each program with another plan than before, some at a time."""

    def __init__(self) -> None:
        # How far each program's members are looked through for its newest plan; None: to the end.
        self._reached: dict[RemindingProgram, tuple[datetime, str] | None] = {}

    def again(self) -> None:
        """All programs are looked through again: a batch that was under way may have missed a change."""
        self._reached.clear()

    async def next(self, pool: Any, *, limit: int) -> tuple[bool, list[tuple[int, bool, Command]]]:
        """Whether there were members left to look at, and the commands for those that are behind."""
        programs = await reminding_programs(pool)
        self._reached = {program: self._reached.get(program, _START) for program in programs}
        for program, after in self._reached.items():
            if after is None:
                continue
            members = await next_members(pool, program, after, limit=limit)
            is_last = len(members) < limit
            self._reached[program] = None if is_last else (members[-1].created_at, members[-1].id)
            behind = [member for member in members if member.is_behind]
            return not is_last or bool(behind), [
                (program.realm, program.livemode, ExpireLots(member.id)) for member in behind
            ]
        return False, []
