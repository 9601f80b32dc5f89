"""Write what has fallen due: expiries, reminders, moves between segments, offers whose window is over, test clocks that
have caught up.

Any number of these may run side by side.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from vinr_server.core.campaigns.commands import FollowCampaign, TakeSteps
from vinr_server.core.checkout.commands import ExpireCheckoutSession
from vinr_server.core.clocks.commands import FinishTestClock
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger.commands import ExpireLots
from vinr_server.core.offers.commands import CloseOffer
from vinr_server.core.referrals.commands import ExpireReferral
from vinr_server.core.segments.commands import JudgeSegments
from vinr_server.engine.clock import Clock, wall_clock
from vinr_server.engine.figures import DueFigures
from vinr_server.engine.writer import Writer
from vinr_server.storage.campaigns.due import due_steps, left_behind
from vinr_server.storage.due.checkouts import due_sessions
from vinr_server.storage.due.offers import due_offers
from vinr_server.storage.due.referrals import due_referrals
from vinr_server.storage.due.segments import moving_members
from vinr_server.storage.due.work import due_accounts, forget, settled_clocks
from vinr_server.workers.commands import submit_all
from vinr_server.workers.entries import begin_entries, let_in
from vinr_server.workers.reminders import ReminderRounds
from vinr_server.workers.rounds import work_in_rounds
from vinr_server.workers.segments import scan_on

# Due work is written within a second of falling due.
PAUSE_SECONDS = 0.25
# One engine batch at a time, so that requests in the same process are not kept waiting.
ACCOUNTS_MAX = 256
SESSIONS_MAX = 256
OFFERS_MAX = 256
REFERRALS_MAX = 256
FORGET_EVERY = timedelta(hours=1)


class DueWorker:
    """Polls for due work and submits it as commands; what another worker did meanwhile changes nothing."""

    def __init__(self, pool: Any, writer: Writer, *, clock: Clock = wall_clock) -> None:
        self._pool, self._writer, self._clock = pool, writer, clock
        self._stopping = asyncio.Event()
        self._forget_at = clock()
        self._reminders = ReminderRounds()
        self.figures = DueFigures()

    def stop(self) -> None:
        """The worker ends after the round it is in."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped; wait for a database that is away."""
        await work_in_rounds(self.work_once, self._stopping, what="due work", pause_seconds=PAUSE_SECONDS)

    async def work_once(self) -> bool:
        """Work one round; answer whether there was anything to do."""
        now = self._clock()
        accounts = await due_accounts(self._pool, now, limit=ACCOUNTS_MAX)
        await self._submit_all([(account.realm, account.livemode, ExpireLots(account.id)) for account in accounts])
        steps = await due_steps(self._pool, now, limit=ACCOUNTS_MAX)
        await self._submit_all([(due.realm, due.livemode, TakeSteps(due.account_id)) for due in steps])
        left = await left_behind(self._pool, limit=ACCOUNTS_MAX)
        await self._submit_all([(row.realm, row.livemode, FollowCampaign(row.enrolment_id)) for row in left])
        is_reminding, behind = await self._reminders.next(self._pool, limit=ACCOUNTS_MAX)
        await self._submit_all(behind)
        offers = await due_offers(self._pool, now, limit=OFFERS_MAX)
        await self._submit_all([(offer.realm, offer.livemode, CloseOffer(offer.id)) for offer in offers])
        sessions = await due_sessions(self._pool, now, limit=SESSIONS_MAX)
        over: list[tuple[int, bool, Command]] = [
            (session.realm, session.livemode, ExpireCheckoutSession(session.id, only_if_over=True))
            for session in sessions
        ]
        await self._submit_all(over)
        referrals = await due_referrals(self._pool, now, limit=REFERRALS_MAX)
        await self._submit_all([(due.realm, due.livemode, ExpireReferral(due.id)) for due in referrals])
        moving = await moving_members(self._pool, now, limit=ACCOUNTS_MAX)
        await self._submit_all([(member.realm, member.livemode, JudgeSegments(member.id)) for member in moving])
        begun = await begin_entries(self._pool, now, limit=ACCOUNTS_MAX)
        await self._submit_all(begun)
        pages = await scan_on(self._pool, now, limit=ACCOUNTS_MAX)
        await self._submit_all(pages)
        entering = await let_in(self._pool, now, limit=ACCOUNTS_MAX)
        await self._submit_all(entering)
        due_at = [row.due_at for rows in (accounts, steps, offers, sessions, referrals, moving) for row in rows]
        lags = [(now - at).total_seconds() for at in due_at if at is not None]
        self.figures.lag_seconds = max(lags, default=0.0)
        self.figures.accounts += len(accounts)
        clocks = await settled_clocks(self._pool)
        self.figures.clocks += len(clocks)
        await self._submit_all([(clock.realm, False, FinishTestClock(clock.id, clock.frozen_at)) for clock in clocks])
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            await forget(self._pool)
            self._reminders.again()
        of_members = accounts or steps or left or is_reminding or moving or pages or begun or entering
        return bool(of_members or offers or sessions or referrals or clocks)

    async def _submit_all(self, commands: list[tuple[int, bool, Command]]) -> None:
        await submit_all(self._writer, commands, failure="due work was not done")
